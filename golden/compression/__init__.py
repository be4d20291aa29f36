"""Making networks smaller: pruning, shared weights, Huffman coding, ternary weights, low rank (SPEC section 15)."""
