"""Segmentation of the nuclei of a slide."""
