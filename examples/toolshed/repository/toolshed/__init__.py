"""A shed of tools that neighbours lend to each other."""
