"""Comparison of two segmentations of one slide."""
