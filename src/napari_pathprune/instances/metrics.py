"""Scores of an instance map against the truth.

Edge cases, the same for every score of one image: two empty maps agree perfectly (1); if only one is empty, nothing
agrees (0). So it is for one type, with the nuclei of that type. Averages leave out what does not occur, each in its
own way: bPQ and mPQ the images and classes without truth (as PanNuke's), mPQ+ and the scores by type the types
without truth and prediction; an average over nothing is nan. See `instances.set_scores`.

For all scores of one image at once, from one overlap table, see `instances.scores.image_scores`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_pathprune.instances.assignment import best_overlaps, nearest_pairs
from napari_pathprune.instances.matching import Matching, match
from napari_pathprune.instances.overlaps import Overlaps, overlaps_of
from napari_pathprune.instances.tallies import DetectionCounts, PanopticCounts, ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAME_CENTRE_UM: Final = 3.0
"""Centres at most this far apart are those of one nucleus: 12 px at 0.25 um/px, as HoVer-Net's reference has it."""


def panoptic_quality(truth: NDArray[Any], prediction: NDArray[Any]) -> PanopticCounts:
    """Score detection and outline together: PQ = DQ * SQ (Kirillov et al. 2019, doi:10.1109/CVPR.2019.00963).

    Pairs with IoU > 0.5 are the true positives; DQ = TP / (TP + FP / 2 + FN / 2), SQ = mean IoU of the pairs (0 if
    none). All instances count as one class; this is bPQ of one image.

    Parameters
    ----------
    truth, prediction
        (H, W) integers, 0 background.

    Returns
    -------
    PanopticCounts
        With ``pq``, ``dq``, ``sq``; counts of several images add up.

    Raises
    ------
    ValueError
        If the maps differ in shape or are no instance maps.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.array([[1, 1, 1, 0, 2, 2]])
    >>> score = panoptic_quality(truth, np.array([[5, 5, 5, 0, 0, 6]]))  # 6 covers half of 2: too little
    >>> score.tp, score.fp, score.fn, score.pq
    (1, 1, 1, 0.5)
    """
    return panoptic_quality_of(match(truth, prediction))


def panoptic_quality_of(matching: Matching) -> PanopticCounts:
    """Score a matching of the truth (a) and a prediction (b); see `panoptic_quality`."""
    return PanopticCounts(len(matching.pairs), len(matching.only_b), len(matching.only_a), float(matching.iou.sum()))


def aggregated_jaccard_index(truth: NDArray[Any], prediction: NDArray[Any]) -> float:
    """Score outlines by AJI (Kumar et al. 2017, doi:10.1109/TMI.2017.2677499).

    Each true nucleus takes the prediction with the greatest IoU, be that taken already or not (the first of equals).
    AJI = sum of intersections / (sum of unions + pixels of true nuclei that overlap nothing + pixels of predictions
    that nobody took).

    Parameters
    ----------
    truth, prediction
        (H, W) integers, 0 background.

    Raises
    ------
    ValueError
        If the maps differ in shape or are no instance maps.

    Examples
    --------
    >>> import numpy as np
    >>> aggregated_jaccard_index(np.array([[1, 1, 2, 2]]), np.array([[1, 1, 1, 1]]))
    0.5
    """
    return aggregated_jaccard_index_of(overlaps_of(truth, prediction))


def aggregated_jaccard_index_of(overlaps: Overlaps) -> float:
    """Score the overlaps of the truth (a) and a prediction (b); see `aggregated_jaccard_index`."""
    order = np.lexsort((-overlaps.iou, overlaps.row_a))  # stable: the first of equals stays first
    _, first = np.unique(overlaps.row_a[order], return_index=True)
    return _aggregated(overlaps, order[first])


def aggregated_jaccard_index_plus(truth: NDArray[Any], prediction: NDArray[Any]) -> float:
    """Score outlines by AJI+ (Graham et al. 2019, doi:10.1016/j.media.2019.101563).

    As AJI, but nuclei are paired one to one so that the sum of IoU is greatest; whoever has no partner adds to the
    denominator.

    Parameters
    ----------
    truth, prediction
        (H, W) integers, 0 background.

    Raises
    ------
    ValueError
        If the maps differ in shape or are no instance maps.

    Examples
    --------
    >>> import numpy as np
    >>> round(aggregated_jaccard_index_plus(np.array([[1, 1, 2, 2]]), np.array([[1, 1, 1, 1]])), 3)
    0.333
    """
    return aggregated_jaccard_index_plus_of(overlaps_of(truth, prediction))


def aggregated_jaccard_index_plus_of(overlaps: Overlaps) -> float:
    """Score the overlaps of the truth (a) and a prediction (b); see `aggregated_jaccard_index_plus`."""
    return _aggregated(overlaps, best_overlaps(overlaps))


def dice(truth: NDArray[Any], prediction: NDArray[Any]) -> float:
    """Score pixels: 2 |A and B| / (|A| + |B|) of the foregrounds (Dice 1945, doi:10.2307/1932409).

    Parameters
    ----------
    truth, prediction
        (H, W) integers, 0 background; instances do not matter.

    Raises
    ------
    ValueError
        If the maps differ in shape.

    Examples
    --------
    >>> import numpy as np
    >>> dice(np.array([[1, 1, 2, 0]]), np.array([[0, 0, 5, 0]]))
    0.5
    """
    if truth.shape != prediction.shape:
        raise ValueError(f"two maps of one image have one shape; got {truth.shape} and {prediction.shape}")
    a, b = truth > 0, prediction > 0
    return ratio(2.0 * np.count_nonzero(a & b), float(np.count_nonzero(a) + np.count_nonzero(b)))


def dice_of(overlaps: Overlaps) -> float:
    """Score the overlaps of the truth (a) and a prediction (b); see `dice`."""
    return ratio(2.0 * overlaps.shared.sum(), float(overlaps.area_a.sum() + overlaps.area_b.sum()))


def detection_score(
    truth: NDArray[np.float64], prediction: NDArray[np.float64], radius_px: float = 12.0
) -> DetectionCounts:
    """Score centres: F1 = TP / (TP + FP / 2 + FN / 2), as F_d of Graham et al. 2019 (doi:10.1016/j.media.2019.101563).

    Centres at most a radius apart are paired one to one: as many as possible, and among those ways the one with the
    least distance in all. (The reference pairs by least distance first and then drops pairs beyond the radius, which
    can leave centres alone that have a neighbour within it.)

    Parameters
    ----------
    truth, prediction
        (N, 2), (M, 2) float64, centroids (y, x) in pixels.
    radius_px
        12 at 40x (0.25 um/px), 6 at 20x; see `radius_px_at`.

    Returns
    -------
    DetectionCounts
        With ``f1``, ``precision``, ``recall``; counts of several images add up.

    Raises
    ------
    ValueError
        If the radius is not positive, or the centres are not (N, 2).

    Examples
    --------
    >>> import numpy as np
    >>> detection_score(np.array([[5.0, 5.0], [90.0, 5.0]]), np.array([[5.0, 9.0]])).f1
    0.6666666666666666
    """
    if not radius_px > 0:
        raise ValueError(f"got a radius of {radius_px} px; give a positive one (12 at 0.25 um/px)")
    for centres in (truth, prediction):
        if centres.ndim != 2 or centres.shape[1] != 2:
            raise ValueError(f"centres are (N, 2), (y, x); got {centres.shape}")
    tp = len(nearest_pairs(truth, prediction, radius_px))
    return DetectionCounts(tp, len(prediction) - tp, len(truth) - tp)


def radius_px_at(mpp: float) -> float:
    """Give the radius within which centres are those of one nucleus.

    Parameters
    ----------
    mpp
        Micrometres per pixel of the maps.

    Raises
    ------
    ValueError
        If the pixel size is not positive.

    Examples
    --------
    >>> radius_px_at(0.25), radius_px_at(0.5)
    (12.0, 6.0)
    """
    if not mpp > 0:
        raise ValueError(f"got {mpp} um/px; a pixel size is positive, about 0.25 at 40x")
    return SAME_CENTRE_UM / mpp


def _aggregated(overlaps: Overlaps, chosen: NDArray[np.int64]) -> float:
    """Jaccard index of the chosen pairs; all that was not chosen adds to the denominator."""
    missed = np.delete(overlaps.area_a, overlaps.row_a[chosen]).sum()
    extra = np.delete(overlaps.area_b, overlaps.row_b[chosen]).sum()
    return ratio(float(overlaps.shared[chosen].sum()), float(overlaps.union[chosen].sum() + missed + extra))
