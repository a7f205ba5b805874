"""Scores of a set of images: means over the images, and scores of all nuclei pooled."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from itertools import zip_longest
from operator import add

from napari_pathprune.instances.image_scores import ImageScores
from napari_pathprune.instances.score_counts import DetectionCounts, PanopticCounts, TypeCounts


@dataclass(frozen=True, slots=True, eq=False)
class SetScores:
    """The scores of a set of images.

    Means give every image the same weight, pooled scores every nucleus. A mean over nothing is nan.

    Parameters
    ----------
    images
        One or more.
    nameable
        Numbers of the types that the annotation can name; None for all that occur. Predictions of other types may be
        correct, and do not count in scores by type.

    Raises
    ------
    ValueError
        If there are no images.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_pathprune.instances.image_scores import score_image
    >>> types = np.array([0, 1, 2])
    >>> one = score_image(np.array([[1, 0, 2]]), np.array([[1, 0, 2]]), types, types, num_types=3)
    >>> two = score_image(np.array([[1, 0, 0]]), np.array([[1, 0, 2]]), types, types, num_types=3)
    >>> scores = SetScores((one, two))
    >>> round(scores.bpq, 3), scores.mpq, round(scores.mpq_plus, 3)  # mPQ ignores the false 2
    (0.833, 1.0, 0.833)
    """

    images: tuple[ImageScores, ...]
    nameable: frozenset[int] | None = None

    def __post_init__(self) -> None:
        if not self.images:
            raise ValueError("got no images to score; pass at least one")

    @property
    def pq(self) -> float:
        """Mean PQ of all images; `instances.metrics` defines it for images without nuclei."""
        return _mean(image.panoptic.pq for image in self.images)

    @property
    def dq(self) -> float:
        """Mean DQ of the images."""
        return _mean(image.panoptic.dq for image in self.images)

    @property
    def sq(self) -> float:
        """Mean SQ of the images."""
        return _mean(image.panoptic.sq for image in self.images)

    @property
    def aji(self) -> float:
        """Mean AJI of the images."""
        return _mean(image.aji for image in self.images)

    @property
    def aji_plus(self) -> float:
        """Mean AJI+ of the images."""
        return _mean(image.aji_plus for image in self.images)

    @property
    def dice(self) -> float:
        """Mean Dice of the images."""
        return _mean(image.dice for image in self.images)

    @property
    def bpq(self) -> float:
        """PanNuke's bPQ (Gamper et al. 2020, doi:10.48550/arXiv.2003.10778).

        The mean over the images with nuclei of each tissue, then over tissues; over all images if there are no tissues.
        """
        return self._mean_over_tissues("bpq")

    @property
    def mpq(self) -> float:
        """PanNuke's mPQ (Gamper et al. 2020, doi:10.48550/arXiv.2003.10778).

        The mean over the types in the truth of each image, then over the images of each tissue, then over tissues; over
        all images if there are no tissues. Predictions of a type that is not in the truth of their image have no
        effect, in contrast to `mpq_plus`.
        """
        return self._mean_over_tissues("mpq")

    @property
    def mpq_plus(self) -> float:
        """CoNIC's mPQ+ (Graham et al. 2024, doi:10.1016/j.media.2023.103047).

        PQ of each type from the counts of all images, then the mean over the `nameable` types in truth or prediction.
        """
        pooled = enumerate(self.panoptic_by_type)
        return _mean(
            counts.pq for number, counts in pooled if self.is_scored(number) and (counts.truth or counts.found)
        )

    def is_scored(self, number: int) -> bool:
        """Return whether a type counts in scores by type."""
        return self.nameable is None or number in self.nameable

    @property
    def detection(self) -> DetectionCounts:
        """Counts of the centres of all images."""
        return reduce(add, (image.detection for image in self.images))

    @property
    def panoptic(self) -> PanopticCounts:
        """Counts of the nuclei of all images, of any type."""
        return reduce(add, (image.panoptic for image in self.images))

    @property
    def panoptic_by_type(self) -> tuple[PanopticCounts, ...]:
        """Counts of each type over all images with types; empty if there are no such images."""
        rows = (image.panoptic_by_type for image in self.images if image.panoptic_by_type is not None)
        return tuple(reduce(add, column) for column in zip_longest(*rows, fillvalue=PanopticCounts()))

    @property
    def classified_by_type(self) -> tuple[TypeCounts, ...]:
        """Counts of each type over all images with types; empty if there are no such images."""
        rows = (image.classified_by_type for image in self.images if image.classified_by_type is not None)
        return tuple(reduce(add, column) for column in zip_longest(*rows, fillvalue=TypeCounts()))

    def _mean_over_tissues(self, score: str) -> float:
        tissues: dict[str | None, list[float]] = {}
        for image in self.images:
            tissues.setdefault(image.tissue, []).append(getattr(image, score))
        return _mean(_mean(values) for values in tissues.values())


def _mean(values: Iterable[float]) -> float:
    """Return the mean of the values that are not nan; nan if there are none."""
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan
