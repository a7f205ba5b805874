"""Patches cut from images: geometry and colours."""
