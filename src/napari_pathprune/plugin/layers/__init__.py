"""Slides and nuclei as napari layers, and back."""
