"""HoVer-Net, and the checkpoints of its other implementations."""

from napari_pathprune.models.hovernet.hovernet import HoVerNet

__all__ = ["HoVerNet"]
