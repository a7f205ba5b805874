"""Workflows in a background thread."""
