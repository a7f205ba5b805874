"""Protocols of what pixels are read from: one level, and a pyramid of levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from napari_pathprune.base.box import Box
from napari_pathprune.slides.resolution import Mpp

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

Key = Any  # any index that numpy accepts


class Pixels(Protocol):
    """One level: a numpy, zarr or dask array, or a level of a TIFF file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and number of channels, in pixels."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Number type of a sample."""

    def __getitem__(self, key: Key, /) -> ArrayLike:
        """Read the slices (ys, xs)."""


class PixelSource(Protocol):
    """A pyramid of RGB levels with a pixel size, such as a `Slide`."""

    @property
    def name(self) -> str:
        """Name shown to the user."""

    @property
    def mpp(self) -> Mpp | None:
        """Size of a level-0 pixel in um (y, x), or None if unknown."""

    @property
    def levels(self) -> tuple[Pixels, ...]:
        """Levels, finest first, each (h, w, 3) uint8."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of level 0 in pixels."""

    @property
    def downsamples(self) -> tuple[tuple[float, float], ...]:
        """Level-0 pixels per pixel of each level (y, x)."""

    def read(self, box: Box, level: int = 0) -> NDArray[np.uint8]:
        """Read a box in the pixels of `level` as (h, w, 3) uint8, mirrored outside the level."""


def fits_slide(source: PixelSource, level: int) -> bool:
    """Return whether a level may be used; sources that cannot compare their levels are trusted."""
    check = getattr(source, "fits", None)
    return check is None or bool(check(level))
