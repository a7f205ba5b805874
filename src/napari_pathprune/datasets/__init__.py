"""Annotated images: reading them from disk and cutting patches from them."""
