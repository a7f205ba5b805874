"""Divisions of one nucleus into two, at a point or along a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.plugin.layers.annotation.annotation_nuclei import EditedNuclei

WAIST: Final = 0.9
"""Largest width of a waist relative to the narrower lobe; otherwise the nucleus has no waist."""
Point = tuple[float, float]


def split_at_point(mask: NDArray[np.bool_], point: Point | None = None) -> NDArray[np.bool_]:
    """Return one of the two parts of a nucleus that touch at its waist, or half of a nucleus without a waist.

    A watershed of the distance to the outline divides the nucleus. One seed is the middle of the lobe around ``point``,
    the other the middle of the widest lobe outside of it. A nucleus without a waist is halved across its long axis.

    Parameters
    ----------
    mask
        (h, w) the pixels of the nucleus.
    point
        (y, x) in one of the lobes; by default the middle of the widest one.

    Returns
    -------
    ndarray
        (h, w) bool, the part without the point; empty if the nucleus is too small to be divided.

    Examples
    --------
    >>> ys, xs = np.mgrid[:9, :17]
    >>> two_discs = ((ys - 4) ** 2 + (xs - 4) ** 2 <= 20) | ((ys - 4) ** 2 + (xs - 12) ** 2 <= 20)
    >>> part = split_at_point(two_discs, (4, 3))
    >>> bool(part[4, 12]), bool(part[4, 4])
    (True, False)
    """
    from scipy import ndimage
    from skimage.segmentation import watershed

    distance = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    first = _climb(distance, point)
    ys, xs = np.indices(mask.shape)
    away = np.hypot(ys - first[0], xs - first[1])
    outside = np.where(mask & (away > max(float(distance[first]), 1.0)), distance, 0)
    if not outside.any():
        return _halve(mask)
    second = np.unravel_index(int(outside.argmax()), mask.shape)
    seeds = np.zeros(mask.shape, np.int32)
    seeds[first], seeds[second] = 1, 2
    part: NDArray[np.bool_] = watershed(-distance, seeds, mask=mask) == 2
    border = ndimage.binary_dilation(part) & mask & ~part
    waist, lobe = distance[border].max(initial=0), min(distance[first], distance[second])
    return part if waist < WAIST * lobe else _halve(mask)


def list_cut_parts(nuclei: EditedNuclei, start: Point, end: Point) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Yield each nucleus that a line cuts in two, with the smaller part as a mask in its box.

    Parameters
    ----------
    nuclei
        The nuclei of an image.
    start, end
        (y, x) the ends of the line, in pixels of the image.

    Examples
    --------
    >>> from napari_pathprune.plugin.layers.annotation.annotation_nuclei import EditedNuclei
    >>> labels = np.zeros((4, 9), np.int32)
    >>> labels[1:3, 1:4], labels[1:3, 5:9] = 4, 6
    >>> [(number, part)] = list_cut_parts(EditedNuclei(labels), (0, 6.5), (4, 6.5))
    >>> number, part.astype(int).tolist()
    (6, [[1, 1, 0, 0], [1, 1, 0, 0]])
    """
    for number, (y0, x0, y1, x1) in nuclei.boxes.items():
        if min(start[0], end[0]) > y1 or max(start[0], end[0]) < y0:
            continue
        if min(start[1], end[1]) > x1 or max(start[1], end[1]) < x0:
            continue
        mask, (top, left) = nuclei.mask(number)
        part = cut_along_line(mask, (start[0] - top, start[1] - left), (end[0] - top, end[1] - left))
        if part.any():
            yield number, part


def cut_along_line(mask: NDArray[np.bool_], start: Point, end: Point) -> NDArray[np.bool_]:
    """Return the smaller part of a nucleus that a line cuts in two.

    Parameters
    ----------
    mask
        (h, w) the pixels of the nucleus.
    start, end
        (y, x) the ends of the line, in pixels of the mask.

    Returns
    -------
    ndarray
        (h, w) bool; empty if the line does not cross the nucleus.

    Examples
    --------
    >>> cut_along_line(np.ones((2, 5), bool), (-1, 1.5), (3, 1.5)).astype(int).tolist()
    [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0]]
    """
    empty: NDArray[np.bool_] = np.zeros_like(mask)
    ys, xs = np.nonzero(mask)
    (y0, x0), (dy, dx) = start, (end[0] - start[0], end[1] - start[1])
    length = float(np.hypot(dy, dx))
    if length == 0 or not len(ys):
        return empty
    along = ((ys - y0) * dy + (xs - x0) * dx) / length
    across = ((ys - y0) * dx - (xs - x0) * dy) / length
    if not np.any((np.abs(across) <= 1) & (along >= 0) & (along <= length)):
        return empty
    side = across > 0
    if side.all() or not side.any():
        return empty
    chosen = side if 2 * side.sum() <= len(side) else ~side
    empty[ys[chosen], xs[chosen]] = True
    return empty


def _halve(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return one half of a nucleus, divided across its long axis; empty if it has one pixel."""
    ys, xs = np.nonzero(mask)
    if len(ys) < 2:
        return np.zeros_like(mask)
    centre = np.array([ys.mean(), xs.mean()])
    _, axes = np.linalg.eigh(np.cov(np.stack([ys, xs]), bias=True))
    along = np.array([-axes[1, 1], axes[0, 1]]) * (len(ys) + 1.0)  # perpendicular to the longest axis
    ends = centre - along, centre + along
    return cut_along_line(mask, (float(ends[0][0]), float(ends[0][1])), (float(ends[1][0]), float(ends[1][1])))


def _climb(distance: NDArray[np.float64], point: Point | None) -> tuple[int, int]:
    """Return the pixel with the largest distance that is reached uphill from a point."""
    height, width = distance.shape
    if point is None:
        y, x = np.unravel_index(int(distance.argmax()), distance.shape)
        return int(y), int(x)
    here = int(np.clip(round(point[0]), 0, height - 1)), int(np.clip(round(point[1]), 0, width - 1))
    while True:
        top, left = max(here[0] - 1, 0), max(here[1] - 1, 0)
        window: Any = distance[top : here[0] + 2, left : here[1] + 2]
        dy, dx = np.unravel_index(int(window.argmax()), window.shape)
        if window[dy, dx] <= distance[here]:
            return here
        here = top + int(dy), left + int(dx)
