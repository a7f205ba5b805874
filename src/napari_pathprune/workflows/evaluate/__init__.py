"""Score models on annotated images."""
