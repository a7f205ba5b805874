"""Prediction of network maps, post-processing to instances, and stitching of tiles."""
