"""The layouts in which annotated images are published, one file each."""
