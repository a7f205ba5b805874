"""Instances of tiles -> instances of the slide: each nucleus once, whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from scipy import ndimage

from napari_pathprune.inference.ownership import Territory
from napari_pathprune.instances.numbering import without_gaps
from napari_pathprune.instances.table import InstanceTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.base.box import Box
    from napari_pathprune.slides.tiles import Tile

SAME_NUCLEUS: Final = 0.5
"""Two masks that share more than this of the smaller one are one nucleus ..."""
SPECK: Final = 0.25
"""... unless the smaller one has less than this of the larger one's pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class TileNuclei:
    """The nuclei that one tile answers for.

    Parameters
    ----------
    box
        (y0, x0, y1, x1), where `labels` lies; holds the tile's write box and all its nuclei.
    labels
        (y1 - y0, x1 - x0) int32, slide-wide ids; 0 also where other tiles' nuclei are.
    table
        The same nuclei with the same ids, in the pixels of `box`.
    """

    box: Box
    labels: NDArray[np.int32]
    table: InstanceTable


@dataclass(frozen=True, slots=True, eq=False)
class _Accepted:
    """A nucleus that tiles still to come will see as well."""

    box: Box
    mask: NDArray[np.bool_]
    area: int
    last: int  # number of the last tile that sees it


class Stitcher:
    """Accept each nucleus of a region from exactly one tile.

    Tiles are added in their order; some may be left out. Memory is bounded by the nuclei near tiles still to come.
    A nucleus is whole and not doubled if the halo beyond the maps' edge is at least its radius.

    Parameters
    ----------
    tiles
        All tiles of the region, row major, in view pixels.
    bounds
        (H, W) of the view: what lies outside is mirrored tissue, and cut off.
    margin_px
        What a tile's maps lack of its read box on each side (``model.margin_px``).

    Examples
    --------
    >>> import numpy as np
    >>> from napari_pathprune.slides.tiles import tile_region
    >>> slide = np.zeros((40, 80), np.int32)
    >>> slide[10:20, 35:47] = 1  # over the seam at column 40
    >>> tiles = tile_region((0, 0, 40, 80), write_px=40, halo_px=16)
    >>> stitcher = Stitcher(tiles, slide.shape)
    >>> left = stitcher.add(tiles[0], slide[:, :56], (0, 0))
    >>> right = stitcher.add(tiles[1], slide[:, 24:], (0, 24))
    >>> len(left.table), len(right.table), right.table.area.tolist(), right.table.box.tolist()
    (0, 1, [120.0], [[10, 35, 20, 47]])
    """

    def __init__(self, tiles: Sequence[Tile], bounds: tuple[int, int], margin_px: int = 0) -> None:
        self._territory = Territory.of(tiles, bounds, margin_px)
        self._number = {tile: number for number, tile in enumerate(tiles)}
        self._before = -1
        self._accepted: list[_Accepted] = []
        self.count = 0
        """Nuclei accepted so far; also the highest id."""

    def add(
        self,
        tile: Tile,
        instances: NDArray[Any],
        origin: tuple[int, int],
        types: NDArray[Any] | None = None,
    ) -> TileNuclei:
        """Accept what a tile answers for.

        Parameters
        ----------
        tile
            One of the tiles, later in their order than all before.
        instances
            (h, w) integers, the tile's instance map, at least what lies of `tile.read` within margin and slide.
        origin
            View pixel (y, x) of the map's first pixel.
        types
            (T, h, w) probabilities of the types, or None.

        Returns
        -------
        TileNuclei
            In view pixels, ids ``count + 1`` and up.

        Raises
        ------
        ValueError
            If a tile comes out of order, or its map is too small.
        """
        number = self._turn(tile)
        seen = self._seen(number, instances.shape, origin)
        window = slice(seen[0] - origin[0], seen[2] - origin[0]), slice(seen[1] - origin[1], seen[3] - origin[1])
        _, numbers = without_gaps(instances[window])
        boxes, centres, area = _measured(numbers, seen[:2])
        claimed = self._territory.claimed(number, boxes, centres)

        earlier = self._drawn(seen)
        claimed &= ~self._known(numbers, area, earlier)
        ids = np.zeros(len(area) + 1, np.int32)
        ids[1:][claimed] = np.arange(self.count + 1, self.count + 1 + np.count_nonzero(claimed))
        labels = ids[numbers]
        _yield_to(labels, earlier)

        box = _hull([self._territory.write[number].tolist(), *boxes[claimed].tolist()], seen)
        inner = slice(box[0] - seen[0], box[2] - seen[0]), slice(box[1] - seen[1], box[3] - seen[1])
        labels = np.ascontiguousarray(labels[inner])
        kinds = None if types is None else types[:, window[0], window[1]][:, inner[0], inner[1]]
        table = InstanceTable.from_instance_map(labels, kinds).transformed(offset=box[:2])
        self._remember(number, table, box[:2], labels)
        return TileNuclei(box, labels, table)

    def recall(self, tile: Tile, nuclei: TileNuclei) -> None:
        """Take what `add` gave for a tile in an earlier, stopped run, instead of `add`.

        Parameters
        ----------
        tile
            One of the tiles, later in their order than all before.
        nuclei
            In view pixels.
        """
        self._remember(self._turn(tile), nuclei.table, nuclei.box[:2], nuclei.labels)

    def _turn(self, tile: Tile) -> int:
        number = self._number.get(tile, -1)
        if number <= self._before:
            raise ValueError(f"tiles are stitched in their order, each once; got {tile} after number {self._before}")
        self._before = number
        return number

    def _seen(self, number: int, shape: tuple[int, ...], origin: tuple[int, int]) -> Box:
        """Give the part of a map that lies in the slide."""
        height, width = self._territory.bounds
        seen = (
            max(origin[0], 0),
            max(origin[1], 0),
            min(origin[0] + shape[0], height),
            min(origin[1] + shape[1], width),
        )
        wanted = self._territory.seen[number].tolist()
        if any(a > b for a, b in zip(seen[:2], wanted[:2], strict=True)) or any(
            a < b for a, b in zip(seen[2:], wanted[2:], strict=True)
        ):
            raise ValueError(f"the tile's map covers {seen}, but its read box less the margin is {tuple(wanted)}")
        return seen

    def _drawn(self, seen: Box) -> NDArray[np.int32]:
        """Nuclei accepted before, as a map of 1 + their place in the list."""
        earlier = np.zeros((seen[2] - seen[0], seen[3] - seen[1]), np.int32)
        for place, nucleus in enumerate(self._accepted, start=1):
            y0, x0, y1, x1 = nucleus.box
            top, left = max(y0, seen[0]), max(x0, seen[1])
            bottom, right = min(y1, seen[2]), min(x1, seen[3])
            if top < bottom and left < right:
                part = earlier[top - seen[0] : bottom - seen[0], left - seen[1] : right - seen[1]]
                part[nucleus.mask[top - y0 : bottom - y0, left - x0 : right - x0]] = place
        return earlier

    def _known(
        self, numbers: NDArray[np.int32], area: NDArray[np.int64], earlier: NDArray[np.int32]
    ) -> NDArray[np.bool_]:
        """Which instances were accepted before, from another tile."""
        known = np.zeros(len(area), np.bool_)
        both = np.flatnonzero((earlier > 0) & (numbers > 0))
        if not len(both):
            return known
        count = len(self._accepted) + 1
        pairs, shared = np.unique(
            numbers.ravel()[both].astype(np.int64) * count + earlier.ravel()[both], return_counts=True
        )
        row, place = pairs // count - 1, pairs % count - 1
        other = np.array([nucleus.area for nucleus in self._accepted])[place]
        smaller, larger = np.minimum(area[row], other), np.maximum(area[row], other)
        known[row[(shared > SAME_NUCLEUS * smaller) & (smaller >= SPECK * larger)]] = True
        covered = np.bincount(row, shared, len(area))
        return known | (covered > SAME_NUCLEUS * area)

    def _remember(self, number: int, table: InstanceTable, origin: tuple[int, int], labels: NDArray[np.int32]) -> None:
        self._accepted = [nucleus for nucleus in self._accepted if nucleus.last > number]
        if not len(table):
            return
        self.count = max(self.count, int(table.id.max()))
        last = self._territory.last_to_see(number, table.box)
        for row in np.flatnonzero(last >= 0):
            y0, x0, y1, x1 = (int(side) for side in table.box[row])
            part = labels[y0 - origin[0] : y1 - origin[0], x0 - origin[1] : x1 - origin[1]]
            mask = part == table.id[row]
            self._accepted.append(_Accepted((y0, x0, y1, x1), mask, int(mask.sum()), int(last[row])))


def _measured(
    numbers: NDArray[np.int32], origin: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Boxes (N, 4), centroids (N, 2) and areas (N,) of the instances 1 to N."""
    found = ndimage.find_objects(numbers)
    boxes = np.array([(d.start, a.start, d.stop, a.stop) for d, a in found], np.int64).reshape(-1, 4)
    pixels = np.flatnonzero(numbers)
    owner = numbers.ravel()[pixels].astype(np.intp) - 1
    rows = pixels // numbers.shape[1]
    area = np.bincount(owner, minlength=len(boxes))
    sums = [np.bincount(owner, along, len(boxes)) for along in (rows, pixels - rows * numbers.shape[1])]
    centres = np.stack(sums, axis=1) / area[:, None] + np.array(origin)
    return boxes + np.array((*origin, *origin)), centres, area


def _yield_to(labels: NDArray[np.int32], earlier: NDArray[np.int32]) -> None:
    """Leave pixels to the nuclei accepted before, in place; the largest part of a nucleus torn apart by that stays."""
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


def _hull(boxes: Sequence[Sequence[int]], bounds: Box) -> Box:
    y0, x0, y1, x1 = zip(*boxes, strict=True)
    return max(min(y0), bounds[0]), max(min(x0), bounds[1]), min(max(y1), bounds[2]), min(max(x1), bounds[3])
