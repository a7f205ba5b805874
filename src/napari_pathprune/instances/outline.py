"""Outlines of instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray


MITRE: Final = 1.5
"""Corners reach at most so many half pixels beyond a pixel's centre: right angles do, spurs do not."""


def outline(mask: NDArray[np.uint8], origin: tuple[int, int]) -> NDArray[np.float32]:
    """Outline of the largest part of a mask, along the outer edges of its outermost pixels.

    Corners between pixels are cut, so that the outline encloses about as much as the pixels do.

    Parameters
    ----------
    mask
        (h, w) uint8, not empty; pixels of the instance are not 0.
    origin
        Where the mask's first pixel lies (y, x).

    Returns
    -------
    ndarray
        (P, 2) float32, (y, x), three points or more, open (the first is not repeated).
    """
    parts, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(origin[1], origin[0]))
    part = parts[0] if len(parts) == 1 else max(parts, key=cv2.contourArea)
    through_centres = part.reshape(-1, 2)[:, ::-1]
    if len(through_centres) == 1:
        line = shapely.Point(through_centres[0])
    elif cv2.contourArea(part) == 0:  # pixels in a line
        line = shapely.LineString(through_centres)
    else:
        line = shapely.LineString([*through_centres, through_centres[0]])
    band = shapely.buffer(line, 0.5, cap_style="square", join_style="mitre", mitre_limit=MITRE)
    largest = max(shapely.get_parts(band), key=shapely.area)  # where a line turns back, a crumb may come off
    points: NDArray[np.float32] = shapely.get_coordinates(largest.exterior)[:-1].astype(np.float32)
    return points
