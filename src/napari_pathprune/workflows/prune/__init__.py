"""Pruning in one shot."""
