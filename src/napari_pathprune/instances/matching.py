"""The matching of two instance maps: which nucleus of one is which of the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_pathprune.instances.overlaps import Overlaps, overlaps_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAME_NUCLEUS_IOU: Final = 0.5
"""Above this overlap a pair is unique: no instance can have two such partners."""


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """Pairs of instances with IoU above a threshold, and those without a partner.

    Parameters
    ----------
    pairs
        (P, 2) int64, ids in a and in b.
    iou
        (P,) float64, their intersection over union.
    only_a, only_b
        (N,), (M,) int64, ids without a partner.
    overlaps
        The contingency table that the matching was read from.
    """

    pairs: NDArray[np.int64]
    iou: NDArray[np.float64]
    only_a: NDArray[np.int64]
    only_b: NDArray[np.int64]
    overlaps: Overlaps


def match(a: NDArray[Any], b: NDArray[Any], threshold: float = SAME_NUCLEUS_IOU) -> Matching:
    """Match the instances of two maps of one image.

    Parameters
    ----------
    a, b
        (H, W) integers, 0 background; say the truth and a prediction, or the dense and the compact model's nuclei.
    threshold
        Pairs need an IoU *above* it; 0.5 or more, so that the pairs are unique.

    Raises
    ------
    ValueError
        If the maps differ in shape or are no instance maps, or the threshold is below 0.5.

    Examples
    --------
    >>> import numpy as np
    >>> a = np.array([[1, 1, 1, 0, 2]])
    >>> b = np.array([[7, 7, 0, 0, 0]])
    >>> matching = match(a, b)
    >>> matching.pairs.tolist(), matching.iou.round(3).tolist(), matching.only_a.tolist()
    ([[1, 7]], [0.667], [2])
    """
    if not SAME_NUCLEUS_IOU <= threshold < 1:
        raise ValueError(f"got an IoU threshold of {threshold}; pairs are unique from 0.5 on: give 0.5 to below 1")
    overlaps = overlaps_of(a, b)
    same = overlaps.iou > threshold
    row_a, row_b = overlaps.row_a[same], overlaps.row_b[same]
    return Matching(
        np.stack([overlaps.ids_a[row_a], overlaps.ids_b[row_b]], axis=1),
        overlaps.iou[same],
        np.delete(overlaps.ids_a, row_a),
        np.delete(overlaps.ids_b, row_b),
        overlaps,
    )
