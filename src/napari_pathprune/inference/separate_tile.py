"""The nuclei of a tile, with as much of the maps around it as they take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage

from napari_pathprune.inference.mosaic import Mosaic, grow_box, intersect
from napari_pathprune.inference.postprocess import DOUBT_PX, Scaling, Separated, instances_from_maps, separate_nuclei
from napari_pathprune.slides.tiles import LAG_PX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.base.box import Box
    from napari_pathprune.inference.maps import NetworkMaps

LARGEST_PX: Final = 256
"""More maps are computed for nuclei up to this height and width, in view pixels; larger ones are left as they are."""
GROWTH_PX: Final = 48
"""More maps are computed this far around a doubtful nucleus, beyond those that its own markers and slopes need."""
NEAR_PX: Final = 40
"""Maps are needed this far around a write box in any case, so that its nuclei have markers."""
ROUNDS: Final = 4
"""How often more maps are computed for a tile before doubtful nuclei are left as they are."""


def separate_tile(
    mosaic: Mosaic, write: Box, scaling: Scaling = "fixed"
) -> tuple[NDArray[np.int32], tuple[int, int], NetworkMaps, int]:
    """Separate the nuclei in and around a write box.

    Nuclei that overlap the box and might look different if more of the maps were known get more maps.

    Parameters
    ----------
    mosaic
        Knows the maps up to NEAR_PX around the write box, and usually further.
    write
        The box, in view pixels.
    scaling
        See `postprocess.instances_from_maps`. Nuclei of ``"reference"`` depend on the box.

    Returns
    -------
    instances
        (H, W) int32.
    origin
        Position (y, x) of the first pixel in the view.
    maps
        The maps of the same pixels.
    doubtful
        Number of nuclei that overlap the write box and are still doubtful.
    """
    window = intersect(grow_box(write, LAG_PX), mosaic.bounds)
    for attempt in range(ROUNDS):
        maps, known = mosaic.read(window)
        if scaling == "reference":
            return instances_from_maps(maps, scaling), window[:2], maps, 0
        found = separate_nuclei(maps, _frame(known, window, mosaic.bounds), window[:2])
        doubtful = _find_doubtful(found, window, write)
        needed = [intersect(grow_box(box, DOUBT_PX + GROWTH_PX), mosaic.bounds) for box in doubtful if _is_small(box)]
        if not needed or attempt == ROUNDS - 1:
            break
        mosaic.add(*needed)
        y0, x0, y1, x1 = zip(window, *needed, strict=True)
        window = (min(y0), min(x0), max(y1), max(x1))
    return found.instances, window[:2], maps, len(doubtful)


def _find_doubtful(found: Separated, window: Box, write: Box) -> list[Box]:
    """Return the boxes, in the view, of the doubtful nuclei that overlap the write box."""
    places = ndimage.find_objects(found.instances) if len(found.doubtful) else []
    boxes = []
    for id_ in found.doubtful.tolist():
        down, across = places[id_ - 1]
        box = (window[0] + down.start, window[1] + across.start, window[0] + down.stop, window[1] + across.stop)
        common = intersect(box, write)
        if common[0] < common[2] and common[1] < common[3]:
            boxes.append(box)
    return boxes


def _frame(known: NDArray[np.bool_], window: Box, bounds: Box) -> NDArray[np.bool_]:
    """Return what is known of a window and one pixel around it; where the maps end, all is known."""
    framed = np.pad(known, 1, constant_values=False)
    framed[0] |= window[0] == bounds[0]
    framed[-1] |= window[2] == bounds[2]
    framed[:, 0] |= window[1] == bounds[1]
    framed[:, -1] |= window[3] == bounds[3]
    return framed


def _is_small(box: Box) -> bool:
    return max(box[2] - box[0], box[3] - box[1]) <= LARGEST_PX
