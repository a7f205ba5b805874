"""Patches cut from images: geometry, stain and augmentation."""
