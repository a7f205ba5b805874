"""Tiles of a region: the box that the network sees (read) and the box that the tile is responsible for (write)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from napari_pathprune.base.box import Box, check_box


@dataclass(frozen=True, slots=True)
class Tile:
    """One unit of slide reading. Both boxes are (y0, x0, y1, x1) in view pixels; `read` contains `write`.

    Attributes
    ----------
    read
        The box that the network sees: `write` with a halo. May reach outside the slide, where views are mirrored.
    write
        The box that this tile is responsible for. The write boxes of the tiles of a region partition the region.
    level
        Level of the pyramid that is read.
    mpp
        Pixel size of the view in um.
    """

    read: Box
    write: Box
    level: int
    mpp: float


def tile_region(
    region: Box, write_px: int | tuple[int, int], halo_px: int, level: int = 0, mpp: float = math.nan
) -> tuple[Tile, ...]:
    """Cut a region into tiles, row major, of sizes that differ by one pixel at most.

    Parameters
    ----------
    region
        Box in view pixels.
    write_px
        Largest size (height, width) of a write box in view pixels. All boxes are made smaller rather than leaving a
        sliver at the end: 2100 px at a largest size of 1000 px are cut into three times 700 px.
    halo_px
        Width of the halo around the write box, in view pixels.
    level, mpp
        Copied into the tiles.

    Raises
    ------
    ValueError
        If the region is empty, the write box is empty, or the halo is negative.

    Examples
    --------
    >>> [tile.write for tile in tile_region((0, 0, 100, 250), write_px=128, halo_px=16)]
    [(0, 0, 100, 125), (0, 125, 100, 250)]
    >>> tile_region((0, 0, 100, 250), write_px=128, halo_px=16)[0].read
    (-16, -16, 116, 141)
    """
    y0, x0, y1, x1 = check_box(region)
    height, width = (write_px, write_px) if isinstance(write_px, int) else write_px
    if y1 == y0 or x1 == x0:
        raise ValueError(f"got the region {(y0, x0, y1, x1)}, which has no pixels; choose one that overlaps the slide")
    if min(height, width) < 1 or halo_px < 0:
        raise ValueError(f"got write_px={write_px} and halo_px={halo_px}; expected write_px >= 1 and halo_px >= 0")
    return tuple(
        Tile((top - halo_px, left - halo_px, bottom + halo_px, right + halo_px), (top, left, bottom, right), level, mpp)
        for top, bottom in pairwise(_cut_evenly(y0, y1, height))
        for left, right in pairwise(_cut_evenly(x0, x1, width))
    )


def _cut_evenly(start: int, stop: int, largest: int) -> list[int]:
    """Return the edges of parts of start..stop that are at most `largest` long."""
    count = -(-(stop - start) // largest)
    return [start + i * (stop - start) // count for i in range(count + 1)]
