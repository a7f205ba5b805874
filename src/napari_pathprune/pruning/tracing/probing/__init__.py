"""Runs of narrower models, which show where the code of a model relies on widths."""
