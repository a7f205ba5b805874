"""Workflows that run beside the window."""
