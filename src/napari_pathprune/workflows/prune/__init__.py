"""Prune a model file in one shot."""
