"""Pictures that show why methods differ: one a file, which gathers its numbers and draws them."""
