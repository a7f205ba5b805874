"""Layers of nuclei that a person corrects."""
