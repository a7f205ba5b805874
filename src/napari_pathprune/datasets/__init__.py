"""Annotated images on disk and in memory."""
