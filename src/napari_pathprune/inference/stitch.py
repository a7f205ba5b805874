"""Stitching of the instances of tiles to those of the slide, with each nucleus once and whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from scipy import ndimage

from napari_pathprune.inference.ownership import Territory
from napari_pathprune.instances.numbering import renumber
from napari_pathprune.instances.table import InstanceTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.base.box import Box
    from napari_pathprune.slides.tiles import Tile

SAME_NUCLEUS: Final = 0.5
"""Two masks whose overlap is more than this share of the smaller one are the same nucleus ..."""
SPECK: Final = 0.25
"""... unless the smaller one has less than this share of the pixels of the larger one."""


@dataclass(frozen=True, slots=True, eq=False)
class TileNuclei:
    """The nuclei that one tile owns.

    Parameters
    ----------
    box
        (y0, x0, y1, x1), the box of `labels`; contains the write box of the tile and all its nuclei.
    labels
        (y1 - y0, x1 - x0) int32, slide-wide ids; 0 also for the nuclei of other tiles.
    table
        The same nuclei with the same ids, in the pixel grid of `box`.
    dropped
        Number of blobs that the tile owned and that were too large for a nucleus.
    damaged
        Boxes in level-0 pixels of the slide that could not be read so far.
    """

    box: Box
    labels: NDArray[np.int32]
    table: InstanceTable
    dropped: int = 0
    damaged: frozenset[Box] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class _Accepted:
    """A nucleus near a later tile."""

    box: Box
    mask: NDArray[np.bool_]
    area: int
    last_tile: int  # the last tile whose write box is near


class Stitcher:
    """Accept each nucleus of a region from exactly one tile, the one whose write box contains its centroid.

    Tiles are added in order; some may be left out. If tiles see the same nuclei, as they do unless a clump is larger
    than what a tile sees, nothing else matters. Where they do not, nuclei accepted before take precedence; only those
    near later tiles are kept in memory.

    Parameters
    ----------
    tiles
        All tiles of the region, in row-major order, in view pixels.
    bounds
        (H, W) of the view; maps outside show mirrored tissue and are cut off.
    is_open
        Function that states which centroids (N, 2), in view pixels, are of interest, (N,) bool; None for all.
    largest_px
        Blobs of more pixels are no nuclei; they are dropped and counted.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_pathprune.slides.tiles import Tile
    >>> slide = np.zeros((40, 80), np.int32)
    >>> slide[10:20, 35:47] = 1  # crosses the seam at column 40
    >>> tiles = Tile((0, 0, 40, 56), (0, 0, 40, 40)), Tile((0, 56, 40, 80), (0, 40, 40, 80))
    >>> stitcher = Stitcher(tiles, slide.shape)
    >>> left = stitcher.add(tiles[0], slide[:, :56], (0, 0))
    >>> right = stitcher.add(tiles[1], slide[:, 24:], (0, 24))
    >>> len(left.table), len(right.table), right.table.area.tolist(), right.table.box.tolist()
    (0, 1, [120.0], [[10, 35, 20, 47]])
    """

    def __init__(
        self,
        tiles: Sequence[Tile],
        bounds: tuple[int, int],
        is_open: Callable[[NDArray[np.float64]], NDArray[np.bool_]] | None = None,
        largest_px: float = math.inf,
    ) -> None:
        self._territory, self._bounds, self._is_open = Territory.from_tiles(tiles), bounds, is_open
        self._largest_px = largest_px
        self._numbers = {tile: number for number, tile in enumerate(tiles)}
        self._last = -1
        self._accepted: list[_Accepted] = []
        self.count = 0
        """Number of nuclei accepted so far, and the highest id."""
        self.dropped = 0
        """Number of blobs dropped so far."""

    def add(
        self,
        tile: Tile,
        instances: NDArray[Any],
        origin: tuple[int, int],
        types: NDArray[Any] | None = None,
    ) -> TileNuclei:
        """Accept the nuclei that a tile owns.

        Parameters
        ----------
        tile
            One of the tiles, later in order than those added before.
        instances
            (h, w) integers, instance map of at least the write box.
        origin
            Position (y, x) of the first pixel of the map, view pixels.
        types
            (T, h, w) probabilities of the types, or None.

        Returns
        -------
        TileNuclei
            In view pixels, with ids from ``count + 1``.

        Raises
        ------
        ValueError
            If a tile is out of order, or its map is too small.
        """
        number = self._advance(tile)
        seen = self._clip_map(number, instances.shape, origin)
        window = slice(seen[0] - origin[0], seen[2] - origin[0]), slice(seen[1] - origin[1], seen[3] - origin[1])
        _, numbers = renumber(instances[window])
        boxes, centres, area = _measure(numbers, seen[:2])
        claimed = self._territory.owns(number, centres)
        if self._is_open is not None:
            claimed &= self._is_open(centres)
        is_blob = claimed & (area > self._largest_px)
        claimed &= ~is_blob
        dropped = int(np.count_nonzero(is_blob))
        self.dropped += dropped

        earlier = self._draw_accepted(seen)
        claimed &= ~self._is_known(numbers, area, earlier)
        ids = np.zeros(len(area) + 1, np.int32)
        ids[1:][claimed] = np.arange(self.count + 1, self.count + 1 + np.count_nonzero(claimed))
        labels = ids[numbers]
        _cede_pixels(labels, earlier)

        box = _enclose([self._territory.write[number].tolist(), *boxes[claimed].tolist()], seen)
        inner = slice(box[0] - seen[0], box[2] - seen[0]), slice(box[1] - seen[1], box[3] - seen[1])
        labels = np.ascontiguousarray(labels[inner])
        probabilities = None if types is None else types[:, window[0], window[1]][:, inner[0], inner[1]]
        table = InstanceTable.from_instance_map(labels, probabilities, box[:2])
        self._remember(number, table, box[:2], labels)
        return TileNuclei(box, labels, table, dropped)

    def restore(self, tile: Tile, nuclei: TileNuclei) -> None:
        """Restore what `add` returned for a tile in an interrupted run.

        Parameters
        ----------
        tile
            One of the tiles, later in order than those added before.
        nuclei
            The nuclei in view pixels.
        """
        self.dropped += nuclei.dropped
        self._remember(self._advance(tile), nuclei.table, nuclei.box[:2], nuclei.labels)

    def _advance(self, tile: Tile) -> int:
        """Return the number of a tile, and make it the last one."""
        number = self._numbers.get(tile, -1)
        if number <= self._last:
            raise ValueError(f"got {tile} after tile number {self._last}; add the tiles in order, each once")
        self._last = number
        return number

    def _clip_map(self, number: int, shape: tuple[int, ...], origin: tuple[int, int]) -> Box:
        """Return the box of the part of a map that lies in the slide."""
        height, width = self._bounds
        seen = (
            max(origin[0], 0),
            max(origin[1], 0),
            min(origin[0] + shape[0], height),
            min(origin[1] + shape[1], width),
        )
        needed = self._territory.write[number].tolist()
        if any(a > b for a, b in zip(seen[:2], needed[:2], strict=True)) or any(
            a < b for a, b in zip(seen[2:], needed[2:], strict=True)
        ):
            raise ValueError(f"got a map of {seen}; expected the write box {tuple(needed)} or more")
        return seen

    def _draw_accepted(self, seen: Box) -> NDArray[np.int32]:
        """Draw the nuclei accepted before, each with 1 + its index in the list."""
        earlier = np.zeros((seen[2] - seen[0], seen[3] - seen[1]), np.int32)
        for place, nucleus in enumerate(self._accepted, start=1):
            y0, x0, y1, x1 = nucleus.box
            top, left = max(y0, seen[0]), max(x0, seen[1])
            bottom, right = min(y1, seen[2]), min(x1, seen[3])
            if top < bottom and left < right:
                part = earlier[top - seen[0] : bottom - seen[0], left - seen[1] : right - seen[1]]
                part[nucleus.mask[top - y0 : bottom - y0, left - x0 : right - x0]] = place
        return earlier

    def _is_known(
        self, numbers: NDArray[np.int32], area: NDArray[np.int64], earlier: NDArray[np.int32]
    ) -> NDArray[np.bool_]:
        """Return which instances were accepted before, from another tile."""
        is_known = np.zeros(len(area), np.bool_)
        both = np.flatnonzero((earlier > 0) & (numbers > 0))
        if not len(both):
            return is_known
        count = len(self._accepted) + 1
        pairs, shared = np.unique(
            numbers.ravel()[both].astype(np.int64) * count + earlier.ravel()[both], return_counts=True
        )
        row, place = pairs // count - 1, pairs % count - 1
        other = np.array([nucleus.area for nucleus in self._accepted])[place]
        smaller, larger = np.minimum(area[row], other), np.maximum(area[row], other)
        is_known[row[(shared > SAME_NUCLEUS * smaller) & (smaller >= SPECK * larger)]] = True
        covered = np.bincount(row, shared, len(area))
        return is_known | (covered > SAME_NUCLEUS * area)

    def _remember(self, number: int, table: InstanceTable, origin: tuple[int, int], labels: NDArray[np.int32]) -> None:
        """Keep the nuclei near later tiles, and drop those that are not."""
        self._accepted = [nucleus for nucleus in self._accepted if nucleus.last_tile > number]
        if not len(table):
            return
        self.count = max(self.count, int(table.id.max()))
        last = self._territory.last_near(number, table.box)
        for row in np.flatnonzero(last >= 0):
            y0, x0, y1, x1 = (int(side) for side in table.box[row])
            part = labels[y0 - origin[0] : y1 - origin[0], x0 - origin[1] : x1 - origin[1]]
            mask = part == table.id[row]
            self._accepted.append(_Accepted((y0, x0, y1, x1), mask, int(mask.sum()), int(last[row])))


def _measure(
    numbers: NDArray[np.int32], origin: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the boxes (N, 4), centroids (N, 2) and areas (N,) of the instances 1 to N."""
    found = ndimage.find_objects(numbers)
    boxes = np.array([(d.start, a.start, d.stop, a.stop) for d, a in found], np.int64).reshape(-1, 4)
    pixels = np.flatnonzero(numbers)
    owner = numbers.ravel()[pixels].astype(np.intp) - 1
    rows = pixels // numbers.shape[1]
    area = np.bincount(owner, minlength=len(boxes))
    sums = [np.bincount(owner, along, len(boxes)) for along in (rows, pixels - rows * numbers.shape[1])]
    centres = np.stack(sums, axis=1) / area[:, None] + np.array(origin)
    return boxes + np.array((*origin, *origin)), centres, area


def _cede_pixels(labels: NDArray[np.int32], earlier: NDArray[np.int32]) -> None:
    """Clear, in place, pixels of nuclei accepted before. Of a nucleus that is split by this, the largest part stays."""
    contested = (earlier > 0) & (labels > 0)
    touched = np.unique(labels[contested])
    labels[contested] = 0
    if not len(touched):
        return
    places = ndimage.find_objects(labels)
    for id_ in touched.tolist():
        part = labels[places[id_ - 1]]
        count, blobs, stats, _ = cv2.connectedComponentsWithStats((part == id_).astype(np.uint8), connectivity=8)
        if count > 2:
            largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
            part[(blobs != largest) & (blobs > 0)] = 0


def _enclose(boxes: Sequence[Sequence[int]], bounds: Box) -> Box:
    """Return the smallest box that contains all boxes, clipped to bounds."""
    y0, x0, y1, x1 = zip(*boxes, strict=True)
    return max(min(y0), bounds[0]), max(min(x0), bounds[1]), min(max(y1), bounds[2]), min(max(x1), bounds[3])
