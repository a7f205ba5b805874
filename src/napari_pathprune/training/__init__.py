"""Targets, augmentation, losses and the fit loop."""
