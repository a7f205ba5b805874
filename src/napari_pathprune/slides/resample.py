"""Resampling on one global grid: pixels depend on their place in the slide, never on the box they are read with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEIGHT_BITS = 14  # integer weights and sums: exact on every machine, so that overlapping boxes agree to the bit
KEPT_BITS = 6  # fraction that survives between the two passes; 255 * 2^6 * 2^14 * 1.3^2 fits into 31 bits


@dataclass(frozen=True, slots=True, eq=False)
class Taps:
    """What a run of output pixels needs along one axis: source pixels start..stop and a weight for each."""

    start: int
    stop: int
    weights: sparse.csr_array  # (outputs, stop - start) int32, rows sum to 2^WEIGHT_BITS


def taps_of(first: int, last: int, ratio: float) -> Taps:
    """Taps of the output pixels first..last (half open) on a grid with `ratio` output pixels per source pixel.

    Reducing (ratio < 1) averages the area that an output pixel covers, so nothing aliases; enlarging interpolates with
    Keys' cubic, a = -1/2 (doi:10.1109/TASSP.1981.1163711).
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
    whole = _whole_numbers(weights)
    start, width = int(sources[0, 0]), sources.shape[1]
    indices = (sources - start).astype(np.int32).ravel()
    rows = np.arange(0, whole.size + 1, width, dtype=np.int32)
    span = int(sources[-1, -1]) + 1 - start
    return Taps(start, start + span, sparse.csr_array((whole.ravel(), indices, rows), shape=(last - first, span)))


def resample(pixels: NDArray[np.uint8], rows: Taps, columns: Taps) -> NDArray[np.uint8]:
    """Resampled (rows, columns, 3) uint8 of the source pixels (rows.start..stop, columns.start..stop, 3) uint8."""
    h, w, channels = pixels.shape
    assert (h, w) == (rows.stop - rows.start, columns.stop - columns.start)
    down: NDArray[np.int32] = rows.weights @ pixels.reshape(h, w * channels).astype(np.int32)
    down = _shifted(down, WEIGHT_BITS - KEPT_BITS)
    turned: NDArray[np.int32] = _turned(down.reshape(-1, w, channels))
    across: NDArray[np.int32] = columns.weights @ turned.reshape(w, -1)
    across = np.clip(_shifted(across, WEIGHT_BITS + KEPT_BITS), 0, 255)
    return _turned(across.astype(np.uint8).reshape(-1, down.shape[0], channels))


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights: NDArray[np.float64] = np.where(distance < 1, near, np.where(distance < 2, far, 0.0))
    return weights


def _whole_numbers(weights: NDArray[np.float64]) -> NDArray[np.int32]:
    """Rows scaled to sum to exactly 2^WEIGHT_BITS: a flat colour stays that colour."""
    share = weights / weights.sum(axis=1, keepdims=True)
    whole: NDArray[np.int32] = np.rint(share * 2**WEIGHT_BITS).astype(np.int32)
    rest = 2**WEIGHT_BITS - whole.sum(axis=1, dtype=np.int32)
    whole[np.arange(len(whole)), whole.argmax(axis=1)] += rest
    return whole


def _shifted(values: NDArray[np.int32], bits: int) -> NDArray[np.int32]:
    rounded: NDArray[np.int32] = (values + (1 << (bits - 1))) >> bits
    return rounded


def _turned(pixels: NDArray[Any]) -> NDArray[Any]:
    """(h, w, c) -> (w, h, c), contiguous; several times faster than numpy's copy."""
    turned: NDArray[Any] = cv2.transpose(pixels)
    return turned
