"""A region cut into tiles: what the network sees (read) and what each tile answers for (write)."""

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
        What the network sees: `write` and a halo around it. May reach outside the slide, where views mirror.
    write
        What this tile answers for. The write boxes of a region's tiles partition the region.
    level
        Level of the pyramid that the pixels come from.
    mpp
        Pixel size of the view in um.
    """

    read: Box
    write: Box
    level: int
    mpp: float


def tiles_of(
    region: Box, write_px: int | tuple[int, int], halo_px: int, level: int = 0, mpp: float = math.nan
) -> tuple[Tile, ...]:
    """Tiles whose write boxes partition a region, row major, as evenly sized as whole pixels allow.

    Parameters
    ----------
    region
        Box in view pixels.
    write_px
        Largest side (height, width) of a write box in view pixels. Boxes get smaller than that rather than
        leaving a sliver at the end: 2100 px by at most 1000 px are three times 700 px.
    halo_px
        Margin around the write box that the network sees too, in view pixels.
    level, mpp
        Handed on to the tiles.

    Raises
    ------
    ValueError
        If the region is empty, or sizes are not positive.

    Examples
    --------
    >>> [tile.write for tile in tiles_of((0, 0, 100, 250), write_px=128, halo_px=16)]
    [(0, 0, 100, 125), (0, 125, 100, 250)]
    >>> tiles_of((0, 0, 100, 250), write_px=128, halo_px=16)[0].read
    (-16, -16, 116, 141)
    """
    y0, x0, y1, x1 = check_box(region)
    height, width = (write_px, write_px) if isinstance(write_px, int) else write_px
    if y1 == y0 or x1 == x0:
        raise ValueError(f"the region {(y0, x0, y1, x1)} holds no pixels; choose one that overlaps the slide")
    if min(height, width) < 1 or halo_px < 0:
        raise ValueError(f"tiles need write_px >= 1 and halo_px >= 0, got {write_px} and {halo_px}")
    return tuple(
        Tile((top - halo_px, left - halo_px, bottom + halo_px, right + halo_px), (top, left, bottom, right), level, mpp)
        for top, bottom in pairwise(_cuts(y0, y1, height))
        for left, right in pairwise(_cuts(x0, x1, width))
    )


def _cuts(start: int, stop: int, largest: int) -> list[int]:
    count = -(-(stop - start) // largest)
    return [start + i * (stop - start) // count for i in range(count + 1)]
