"""Outlines of nuclei from other programs, and label images of them."""
