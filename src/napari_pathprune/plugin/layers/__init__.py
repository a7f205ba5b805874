"""Slides and nuclei as napari layers, and layers as slides."""
