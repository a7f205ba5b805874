"""The HTML report of a compression."""
