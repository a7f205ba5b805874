"""Scores and a target -> a prune plan."""
