"""The protocols of a network that predicts tiles, and of its form for CPUs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn


class TileNetwork(Protocol):
    """What a `torch.nn.Module` offers beyond its forward pass: the sizes of its inputs and maps."""

    @property
    def stride_px(self) -> int:
        """Step by which an input may be shifted so that its maps are shifted and not changed."""

    @property
    def padding_px(self) -> int:
        """Pixels along each edge of the maps that depend on where the input ends."""

    @property
    def margin_px(self) -> int:
        """Pixels lost on each side between input and maps."""

    def nearest_sizes(self, size_px: int) -> tuple[int, int]:
        """Return the largest valid input length up to ``size_px`` and the smallest from ``size_px`` on."""

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """Map (N, 3, H, W), 0 to 255, to logits ``np`` (N, 2, h, w), ``hv`` (N, 2, h, w) and ``tp`` (N, T, h, w).

        ``tp`` is missing from an untyped network.
        """

    def modules(self) -> Iterator[nn.Module]:
        """Iterate over all modules."""


class CpuForm(Protocol):
    """A form of a network that computes the same maps, up to rounding, in less time and memory on a CPU.

    A network that has one offers ``prepare_for_cpu()``, which returns it, or None if the module is to be used.
    """

    @property
    def bytes_per_px(self) -> float:
        """Memory of an input, its maps and all between, in bytes per pixel of the input."""

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """Compute the maps; see `TileNetwork`."""
