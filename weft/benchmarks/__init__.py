"""How fast things are: one benchmark a function, one subject a file.

`registry` has what a benchmark is.  A file in this folder whose functions carry the decorator `benchmark` adds to `weft bench`;
nothing else has to be told.
"""
