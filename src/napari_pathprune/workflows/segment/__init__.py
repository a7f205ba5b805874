"""Find the nuclei of a slide."""
