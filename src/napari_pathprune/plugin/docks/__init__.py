"""Dock widgets, one file each."""
