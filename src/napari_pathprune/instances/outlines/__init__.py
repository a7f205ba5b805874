"""Outlines of nuclei: traced, read from files of other programs, and painted."""
