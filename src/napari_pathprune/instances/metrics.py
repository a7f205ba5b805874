"""Scores of an instance map against the truth.

Every score of one image treats empty maps in the same way: the score is 1 if both maps are empty, and 0 if only one is.
The same holds for the nuclei of one type. Averages over images or types leave out those that do not occur: bPQ and mPQ
leave out images and types without truth (as PanNuke does), mPQ+ and the scores by type leave out types in neither truth
nor prediction. An average over nothing is nan. See `instances.set_scores`.

`instances.image_scores.score_image` computes all scores of one image from one overlap table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_pathprune.instances.assignment import assign_overlaps, pair_nearest
from napari_pathprune.instances.matching import Matching, match
from napari_pathprune.instances.overlaps import Overlaps, count_overlaps
from napari_pathprune.instances.score_counts import DetectionCounts, PanopticCounts, ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAME_CENTRE_UM: Final = 3.0
"""Largest distance of two centres of the same nucleus: 12 px at 0.25 um/px, as in HoVer-Net's reference."""


def panoptic_quality(truth: NDArray[Any], prediction: NDArray[Any]) -> PanopticCounts:
    """Compute the panoptic quality, PQ = DQ * SQ (Kirillov et al. 2019, doi:10.1109/CVPR.2019.00963).

    PQ scores detection and segmentation together. Pairs with IoU > 0.5 are the true positives,
    DQ = TP / (TP + FP / 2 + FN / 2), and SQ is the mean IoU of the pairs (0 without pairs). All instances form one
    class, so this is the bPQ of one image.

    Parameters
    ----------
    truth, prediction
        (H, W) integers, 0 background.

    Returns
    -------
    PanopticCounts
        With ``pq``, ``dq`` and ``sq``; the counts of several images can be added.

    Raises
    ------
    ValueError
        If the maps differ in shape, or are not instance maps.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.array([[1, 1, 1, 0, 2, 2]])
    >>> score = panoptic_quality(truth, np.array([[5, 5, 5, 0, 0, 6]]))  # the IoU of 6 and 2 is only 0.5
    >>> score.tp, score.fp, score.fn, score.pq
    (1, 1, 1, 0.5)
    """
    return panoptic_quality_from_matching(match(truth, prediction))


def panoptic_quality_from_matching(matching: Matching) -> PanopticCounts:
    """Compute the panoptic quality from a matching of the truth (a) and a prediction (b)."""
    return PanopticCounts(len(matching.pairs), len(matching.only_b), len(matching.only_a), float(matching.iou.sum()))


def aggregated_jaccard_index(truth: NDArray[Any], prediction: NDArray[Any]) -> float:
    """Compute the aggregated Jaccard index, AJI (Kumar et al. 2017, doi:10.1109/TMI.2017.2677499).

    Each true nucleus is paired with the prediction of the largest IoU, the first if there are several, even if that is
    paired already. AJI = sum of intersections / (sum of unions + pixels of unpaired true nuclei + pixels of unpaired
    predictions).

    Parameters
    ----------
    truth, prediction
        (H, W) integers, 0 background.

    Raises
    ------
    ValueError
        If the maps differ in shape, or are not instance maps.

    Examples
    --------
    >>> import numpy as np
    >>> aggregated_jaccard_index(np.array([[1, 1, 2, 2]]), np.array([[1, 1, 1, 1]]))
    0.5
    """
    return aji_from_overlaps(count_overlaps(truth, prediction))


def aji_from_overlaps(overlaps: Overlaps) -> float:
    """Compute the AJI from the overlaps of the truth (a) and a prediction (b)."""
    order = np.lexsort((-overlaps.iou, overlaps.row_a))  # stable: the first of several equal ones stays first
    _, first = np.unique(overlaps.row_a[order], return_index=True)
    return _aggregate(overlaps, order[first])


def aggregated_jaccard_index_plus(truth: NDArray[Any], prediction: NDArray[Any]) -> float:
    """Compute AJI+ (Graham et al. 2019, doi:10.1016/j.media.2019.101563).

    AJI+ is AJI with nuclei paired one to one, such that the sum of IoU is largest. Unpaired nuclei add to the
    denominator.

    Parameters
    ----------
    truth, prediction
        (H, W) integers, 0 background.

    Raises
    ------
    ValueError
        If the maps differ in shape, or are not instance maps.

    Examples
    --------
    >>> import numpy as np
    >>> round(aggregated_jaccard_index_plus(np.array([[1, 1, 2, 2]]), np.array([[1, 1, 1, 1]])), 3)
    0.333
    """
    return aji_plus_from_overlaps(count_overlaps(truth, prediction))


def aji_plus_from_overlaps(overlaps: Overlaps) -> float:
    """Compute AJI+ from the overlaps of the truth (a) and a prediction (b)."""
    return _aggregate(overlaps, assign_overlaps(overlaps))


def dice(truth: NDArray[Any], prediction: NDArray[Any]) -> float:
    """Compute the Dice coefficient of the foregrounds, 2 |A and B| / (|A| + |B|) (Dice 1945, doi:10.2307/1932409).

    Parameters
    ----------
    truth, prediction
        (H, W) integers, 0 background; all other values are foreground.

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
        raise ValueError(f"got maps of shapes {truth.shape} and {prediction.shape}; expected two maps of one image")
    a, b = truth > 0, prediction > 0
    return ratio(2.0 * np.count_nonzero(a & b), float(np.count_nonzero(a) + np.count_nonzero(b)))


def dice_from_overlaps(overlaps: Overlaps) -> float:
    """Compute the Dice coefficient from the overlaps of the truth (a) and a prediction (b)."""
    return ratio(2.0 * overlaps.shared.sum(), float(overlaps.area_a.sum() + overlaps.area_b.sum()))


def detection_score(
    truth: NDArray[np.float64], prediction: NDArray[np.float64], radius_px: float = 12.0
) -> DetectionCounts:
    """Compute the detection score F_d of Graham et al. 2019 (doi:10.1016/j.media.2019.101563).

    F_d = TP / (TP + FP / 2 + FN / 2) of centres. Centres at most a radius apart are paired one to one: as many as
    possible, with the smallest possible sum of distances. (The reference minimizes the distances first and then drops
    pairs beyond the radius, which can leave centres unpaired that have a neighbour within it.)

    Parameters
    ----------
    truth, prediction
        (N, 2), (M, 2) float64, centroids (y, x) in pixels.
    radius_px
        12 at 40x (0.25 um/px), 6 at 20x; see `centre_radius_px`.

    Returns
    -------
    DetectionCounts
        With ``f1``, ``precision`` and ``recall``; the counts of several images can be added.

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
        raise ValueError(f"got a radius of {radius_px} px; expected a positive one (12 at 0.25 um/px)")
    for centres in (truth, prediction):
        if centres.ndim != 2 or centres.shape[1] != 2:
            raise ValueError(f"got centres of shape {centres.shape}; expected (N, 2), (y, x)")
    tp = len(pair_nearest(truth, prediction, radius_px))
    return DetectionCounts(tp, len(prediction) - tp, len(truth) - tp)


def centre_radius_px(mpp: float) -> float:
    """Return the largest distance in pixels of two centres of the same nucleus.

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
    >>> centre_radius_px(0.25), centre_radius_px(0.5)
    (12.0, 6.0)
    """
    if not mpp > 0:
        raise ValueError(f"got {mpp} um/px; expected a positive pixel size, about 0.25 at 40x")
    return SAME_CENTRE_UM / mpp


def _aggregate(overlaps: Overlaps, chosen: NDArray[np.int64]) -> float:
    """Return the Jaccard index of the chosen pairs; unpaired instances add to the denominator."""
    missed = np.delete(overlaps.area_a, overlaps.row_a[chosen]).sum()
    extra = np.delete(overlaps.area_b, overlaps.row_b[chosen]).sum()
    return ratio(float(overlaps.shared[chosen].sum()), float(overlaps.union[chosen].sum() + missed + extra))
