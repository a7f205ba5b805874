"""Annotation projects: regions of slides whose nuclei a person has corrected."""
