"""Scores of channels by criterion."""
