"""HoVer-Net's post-processing of network maps to an instance map (doi:10.1016/j.media.2019.101563, section 3.2).

Steps, constants and results are those of the reference implementation, but no step passes over the image once per
nucleus.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from skimage.segmentation import watershed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.inference.maps import NetworkMaps

NUCLEAR_THRESHOLD: Final = 0.5
BORDER_THRESHOLD: Final = 0.4
SMALLEST_PX: Final = 10
"""Blobs and markers with fewer pixels are dropped."""
SOBEL_PX: Final = 21
_OPENING: Final = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))


def instances_from_maps(maps: NetworkMaps) -> NDArray[np.int32]:
    """Separate the nuclei of one tile.

    Nuclear pixels are flooded (watershed) from markers. Markers are the nuclear pixels without those where a distance
    map falls steeply, as it does from one nucleus to the next. As in the reference implementation, the distance maps
    are first scaled to their range *in this tile*.

    Parameters
    ----------
    maps
        Maps of one tile.

    Returns
    -------
    ndarray
        (H, W) int32, 0 background. Ids may have gaps.

    Raises
    ------
    ValueError
        If a map holds NaN or infinite values, as it does after training has diverged.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_pathprune.inference.maps import NetworkMaps
    >>> y, x = np.mgrid[:40, :60].astype(np.float32)
    >>> x = np.where(x < 30, x - 20, x - 40)  # two discs of radius 9, at columns 20 and 40
    >>> disc = (y - 20) ** 2 + x**2 <= 81
    >>> maps = NetworkMaps(disc.astype(np.float32), disc * x / 9, disc * (y - 20) / 9)
    >>> np.unique(instances_from_maps(maps)).tolist()
    [0, 1, 2]
    """
    for name, values in (("np", maps.nuclear), ("hv", maps.horizontal), ("hv", maps.vertical)):
        if not np.isfinite(values).all():
            raise ValueError(f"the {name} map holds NaN or infinite values; use another checkpoint of the network")
    nuclear = _label_blobs((maps.nuclear >= NUCLEAR_THRESHOLD).astype(np.uint8)) > 0
    if not nuclear.any():
        return np.zeros(maps.shape, np.int32)

    border = np.maximum(_measure_steepness(maps.horizontal, 1, 0), _measure_steepness(maps.vertical, 0, 1))
    border[~nuclear] = 0  # the slope at the outline of a nucleus is not a border between nuclei

    inside = nuclear & (border < np.float32(BORDER_THRESHOLD))
    markers = cv2.morphologyEx(_fill_holes(inside), cv2.MORPH_OPEN, _OPENING)

    flatness = 1.0 - border.astype(np.float64)  # float64 as in the reference: rounding may change the order
    flatness[~nuclear] = 0
    depth = -cv2.GaussianBlur(flatness, (3, 3), 0)
    flooded: NDArray[np.int32] = watershed(depth, markers=_label_blobs(markers), mask=nuclear)
    return flooded.astype(np.int32, copy=False)


def _measure_steepness(distance: NDArray[np.float32], dx: int, dy: int) -> NDArray[np.float32]:
    """Return 1 where the distance falls most in the tile (from one nucleus to the next), 0 where it rises most."""
    scaled = cv2.normalize(distance, None, 0, 1, cv2.NORM_MINMAX, cv2.CV_32F)
    slope = cv2.Sobel(scaled, cv2.CV_64F, dx, dy, ksize=SOBEL_PX)
    steepness: NDArray[np.float32] = 1 - cv2.normalize(slope, None, 0, 1, cv2.NORM_MINMAX, cv2.CV_32F)
    return steepness


def _label_blobs(mask: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Label the 4-connected blobs of at least SMALLEST_PX pixels, row by row, with gaps for smaller ones."""
    count, blobs = cv2.connectedComponents(mask, connectivity=4, ltype=cv2.CV_32S)
    number = np.arange(count, dtype=np.int32)
    number[np.bincount(blobs.ravel(), minlength=count) < SMALLEST_PX] = 0
    kept: NDArray[np.int32] = number[blobs]
    return kept


def _fill_holes(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Set the background that is not 4-connected to the edge of the image."""
    background = cv2.copyMakeBorder((~mask).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    _, blobs = cv2.connectedComponents(background, connectivity=4, ltype=cv2.CV_32S)
    filled: NDArray[np.uint8] = (blobs[1:-1, 1:-1] != blobs[0, 0]).astype(np.uint8)
    return filled
