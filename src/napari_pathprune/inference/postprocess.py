"""HoVer-Net's post-processing of network maps to an instance map (doi:10.1016/j.media.2019.101563, section 3.2).

Steps and constants are those of the reference implementation, but no step passes over the image once per nucleus, and
slopes are divided by a fixed range, so that nuclei depend only on the maps around them. The reference divides by the
range of the tile, so that one steep nucleus changes all others of its tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import cv2
import numpy as np
from skimage.segmentation import watershed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.inference.maps import NetworkMaps

Scaling = Literal["fixed", "reference"]

NUCLEAR_THRESHOLD: Final = 0.5
BORDER_THRESHOLD: Final = 0.4
SMALLEST_PX: Final = 10
"""Blobs and markers with fewer pixels are dropped."""
SOBEL_PX: Final = 21
SLOPES: Final = (-0.88e10, 0.76e10)
"""Fixed range of the slopes of distance maps: a fifth of the median range of a tile.

The whole range costs PQ where nuclei are large in pixels, since their slopes are small; figures are in
benchmarks/slides/sameness.md.
"""
HOLE_PX: Final = 16
"""Holes of markers are filled up to this height and width."""
DOUBT_PX: Final = SOBEL_PX // 2 + 4 + HOLE_PX + 1
"""Markers and slopes closer than this to maps that are not known depend on those: Sobel, opening, holes, blur."""
_OPENING: Final = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))


def instances_from_maps(maps: NetworkMaps, scaling: Scaling = "fixed") -> NDArray[np.int32]:
    """Separate the nuclei of one image.

    Nuclear pixels are flooded (watershed) from markers. Markers are the nuclear pixels without those where a distance
    map falls steeply, as it does from one nucleus to the next.

    Parameters
    ----------
    maps
        Maps of one image.
    scaling
        ``"fixed"`` or ``"reference"``, which scales distances and slopes to their ranges in the image and gives the
        same instances as the reference implementation.

    Returns
    -------
    ndarray
        (H, W) int32, 0 background. Ids may have gaps.

    Raises
    ------
    ValueError
        If the scaling is unknown, or a map holds NaN or infinite values, as it does after training has diverged.

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
    if scaling == "fixed":
        return separate_nuclei(maps).instances
    if scaling != "reference":
        raise ValueError(f"got scaling={scaling!r}; expected 'fixed' or 'reference'")
    _check_finite(maps)
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


@dataclass(frozen=True, slots=True, eq=False)
class Separated:
    """The nuclei of a part of a slide.

    Attributes
    ----------
    instances
        (H, W) int32, 0 background. Ids may have gaps.
    doubtful
        (K,) int64, ids of the nuclei that might look different if more of the maps were known.
    """

    instances: NDArray[np.int32]
    doubtful: NDArray[np.int64]


def separate_nuclei(
    maps: NetworkMaps, known: NDArray[np.bool_] | None = None, origin: tuple[int, int] = (0, 0)
) -> Separated:
    """Separate the nuclei of a part of a slide, and find out which of them do not depend on the rest of it.

    Whatever lies beyond the known maps is flooded first, from a marker of its own, so that it takes all the pixels that
    any nucleus out there could take. What is then left to the nuclei is theirs in any case. A nucleus is doubtful if it
    loses a pixel by this, or is cut by the end of the known maps.

    All numbers are whole, so that sums do not depend on their order, and no two neighbours have the same depth.

    Parameters
    ----------
    maps
        Maps of the part.
    known
        (H + 2, W + 2) bool, where the maps of the part and of a frame of one pixel around it are known. The frame
        counts as known where the maps of the slide end. None if all is known.
    origin
        Position (y, x) of the first pixel in the slide.

    Raises
    ------
    ValueError
        If a map holds NaN or infinite values.
    """
    _check_finite(maps)
    clumps = _label_blobs((maps.nuclear >= NUCLEAR_THRESHOLD).astype(np.uint8))
    nuclear = clumps > 0
    if not nuclear.any():
        return Separated(np.zeros(maps.shape, np.int32), np.zeros(0, np.int64))
    rise = np.minimum(_measure_rise(maps.horizontal, 1, 0), _measure_rise(maps.vertical, 0, 1))
    rise = np.rint((rise - SLOPES[0]) / (SLOPES[1] - SLOPES[0]) * 2**20)
    inside = nuclear & (rise > (1 - BORDER_THRESHOLD) * 2**20)
    markers = cv2.morphologyEx(_fill_small_holes(inside), cv2.MORPH_OPEN, _OPENING)
    blobs = _label_blobs(markers)
    rise[~nuclear] = 0
    depth = -16 * cv2.GaussianBlur(rise, (3, 3), 0)  # weights of 1/16, 1/8 and 1/4
    rows, columns = (np.arange(start, start + side) % 64 for start, side in zip(origin, maps.shape, strict=True))
    depth = depth * 4096 + (rows[:, None] * 64 + columns)

    plain: NDArray[np.int32] = watershed(depth, markers=blobs, mask=nuclear)
    doubt = None if known is None else _find_doubt(known) & nuclear
    if doubt is None or not doubt.any():
        return Separated(plain, np.zeros(0, np.int64))
    beyond = int(blobs.max()) + 1
    is_cut = np.zeros(beyond + 1, np.bool_)
    is_cut[blobs[doubt]] = True
    is_cut[0] = False
    outside = doubt | is_cut[blobs]
    depth[outside] = depth.min() - 1
    is_affected = np.zeros(int(clumps.max()) + 1, np.bool_)
    is_affected[clumps[doubt]] = True
    affected = is_affected[clumps]
    flooded = watershed(depth, markers=np.where(outside, np.int32(beyond), blobs) * affected, mask=affected)
    doubtful = np.unique(plain[affected & (flooded != plain) & (plain > 0)])
    return Separated(plain, doubtful.astype(np.int64))


def _check_finite(maps: NetworkMaps) -> None:
    for name, values in (("np", maps.nuclear), ("hv", maps.horizontal), ("hv", maps.vertical)):
        if not np.isfinite(values).all():
            raise ValueError(f"the {name} map holds NaN or infinite values; use another checkpoint of the network")


def _measure_rise(distance: NDArray[np.float32], dx: int, dy: int) -> NDArray[np.float64]:
    """Return the slope of a distance map, scaled from -1..1 to 0..1. Sums of integers are exact in any order."""
    whole = np.rint(np.clip(distance, -1, 1) * 2**14)
    slope: NDArray[np.float64] = cv2.Sobel(whole, cv2.CV_64F, dx, dy, ksize=SOBEL_PX)
    return slope / 2**15


def _find_doubt(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which pixels inside a frame are too close to what is not known."""
    size = 2 * DOUBT_PX + 1
    far = cv2.erode(
        known.astype(np.uint8), np.ones((size, size), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=1
    )
    near: NDArray[np.bool_] = far[1:-1, 1:-1] == 0
    return near


def _fill_small_holes(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Fill the 4-connected parts of the background of at most HOLE_PX x HOLE_PX pixels that do not touch the edge."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    left, top, width, height, _ = stats.T
    is_hole = (width <= HOLE_PX) & (height <= HOLE_PX) & (left > 0) & (top > 0)
    is_hole &= (left + width < mask.shape[1]) & (top + height < mask.shape[0])
    is_hole[0] = True  # the mask itself
    filled: NDArray[np.uint8] = is_hole[parts].astype(np.uint8)
    return filled


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
