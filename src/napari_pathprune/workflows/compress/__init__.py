"""Prune and fine-tune a model, step by step."""
