"""Layouts of annotated images on disk, one file for each layout."""
