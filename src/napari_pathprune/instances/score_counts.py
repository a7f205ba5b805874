"""Counts of matched and unmatched nuclei, which can be added over images, and the scores computed from them.

`instances.metrics` defines the scores of empty maps.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PanopticCounts:
    """Pairs of nuclei with IoU > 0.5, and nuclei without a partner (Kirillov et al. 2019, doi:10.1109/CVPR.2019.00963).

    Parameters
    ----------
    tp, fp, fn
        Pairs, unpaired predictions, unpaired true nuclei.
    iou_sum
        Sum of the IoU of the pairs.

    Examples
    --------
    >>> both = PanopticCounts(tp=2, fp=1, fn=0, iou_sum=1.5) + PanopticCounts(tp=1, fp=0, fn=1, iou_sum=0.9)
    >>> both.truth, both.found, round(both.dq, 2), round(both.sq, 2), round(both.pq, 2)
    (4, 4, 0.75, 0.8, 0.6)
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    iou_sum: float = 0.0

    def __add__(self, other: PanopticCounts) -> PanopticCounts:
        return PanopticCounts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.iou_sum + other.iou_sum)

    @property
    def truth(self) -> int:
        """Number of true nuclei."""
        return self.tp + self.fn

    @property
    def found(self) -> int:
        """Number of predicted nuclei."""
        return self.tp + self.fp

    @property
    def dq(self) -> float:
        """Detection quality, TP / (TP + FP / 2 + FN / 2), 0 to 1."""
        return ratio(self.tp, self.tp + self.fp / 2 + self.fn / 2)

    @property
    def sq(self) -> float:
        """Segmentation quality, the mean IoU of the pairs, 0 to 1; 0 without pairs."""
        return ratio(self.iou_sum, self.tp) if self.tp or not (self.fp or self.fn) else 0.0

    @property
    def pq(self) -> float:
        """Panoptic quality, DQ * SQ, 0 to 1."""
        return self.dq * self.sq


@dataclass(frozen=True, slots=True)
class DetectionCounts:
    """Pairs of centres, and centres without a partner.

    Parameters
    ----------
    tp, fp, fn
        Pairs, unpaired predictions, unpaired true nuclei.

    Examples
    --------
    >>> counts = DetectionCounts(tp=3, fp=1, fn=3)
    >>> counts.f1, counts.precision, counts.recall
    (0.6, 0.75, 0.5)
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: DetectionCounts) -> DetectionCounts:
        return DetectionCounts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def f1(self) -> float:
        """F_d of HoVer-Net, TP / (TP + FP / 2 + FN / 2), 0 to 1."""
        return ratio(self.tp, self.tp + self.fp / 2 + self.fn / 2)

    @property
    def precision(self) -> float:
        """TP / (TP + FP), 0 to 1; 0 if nothing is found but something should be."""
        return ratio(self.tp, self.tp + self.fp) if self.tp or self.fp or not self.fn else 0.0

    @property
    def recall(self) -> float:
        """TP / (TP + FN), 0 to 1; 0 if something is found but nothing should be."""
        return ratio(self.tp, self.tp + self.fn) if self.tp or self.fn or not self.fp else 0.0


@dataclass(frozen=True, slots=True)
class TypeCounts:
    """Detection and classification of the nuclei of one type c (Graham et al. 2019, doi:10.1016/j.media.2019.101563).

    Parameters
    ----------
    tp
        Pairs of centres that are both c.
    fp, fn
        Pairs of which only the prediction, or only the truth, is c.
    fp_alone, fn_alone
        Unpaired predictions and unpaired true nuclei of type c.

    Examples
    --------
    >>> round(TypeCounts(tp=6, fp=1, fn=1, fp_alone=2, fn_alone=2).f1, 2)
    0.6
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    fp_alone: int = 0
    fn_alone: int = 0

    def __add__(self, other: TypeCounts) -> TypeCounts:
        return TypeCounts(
            self.tp + other.tp,
            self.fp + other.fp,
            self.fn + other.fn,
            self.fp_alone + other.fp_alone,
            self.fn_alone + other.fn_alone,
        )

    @property
    def f1(self) -> float:
        """F_c, 0 to 1.

        2 (TPc + TNc) / (2 (TPc + TNc) + 2 FPc + 2 FNc + FPd + FNd), with TNc = 0: like the reference implementation,
        count only pairs with c on at least one side. Other pairs would raise the score of every rare type to almost 1.
        """
        errors = 2 * self.fp + 2 * self.fn + self.fp_alone + self.fn_alone
        return ratio(2 * self.tp, 2 * self.tp + errors)


def ratio(numerator: float, denominator: float) -> float:
    """Return a quotient, or 1 if the denominator is 0: two empty maps agree."""
    return float(numerator / denominator) if denominator else 1.0
