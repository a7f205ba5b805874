"""HoVer-Net for CPUs: layers folded into each other, and run on strips of rows that stay in the processor's cache."""

from napari_pathprune.models.hovernet.strips.fold_layers import UnfoldableError
from napari_pathprune.models.hovernet.strips.network_strips import StripNetwork, fold_network

__all__ = ["StripNetwork", "UnfoldableError", "fold_network"]
