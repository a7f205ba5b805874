"""Open slides lazily, cut them into tiles, find the tissue."""
