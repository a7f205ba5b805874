"""Agreement of the outlines of two instance maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from napari_pathprune.instances.score_counts import ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAME_OUTLINE_UM: Final = 1.0
"""Largest distance of two points of the same outline: 4 px at 0.25 um/px."""


@dataclass(frozen=True, slots=True)
class BoundaryCounts:
    """Pixels of outlines, and those that have an outline of the other map nearby.

    Parameters
    ----------
    near_a, near_b
        Pixels of the outlines of a near an outline of b, and the other way round.
    all_a, all_b
        All pixels of the outlines of a, and of b.

    Examples
    --------
    >>> both = BoundaryCounts(near_a=6, all_a=8, near_b=5, all_b=5) + BoundaryCounts(near_a=0, all_a=0)
    >>> round(both.f1, 3)
    0.857
    """

    near_a: int = 0
    all_a: int = 0
    near_b: int = 0
    all_b: int = 0

    def __add__(self, other: BoundaryCounts) -> BoundaryCounts:
        return BoundaryCounts(
            self.near_a + other.near_a,
            self.all_a + other.all_a,
            self.near_b + other.near_b,
            self.all_b + other.all_b,
        )

    @property
    def f1(self) -> float:
        """Boundary F1, the harmonic mean of both shares, 0 to 1; 1 if neither map has outlines, 0 if only one has."""
        if not self.all_a or not self.all_b:
            return 1.0 if self.all_a == self.all_b else 0.0
        recall, precision = self.near_a / self.all_a, self.near_b / self.all_b
        return ratio(2 * recall * precision, recall + precision) if recall + precision else 0.0


def count_boundary_pixels(
    a: NDArray[Any], b: NDArray[Any], tolerance_px: int, inside: tuple[slice, slice] = (slice(None), slice(None))
) -> BoundaryCounts:
    """Count the pixels of outlines that agree within a distance (Csurka et al. 2013, doi:10.5244/C.27.32).

    The outline of an instance consists of its pixels with a neighbour (of four) that is not of this instance; pixels
    beyond the edge of the map are no neighbours. Unlike the original, which compares the outlines of two classes,
    every instance has an outline, touching ones as well.

    Parameters
    ----------
    a, b
        (H, W) integers, 0 background.
    tolerance_px
        Largest Euclidean distance of two pixels of the same outline, 1 or more.
    inside
        The part whose outlines are counted. The rest is context, at least the tolerance and one pixel wide.

    Raises
    ------
    ValueError
        If the maps differ in shape or the tolerance is not positive.

    Examples
    --------
    >>> a = np.zeros((12, 12), int)
    >>> a[2:8, 2:8] = 1
    >>> count_boundary_pixels(a, np.roll(a, 1, axis=1), tolerance_px=1).f1, count_boundary_pixels(a, 0 * a, 1).f1
    (1.0, 0.0)
    """
    if a.shape != b.shape:
        raise ValueError(f"got instance maps of shapes {a.shape} and {b.shape}; expected two maps of one image")
    if tolerance_px < 1:
        raise ValueError(f"got a tolerance of {tolerance_px} px; expected 1 or more")
    outline_a, outline_b = _find_outlines(a), _find_outlines(b)
    near_a = outline_a & _dilate(outline_b, tolerance_px)
    near_b = outline_b & _dilate(outline_a, tolerance_px)
    return BoundaryCounts(*(int(np.count_nonzero(mask[inside])) for mask in (near_a, outline_a, near_b, outline_b)))


def boundary_tolerance_px(mpp: float | None) -> int:
    """Return the largest distance in pixels of two points of the same outline.

    Parameters
    ----------
    mpp
        Micrometres per pixel; None if unknown, which counts as 0.5.

    Examples
    --------
    >>> boundary_tolerance_px(0.25), boundary_tolerance_px(0.5), boundary_tolerance_px(4.0)
    (4, 2, 1)
    """
    return max(round(SAME_OUTLINE_UM / (mpp or 0.5)), 1)


def _find_outlines(labels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a mask, 0 or 1, of the pixels of all outlines."""
    outlines = np.zeros(labels.shape, np.bool_)
    for first, second in (
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
    ):
        differs = labels[first] != labels[second]
        outlines[first] |= differs
        outlines[second] |= differs
    masked: NDArray[np.uint8] = (outlines & (labels != 0)).view(np.uint8)
    return masked


def _dilate(mask: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    """Return the pixels within a Euclidean distance of a mask."""
    if not mask.size:
        return mask
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    disc = (y * y + x * x <= radius * radius).astype(np.uint8)
    return np.asarray(cv2.dilate(mask, disc, borderType=cv2.BORDER_CONSTANT, borderValue=0), np.uint8)
