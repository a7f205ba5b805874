"""Copies, example inputs and attributes of modules."""
