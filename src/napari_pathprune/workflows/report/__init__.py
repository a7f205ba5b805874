"""HTML report of a compression."""
