"""Compression: pruning and fine-tuning in stages."""
