"""Instance numbers without gaps, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def without_gaps(instances: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Give the instances of a map numbers from 1 on, in the order of their ids.

    Parameters
    ----------
    instances
        (H, W) integers, 0 background, ids with or without gaps.

    Returns
    -------
    ids
        (N,) int64, ascending: the id of number k is ``ids[k - 1]``.
    numbers
        (H, W) int32, 0 to N.

    Raises
    ------
    ValueError
        If the map is not two-dimensional, not of integers, or holds negative ids.
    """
    if instances.ndim != 2 or instances.dtype.kind not in "iu":
        raise ValueError(
            f"an instance map is (H, W) integers with 0 as background; got {instances.shape} {instances.dtype}"
        )
    if instances.min(initial=0) < 0:
        raise ValueError(f"ids of an instance map are 0 or more; got {instances.min()}")
    top = int(instances.max(initial=0))
    if top > max(4 * instances.size, 1 << 20):  # a look-up table by id would be larger than the map
        values, place = np.unique(instances, return_inverse=True)
        background = int(values[0] == 0)
        numbers = place.reshape(instances.shape) + (1 - background)
        return values[background:].astype(np.int64), numbers.astype(np.int32)
    present = np.zeros(top + 1, np.bool_)
    present[instances[instances > 0]] = True
    ids = np.flatnonzero(present)
    if len(ids) == top:
        return ids, instances.astype(np.int32, copy=False)
    number = np.zeros(top + 1, np.int32)
    number[ids] = np.arange(1, len(ids) + 1, dtype=np.int32)
    return ids, number[instances]
