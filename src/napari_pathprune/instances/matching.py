"""The matching of two instance maps: which nucleus of one corresponds to which of the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_pathprune.instances.overlaps import Overlaps, count_overlaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAME_NUCLEUS_IOU: Final = 0.5
"""Above this IoU an instance cannot have two partners."""


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """Pairs of instances with IoU above a threshold, and the instances without a partner.

    Parameters
    ----------
    pairs
        (P, 2) int64, ids in a and in b.
    iou
        (P,) float64, intersection over union of the pairs.
    only_a, only_b
        (N,), (M,) int64, ids without a partner.
    overlaps
        The contingency table of the two maps.
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
        (H, W) integers, 0 background, such as the truth and a prediction, or the nuclei of two models.
    threshold
        Pairs have an IoU *above* it; 0.5 to below 1, so that the pairs are unique.

    Raises
    ------
    ValueError
        If the maps differ in shape or are not instance maps, or the threshold is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> a = np.array([[1, 1, 1, 0, 2]])
    >>> b = np.array([[7, 7, 0, 0, 0]])
    >>> matching = match(a, b)
    >>> matching.pairs.tolist(), matching.iou.round(3).tolist(), matching.only_a.tolist()
    ([[1, 7]], [0.667], [2])
    """
    return match_overlaps(count_overlaps(a, b), threshold)


def match_overlaps(overlaps: Overlaps, threshold: float = SAME_NUCLEUS_IOU) -> Matching:
    """Match the instances of two maps whose overlaps are known; see `match`.

    Raises
    ------
    ValueError
        If the threshold is out of range.
    """
    if not SAME_NUCLEUS_IOU <= threshold < 1:
        raise ValueError(f"got an IoU threshold of {threshold}; expected 0.5 to below 1, so that pairs are unique")
    is_pair = overlaps.iou > threshold
    row_a, row_b = overlaps.row_a[is_pair], overlaps.row_b[is_pair]
    return Matching(
        np.stack([overlaps.ids_a[row_a], overlaps.ids_b[row_b]], axis=1),
        overlaps.iou[is_pair],
        np.delete(overlaps.ids_a, row_a),
        np.delete(overlaps.ids_b, row_b),
        overlaps,
    )
