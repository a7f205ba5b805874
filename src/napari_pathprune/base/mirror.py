"""Indices beyond the ends of an axis, reflected back into it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mirror_indices(start: int, stop: int, size: int) -> NDArray[np.int64]:
    """Reflect the indices from ``start`` to ``stop`` into an axis of a given size.

    Parameters
    ----------
    start, stop
        Half-open range of indices. It may begin before the axis and end behind it, by any distance.
    size
        Length of the axis, at least 1.

    Returns
    -------
    NDArray[np.int64]
        (stop - start,), values from 0 to below ``size``. The pixels at both ends are not repeated, as in
        ``numpy.pad(mode="reflect")``.

    Examples
    --------
    >>> mirror_indices(-2, 5, 3).tolist()
    [2, 1, 0, 1, 2, 1, 0]
    """
    period = max(2 * (size - 1), 1)
    index = np.arange(start, stop, dtype=np.int64) % period
    return np.minimum(index, period - index)
