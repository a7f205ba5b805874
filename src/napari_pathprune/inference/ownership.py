"""Which tile owns which nucleus, decided from boxes alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.slides.tiles import Tile


@dataclass(frozen=True, slots=True, eq=False)
class Territory:
    """The boxes of all tiles of a region, (T, 4) int64, in view pixels, in processing order.

    Parameters
    ----------
    write
        The box that each tile is responsible for.
    seen
        The box that each tile's maps cover, clipped to the slide.
    bounds
        (H, W) of the view.

    Examples
    --------
    >>> from napari_pathprune.slides.tiles import tile_region
    >>> territory = Territory.from_tiles(tile_region((0, 0, 40, 80), write_px=40, halo_px=16), (40, 80), margin_px=0)
    >>> box, centre = np.array([[10, 35, 20, 47]]), np.array([[14.5, 40.5]])  # a nucleus on the seam at column 40
    >>> [territory.claim(tile, box, centre).item() for tile in (0, 1)]
    [False, True]
    """

    write: NDArray[np.int64]
    seen: NDArray[np.int64]
    bounds: tuple[int, int]

    @classmethod
    def from_tiles(cls, tiles: Sequence[Tile], bounds: tuple[int, int], margin_px: int) -> Territory:
        """Return the territory of tiles whose maps are smaller than their read boxes by a margin on each side."""
        write = np.array([tile.write for tile in tiles], np.int64).reshape(-1, 4)
        read = np.array([tile.read for tile in tiles], np.int64).reshape(-1, 4)
        seen = read + np.array((margin_px, margin_px, -margin_px, -margin_px))
        return cls(write, np.clip(seen, 0, np.array((*bounds, *bounds))), bounds)

    def claim(self, tile: int, boxes: NDArray[np.int64], centres: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which nuclei a tile may accept, given that the tiles before it are finished.

        The owner of a nucleus is the tile whose write box contains its centroid, if that tile sees it whole. A nucleus
        that is cut by the edge of the owner's maps waits for a later tile that sees it whole. A tile also claims
        nuclei that their owner cannot see whole, and nuclei that reach into its write box although their owner, which
        is finished, should have accepted them. The caller drops those that were accepted before.

        Parameters
        ----------
        tile
            Number of the tile.
        boxes
            (N, 4), boxes of the nuclei that the tile sees, view pixels.
        centres
            (N, 2), their centroids (y, x), view pixels.

        Returns
        -------
        ndarray
            (N,) bool.
        """
        near = np.flatnonzero(_overlaps(self.seen, self.seen[tile]))
        mine = int(np.searchsorted(near, tile))
        sees_whole = self._sees_whole(near, boxes)
        contains_centre = self._contains_centre(near, centres)
        owner = np.where(contains_centre.any(axis=0), contains_centre.argmax(axis=0), -1)
        is_owner = owner == mine
        must_wait = ~sees_whole[mine] & sees_whole[near > tile].any(axis=0)
        owner_sees_whole = np.take_along_axis(sees_whole, np.maximum(owner, 0)[None], axis=0)[0]
        owner_missed_it = (owner < mine) & _overlaps(boxes, self.write[tile])
        takes_over = (owner >= 0) & sees_whole[mine] & (~owner_sees_whole | owner_missed_it)
        claimed: NDArray[np.bool_] = np.where(is_owner, ~must_wait, takes_over)
        return claimed

    def last_to_see(self, tile: int, boxes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number (N,) of the last tile whose maps overlap each box; -1 if no tile after `tile` does."""
        later = np.flatnonzero(_overlaps(self.seen, self.seen[tile]))
        later = later[later > tile]
        if not len(later):
            return np.full(len(boxes), -1, np.int64)
        is_seen = np.stack([_overlaps(boxes, self.seen[k]) for k in later], axis=1)
        last: NDArray[np.int64] = np.where(is_seen, later, -1).max(axis=1, initial=-1)
        return last

    def _sees_whole(self, tiles: NDArray[np.int64], boxes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return, as (K, N), whether a box lies in a tile's maps without touching an edge that is not the slide's."""
        seen = self.seen[tiles][:, None]
        starts = (boxes[:, :2] > seen[..., :2]) | (seen[..., :2] == 0)
        ends = (boxes[:, 2:] < seen[..., 2:]) | (seen[..., 2:] == np.array(self.bounds))
        inside = (boxes[:, :2] >= seen[..., :2]) & (boxes[:, 2:] <= seen[..., 2:])
        return np.asarray((starts & ends & inside).all(axis=2))

    def _contains_centre(self, tiles: NDArray[np.int64], centres: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return, as (K, N), whether a tile's write box contains a centre."""
        write = self.write[tiles][:, None] - 0.5  # the centre of a pixel is a whole number
        return np.asarray(((centres >= write[..., :2]) & (centres < write[..., 2:])).all(axis=2))


def _overlaps(boxes: NDArray[np.int64], box: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which boxes overlap a box."""
    return np.asarray(((boxes[:, :2] < box[2:]) & (boxes[:, 2:] > box[:2])).all(axis=1))
