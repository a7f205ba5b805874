"""Resampling on one global grid: a pixel depends on its position in the slide, not on the box that is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEIGHT_BITS = 14  # integer weights and sums are exact on every machine, so overlapping boxes are bit-identical
KEPT_BITS = 6  # fractional bits kept between the two passes; 255 * 2^6 * 2^14 * 1.3^2 fits into 31 bits


@dataclass(frozen=True, slots=True, eq=False)
class Taps:
    """Weights of source pixels for a range of output pixels along one axis.

    Attributes
    ----------
    start, stop
        Range of the source pixels, half open.
    weights
        (outputs, stop - start) int32; each row sums to 2^WEIGHT_BITS.
    """

    start: int
    stop: int
    weights: sparse.csr_array


def compute_taps(first: int, last: int, ratio: float) -> Taps:
    """Compute the taps of the output pixels first..last (half open).

    Reduction averages the area that an output pixel covers, which prevents aliasing. Enlargement interpolates with
    Keys' cubic, a = -1/2 (doi:10.1109/TASSP.1981.1163711).

    Parameters
    ----------
    first, last
        Range of the output pixels.
    ratio
        Output pixels per source pixel; below 1 reduces.
    """
    assert ratio > 0
    assert last > first
    outputs = np.arange(first, last, dtype=np.float64)
    if ratio < 1:
        low, high = outputs / ratio, (outputs + 1) / ratio
        left = np.floor(low).astype(np.int64)
        sources = left[:, None] + np.arange(int(np.ceil(1 / ratio)) + 1)
        covered = np.minimum(sources + 1, high[:, None]) - np.maximum(sources, low[:, None])
        weights = np.maximum(covered, 0.0)
    else:
        centre = (outputs + 0.5) / ratio - 0.5
        left = np.floor(centre).astype(np.int64) - 1
        sources = left[:, None] + np.arange(4)
        weights = _cubic(np.abs(sources - centre[:, None]))
    whole = _quantize(weights)
    start, width = int(sources[0, 0]), sources.shape[1]
    indices = (sources - start).astype(np.int32).ravel()
    rows = np.arange(0, whole.size + 1, width, dtype=np.int32)
    span = int(sources[-1, -1]) + 1 - start
    return Taps(start, start + span, sparse.csr_array((whole.ravel(), indices, rows), shape=(last - first, span)))


def resample(pixels: NDArray[np.uint8], rows: Taps, columns: Taps) -> NDArray[np.uint8]:
    """Resample the source pixels (rows.start..stop, columns.start..stop, 3) uint8 to (rows, columns, 3) uint8."""
    h, w, channels = pixels.shape
    assert (h, w) == (rows.stop - rows.start, columns.stop - columns.start)
    down: NDArray[np.int32] = rows.weights @ pixels.reshape(h, w * channels).astype(np.int32)
    down = _shift_right(down, WEIGHT_BITS - KEPT_BITS)
    transposed: NDArray[np.int32] = _transpose(down.reshape(-1, w, channels))
    across: NDArray[np.int32] = columns.weights @ transposed.reshape(w, -1)
    across = np.clip(_shift_right(across, WEIGHT_BITS + KEPT_BITS), 0, 255)
    return _transpose(across.astype(np.uint8).reshape(-1, down.shape[0], channels))


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights: NDArray[np.float64] = np.where(distance < 1, near, np.where(distance < 2, far, 0.0))
    return weights


def _quantize(weights: NDArray[np.float64]) -> NDArray[np.int32]:
    """Scale rows to integers that sum to exactly 2^WEIGHT_BITS, so that a uniform colour does not change."""
    share = weights / weights.sum(axis=1, keepdims=True)
    whole: NDArray[np.int32] = np.rint(share * 2**WEIGHT_BITS).astype(np.int32)
    rest = 2**WEIGHT_BITS - whole.sum(axis=1, dtype=np.int32)
    whole[np.arange(len(whole)), whole.argmax(axis=1)] += rest
    return whole


def _shift_right(values: NDArray[np.int32], bits: int) -> NDArray[np.int32]:
    """Divide by 2^bits and round."""
    rounded: NDArray[np.int32] = (values + (1 << (bits - 1))) >> bits
    return rounded


def _transpose(pixels: NDArray[Any]) -> NDArray[Any]:
    """Transpose (h, w, c) to contiguous (w, h, c), several times faster than a numpy copy."""
    transposed: NDArray[Any] = cv2.transpose(pixels)
    return transposed
