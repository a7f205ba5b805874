"""Tiles of a region: the box whose maps a tile computes, and the box whose nuclei it is responsible for (write)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from napari_pathprune.base.box import Box, check_box

FAR: Final = 2**40
"""Beyond any slide."""
EDGE_PX: Final = 16
"""Maps are computed up to this far outside the slide, in the mirrored image, so that slopes exist at its edge."""
REACH_PX: Final = 64
"""Maps are computed up to this far outside the region, so that most nuclei on its edge are seen whole."""
LAG_PX: Final = 96
"""Write boxes end this far before the maps, at most, so that most nuclei on their edge are seen whole."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One unit of work on a slide. Both boxes are (y0, x0, y1, x1) in view pixels.

    Attributes
    ----------
    maps
        The box whose network maps are computed with this tile. Inner edges lie on multiples of the network's stride.
        The boxes of all tiles partition the region and its surroundings.
    write
        The box that this tile is responsible for: it reports the nuclei whose centroids lie in it. All of its maps are
        known after this tile and those before it. The write boxes of all tiles partition the region.
    """

    maps: Box
    write: Box


def tile_region(
    region: Box, shape: tuple[int, int], maps_px: int, stride_px: int = 1, write_px: int | None = None
) -> tuple[Tile, ...]:
    """Cut a region into tiles, row major, of similar sizes.

    Write boxes lag behind the maps, to the upper left, because the maps further down and to the right are not known
    yet when a tile is processed.

    Parameters
    ----------
    region
        Box in view pixels.
    shape
        Height and width of the view. Maps reach `REACH_PX` beyond the region, but only `EDGE_PX` beyond the view.
    maps_px
        Largest side of a box of maps in view pixels. All boxes are made smaller rather than leaving a sliver at the
        end: 2100 px at a largest size of 1000 px are cut into three times 700 px.
    stride_px
        Stride of the network (``model.stride_px``); boxes of maps meet at its multiples.
    write_px
        The region is cut into as few parts on each axis as its own length takes at this side, where `maps_px` allows
        it; None for as few as `maps_px` allows.

    Raises
    ------
    ValueError
        If the region is empty, or the tiles are smaller than the stride.

    Examples
    --------
    >>> for tile in tile_region((0, 0, 100, 600), (100, 600), maps_px=400, stride_px=8):
    ...     print(tile)
    Tile(maps=(-16, -16, 116, 296), write=(0, 0, 100, 200))
    Tile(maps=(-16, 296, 116, 616), write=(0, 200, 100, 600))
    """
    y0, x0, y1, x1 = check_box(region)
    if y1 == y0 or x1 == x0:
        raise ValueError(f"got the region {(y0, x0, y1, x1)}, which has no pixels; choose one that overlaps the slide")
    if not 1 <= stride_px <= maps_px:
        raise ValueError(f"got maps_px={maps_px} and stride_px={stride_px}; expected 1 <= stride_px <= maps_px")
    rows, columns = (
        list(pairwise(_cut(start, stop, length, maps_px, stride_px, write_px)))
        for start, stop, length in ((y0, y1, shape[0]), (x0, x1, shape[1]))
    )
    return tuple(
        Tile((top.maps, left.maps, bottom.maps, right.maps), (top.write, left.write, bottom.write, right.write))
        for top, bottom in rows
        for left, right in columns
    )


def cut_evenly(region: Box, side_px: int) -> list[Box]:
    """Cut a region into boxes, row major, of at most a side, whose sides differ by one pixel at most.

    Examples
    --------
    >>> cut_evenly((0, 0, 100, 250), 128)
    [(0, 0, 100, 125), (0, 125, 100, 250)]
    """
    y0, x0, y1, x1 = check_box(region)

    def edges(start: int, stop: int) -> list[int]:
        count = -(-(stop - start) // side_px)
        return [start + i * (stop - start) // count for i in range(count + 1)]

    return [
        (top, left, bottom, right) for top, bottom in pairwise(edges(y0, y1)) for left, right in pairwise(edges(x0, x1))
    ]


def find_needed(tile: Tile) -> list[Box]:
    """Return the boxes whose maps the tiles after this one may need: to the right of it, and below its row."""
    top, _, bottom, right = (side - LAG_PX for side in tile.write)
    return [(top, right, FAR, FAR), (bottom, -FAR, FAR, FAR)]


def align_down(position: int, stride_px: int) -> int:
    """Return the largest multiple of the stride up to a position, where an input of the network may start.

    Examples
    --------
    >>> align_down(21, 8), align_down(-3, 8)
    (16, -8)
    """
    return position // stride_px * stride_px


@dataclass(frozen=True, slots=True)
class _Line:
    """A line between tiles on one axis: where maps meet, and where write boxes meet."""

    maps: int
    write: int


def _cut(start: int, stop: int, length: int, largest: int, stride: int, write_px: int | None) -> list[_Line]:
    """Return the lines between tiles on one axis, including both ends."""
    first, last = max(start - REACH_PX, -EDGE_PX), min(stop + REACH_PX, length + EDGE_PX)
    step = align_down(largest, stride)
    count = -(-(last - first) // step) if write_px is None else -(-(stop - start) // write_px)
    while True:
        inner = sorted({align_down(first + i * (last - first) // count, stride) for i in range(1, count)})
        if all(after - before <= step for before, after in pairwise([first, *inner, last])):
            break
        count += 1  # the stride left one part too large
    lag = max(min(LAG_PX, ((last - first) // count - (start - first)) // 2), 0)
    lines = [_Line(first, start)]
    lines += [_Line(line, line - lag) for line in inner if start < line - lag < stop]
    return [*lines, _Line(last, stop)]
