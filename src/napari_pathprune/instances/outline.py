"""Outlines of instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def outline(mask: NDArray[np.uint8], origin: tuple[int, int]) -> NDArray[np.float32]:
    """Outline of the largest part of a mask, through the centres of its outermost pixels.

    A mask without width (a pixel, a line of pixels) gets the rectangle of its pixels, so every outline has an area.

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
    if len(part) < 3 or cv2.contourArea(part) == 0:
        centre, size, angle = cv2.minAreaRect(part)
        part = cv2.boxPoints((centre, (size[0] + 1, size[1] + 1), angle))
    points: NDArray[np.float32] = part.reshape(-1, 2)[:, ::-1].astype(np.float32)
    return points
