"""Prune nuclei networks until they are interactive, and see what was lost."""
