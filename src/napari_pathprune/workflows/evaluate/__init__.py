"""Scores of models on annotated images."""
