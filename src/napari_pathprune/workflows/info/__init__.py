"""Describe a model file."""
