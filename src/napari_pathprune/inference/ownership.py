"""Which tile owns which nucleus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.slides.tiles import Tile

NEAR_PX: Final = 64
"""A nucleus of a tile may overlap nuclei up to this far outside its write box."""


@dataclass(frozen=True, slots=True, eq=False)
class Territory:
    """The write boxes of all tiles of a region, (T, 4) int64, in view pixels, in processing order.

    A tile owns the nuclei whose centroids lie in its write box.

    Examples
    --------
    >>> from napari_pathprune.slides.tiles import Tile
    >>> left, right = Tile((0, 0, 40, 60), (0, 0, 40, 40)), Tile((0, 60, 40, 80), (0, 40, 40, 80))
    >>> territory = Territory.from_tiles([left, right])
    >>> centre = np.array([[14.5, 40.5]])
    >>> [territory.owns(tile, centre).item() for tile in (0, 1)]
    [False, True]
    """

    write: NDArray[np.int64]

    @classmethod
    def from_tiles(cls, tiles: Sequence[Tile]) -> Territory:
        """Return the territory of some tiles."""
        return cls(np.array([tile.write for tile in tiles], np.int64).reshape(-1, 4))

    def owns(self, tile: int, centres: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which centres (N, 2), (y, x), lie in the write box of a tile, (N,) bool."""
        write = self.write[tile] - 0.5  # the centre of a pixel is a whole number
        return np.asarray(((centres >= write[:2]) & (centres < write[2:])).all(axis=1))

    def last_near(self, tile: int, boxes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the last tile after `tile` whose write box is near each box (N, 4); -1 if there is none."""
        last = np.full(len(boxes), -1, np.int64)
        if not len(boxes):
            return last
        hull = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
        later = np.flatnonzero(_is_near(self.write, hull))
        for k in later[later > tile]:
            last[_is_near(boxes, self.write[k])] = k
        return last


def _is_near(boxes: NDArray[np.int64], box: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which boxes are less than NEAR_PX away from a box."""
    return np.asarray(((boxes[:, :2] < box[2:] + NEAR_PX) & (boxes[:, 2:] > box[:2] - NEAR_PX)).all(axis=1))
