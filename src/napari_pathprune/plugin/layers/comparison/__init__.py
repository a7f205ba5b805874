"""Layers of a comparison: twins side by side, and their difference."""
