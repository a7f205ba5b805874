"""Boxes: (y0, x0, y1, x1), half open, in pixels of whatever grid their reader says."""

from __future__ import annotations

import operator

Box = tuple[int, int, int, int]


def check_box(box: Box) -> Box:
    """Check a box and return it in plain Python integers.

    Raises
    ------
    ValueError
        If the box is not four whole numbers (y0, x0, y1, x1) with y0 <= y1 and x0 <= x1.
    """
    try:
        y0, x0, y1, x1 = (operator.index(side) for side in box)
    except (TypeError, ValueError):
        raise ValueError(f"a box is four whole numbers (y0, x0, y1, x1), got {box!r}") from None
    if y1 < y0 or x1 < x0:
        raise ValueError(f"a box is (y0, x0, y1, x1) with y0 <= y1 and x0 <= x1, got {(y0, x0, y1, x1)}")
    return y0, x0, y1, x1


def clip_box(box: Box, shape: tuple[int, int]) -> Box:
    """Cut a box to the part that lies inside a plane of shape (h, w); empty where there is none."""
    (h, w), (y0, x0, y1, x1) = shape, box
    y0, x0 = min(max(y0, 0), h), min(max(x0, 0), w)
    return y0, x0, max(min(y1, h), y0), max(min(x1, w), x0)
