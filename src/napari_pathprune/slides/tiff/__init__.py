"""Levels of TIFF files."""
