"""Which tile answers for which nucleus, from boxes alone."""

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
    """The boxes of all tiles of a region, (T, 4) int64, in view pixels, in the order in which they are worked.

    Parameters
    ----------
    write
        What each tile answers for.
    seen
        What each tile's maps show, within the slide.
    bounds
        (H, W) of the view.
    """

    write: NDArray[np.int64]
    seen: NDArray[np.int64]
    bounds: tuple[int, int]

    @classmethod
    def of(cls, tiles: Sequence[Tile], bounds: tuple[int, int], margin_px: int) -> Territory:
        """Territory of tiles whose maps are smaller than what they read by a margin on each side."""
        write = np.array([tile.write for tile in tiles], np.int64).reshape(-1, 4)
        read = np.array([tile.read for tile in tiles], np.int64).reshape(-1, 4)
        seen = read + np.array((margin_px, margin_px, -margin_px, -margin_px))
        return cls(write, np.clip(seen, 0, np.array((*bounds, *bounds))), bounds)

    def claimed(self, tile: int, boxes: NDArray[np.int64], centres: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say which nuclei a tile may accept, the tiles before it being done.

        A nucleus belongs to the tile whose write box holds its centroid, if that tile sees it whole. One that is cut
        by the edge of the maps waits for a later tile that sees it whole. A tile also takes what its owner cannot see
        whole, and what reaches into its write box though the owner, already done, should have taken it: whoever calls
        this drops what was accepted before.

        Parameters
        ----------
        tile
            Which tile.
        boxes
            (N, 4), of the nuclei that the tile sees, view pixels.
        centres
            (N, 2), their centroids (y, x).
        """
        near = np.flatnonzero(_overlap(self.seen, self.seen[tile]))
        mine = int(np.searchsorted(near, tile))
        whole = self._whole(near, boxes)
        central = self._central(near, centres)
        owner = np.where(central.any(axis=0), central.argmax(axis=0), -1)
        own = owner == mine
        sees = whole[mine]
        waits = whole[near > tile].any(axis=0)
        owner_sees = np.take_along_axis(whole, np.maximum(owner, 0)[None], axis=0)[0]
        reaches = _overlap(boxes, self.write[tile])
        owner_done = owner < mine
        takes = (owner >= 0) & sees & (~owner_sees | (owner_done & reaches))
        claimed: NDArray[np.bool_] = np.where(own, sees | ~waits, takes)
        return claimed

    def last_to_see(self, tile: int, boxes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the number (N,) of the last tile whose maps show a part of each box; -1 where none after `tile` does."""
        later = np.flatnonzero(_overlap(self.seen, self.seen[tile]))
        later = later[later > tile]
        shows = np.stack([_overlap(boxes, self.seen[k]) for k in later], axis=1) if len(later) else None
        if shows is None:
            return np.full(len(boxes), -1, np.int64)
        last: NDArray[np.int64] = np.where(shows, later, -1).max(axis=1, initial=-1)
        return last

    def _whole(self, tiles: NDArray[np.int64], boxes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell, (K, N), whether a tile shows a box without its maps' edge touching it; the slide's edge may."""
        seen = self.seen[tiles][:, None]
        starts = (boxes[:, :2] > seen[..., :2]) | (seen[..., :2] == 0)
        ends = (boxes[:, 2:] < seen[..., 2:]) | (seen[..., 2:] == np.array(self.bounds))
        inside = (boxes[:, :2] >= seen[..., :2]) & (boxes[:, 2:] <= seen[..., 2:])
        return np.asarray((starts & ends & inside).all(axis=2))

    def _central(self, tiles: NDArray[np.int64], centres: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell, (K, N), whether a tile's write box holds a centre."""
        write = self.write[tiles][:, None] - 0.5  # a pixel's centre is at a whole number
        return np.asarray(((centres >= write[..., :2]) & (centres < write[..., 2:])).all(axis=2))


def _overlap(boxes: NDArray[np.int64], box: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.asarray(((boxes[:, :2] < box[2:]) & (boxes[:, 2:] > box[:2])).all(axis=1))
