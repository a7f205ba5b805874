"""Boxes: (y0, x0, y1, x1), half open, in pixels of the grid that the function using them documents."""

from __future__ import annotations

import operator

Box = tuple[int, int, int, int]


def check_box(box: Box) -> Box:
    """Return a box as plain Python integers, after checking it.

    Parameters
    ----------
    box
        (y0, x0, y1, x1), integers of any kind, such as numpy's.

    Raises
    ------
    ValueError
        If the box is not four whole numbers (y0, x0, y1, x1) with y0 <= y1 and x0 <= x1.

    Examples
    --------
    >>> check_box((0, 5, 10, 20))
    (0, 5, 10, 20)
    """
    try:
        y0, x0, y1, x1 = (operator.index(side) for side in box)
    except (TypeError, ValueError):
        raise ValueError(f"a box is four whole numbers (y0, x0, y1, x1), got {box!r}") from None
    if y1 < y0 or x1 < x0:
        raise ValueError(f"a box is (y0, x0, y1, x1) with y0 <= y1 and x0 <= x1, got {(y0, x0, y1, x1)}")
    return y0, x0, y1, x1


def clip_box(box: Box, shape: tuple[int, int]) -> Box:
    """Return the part of a box that lies inside a plane of shape (h, w); it has no pixels if they do not overlap.

    Examples
    --------
    >>> clip_box((-5, 10, 20, 300), (100, 200))
    (0, 10, 20, 200)
    """
    (h, w), (y0, x0, y1, x1) = shape, box
    y0, x0 = min(max(y0, 0), h), min(max(x0, 0), w)
    return y0, x0, max(min(y1, h), y0), max(min(x1, w), x0)
