"""Networks that return named maps, built by name."""

from napari_pathprune.models.registry import build, list_architectures

__all__ = ["build", "list_architectures"]
