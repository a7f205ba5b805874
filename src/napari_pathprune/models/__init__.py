"""Networks that return named maps."""

from napari_pathprune.models.registry import architectures, build

__all__ = ["architectures", "build"]
