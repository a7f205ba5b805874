"""Tracing of the outline of an instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray


MITRE: Final = 1.5
"""Largest distance of a corner from a pixel's centre, in half pixels: allows right angles but not spikes."""


def trace_outline(mask: NDArray[np.uint8], origin: tuple[int, int]) -> NDArray[np.float32]:
    """Trace the largest part of a mask along the outer edges of its outermost pixels.

    Steps between pixels are cut diagonally, so that the enclosed area is close to that of the pixels.

    Parameters
    ----------
    mask
        (h, w) uint8, not empty, nonzero in the instance.
    origin
        Position of the first pixel of the mask (y, x).

    Returns
    -------
    ndarray
        (P, 2) float32, (y, x), three points or more; the first is not repeated.

    Examples
    --------
    >>> trace_outline(np.ones((2, 3), np.uint8), origin=(3, 5)).tolist()
    [[2.5, 4.5], [2.5, 7.5], [4.5, 7.5], [4.5, 4.5]]
    """
    parts, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(origin[1], origin[0]))
    part = parts[0] if len(parts) == 1 else max(parts, key=cv2.contourArea)
    through_centres = part.reshape(-1, 2)[:, ::-1]
    if len(through_centres) == 1:
        line = shapely.Point(through_centres[0])
    elif cv2.contourArea(part) == 0:  # pixels on a line
        line = shapely.LineString(through_centres)
    else:
        line = shapely.LineString(np.concatenate([through_centres, through_centres[:1]]))
    band = shapely.buffer(line, 0.5, cap_style="square", join_style="mitre", mitre_limit=MITRE)
    largest = max(shapely.get_parts(band), key=shapely.area)  # a line that turns back may leave a tiny piece
    points: NDArray[np.float32] = shapely.get_coordinates(largest.exterior)[:-1].astype(np.float32)
    return points
