"""Scores of an instance map against the truth.

Edge cases, the same for every score: two empty maps agree perfectly (1); if only one is empty, nothing agrees (0).
Averages that leave out images without truth (as PanNuke's do) are taken by the caller, who sees ``tp + fn == 0``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pathprune.instances.assignment import best_overlaps, nearest_pairs
from napari_pathprune.instances.matching import Matching, match
from napari_pathprune.instances.overlaps import Overlaps, overlaps_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PanopticQuality:
    """Detection quality, segmentation quality, their product, and the counts behind them."""

    dq: float
    sq: float
    pq: float
    tp: int
    fp: int
    fn: int


@dataclass(frozen=True, slots=True)
class DetectionScore:
    """F1, precision and recall of detected centres, and the counts behind them."""

    f1: float
    precision: float
    recall: float
    tp: int
    fp: int
    fn: int


def panoptic_quality(truth: NDArray[Any], prediction: NDArray[Any]) -> PanopticQuality:
    """Score detection and outline together: PQ = DQ * SQ (Kirillov et al. 2019, doi:10.1109/CVPR.2019.00963).

    Pairs with IoU > 0.5 are the true positives; DQ = TP / (TP + FP / 2 + FN / 2), SQ = mean IoU of the pairs (0 if
    none). All instances count as one class; this is bPQ of one image.

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
    >>> truth = np.array([[1, 1, 1, 0, 2, 2]])
    >>> score = panoptic_quality(truth, np.array([[5, 5, 5, 0, 0, 6]]))  # 6 covers half of 2: too little
    >>> score.tp, score.fp, score.fn, score.pq
    (1, 1, 1, 0.5)
    """
    return panoptic_quality_of(match(truth, prediction))


def panoptic_quality_of(matching: Matching) -> PanopticQuality:
    """Score a matching of the truth (a) and a prediction (b); see `panoptic_quality`."""
    tp, fn, fp = len(matching.pairs), len(matching.only_a), len(matching.only_b)
    dq = _ratio(tp, tp + fp / 2 + fn / 2)
    sq = _ratio(float(matching.iou.sum()), tp) if tp or not (fp or fn) else 0.0
    return PanopticQuality(dq, sq, dq * sq, tp, fp, fn)


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
    """
    overlaps = overlaps_of(truth, prediction)
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
    """
    overlaps = overlaps_of(truth, prediction)
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
    """
    if truth.shape != prediction.shape:
        raise ValueError(f"two maps of one image have one shape; got {truth.shape} and {prediction.shape}")
    a, b = truth > 0, prediction > 0
    return _ratio(2.0 * np.count_nonzero(a & b), float(np.count_nonzero(a) + np.count_nonzero(b)))


def detection_score(
    truth: NDArray[np.float64], prediction: NDArray[np.float64], radius_px: float = 12.0
) -> DetectionScore:
    """Score centres: F1 = TP / (TP + FP / 2 + FN / 2), as F_d of Graham et al. 2019 (doi:10.1016/j.media.2019.101563).

    Centres at most a radius apart are paired one to one: as many as possible, and among those ways the one with the
    least distance in all. (The reference pairs by least distance first and then drops pairs beyond the radius, which
    can leave centres alone that have a neighbour within it.)

    Parameters
    ----------
    truth, prediction
        (N, 2), (M, 2) float64, centroids (y, x) in pixels.
    radius_px
        12 at 40x (0.25 um/px), 6 at 20x.

    Raises
    ------
    ValueError
        If the radius is not positive, or the centres are not (N, 2).
    """
    if radius_px <= 0:
        raise ValueError(f"got a radius of {radius_px} px; give a positive one (12 at 0.25 um/px)")
    for centres in (truth, prediction):
        if centres.ndim != 2 or centres.shape[1] != 2:
            raise ValueError(f"centres are (N, 2), (y, x); got {centres.shape}")
    tp = len(nearest_pairs(truth, prediction, radius_px))
    fn, fp = len(truth) - tp, len(prediction) - tp
    empty = not len(truth) and not len(prediction)
    precision = 1.0 if empty else _ratio(tp, len(prediction)) if len(prediction) else 0.0
    recall = 1.0 if empty else _ratio(tp, len(truth)) if len(truth) else 0.0
    return DetectionScore(_ratio(tp, tp + fp / 2 + fn / 2), precision, recall, tp, fp, fn)


def _aggregated(overlaps: Overlaps, chosen: NDArray[np.int64]) -> float:
    """Jaccard index of the chosen pairs; all that was not chosen adds to the denominator."""
    missed = np.delete(overlaps.area_a, overlaps.row_a[chosen]).sum()
    extra = np.delete(overlaps.area_b, overlaps.row_b[chosen]).sum()
    return _ratio(float(overlaps.shared[chosen].sum()), float(overlaps.union[chosen].sum() + missed + extra))


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator else 1.0
