"""All scores of one image: a prediction against the truth, read from one overlap table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pathprune.instances.assignment import nearest_pairs
from napari_pathprune.instances.matching import match
from napari_pathprune.instances.metrics import (
    aggregated_jaccard_index_of,
    aggregated_jaccard_index_plus_of,
    dice_of,
    panoptic_quality_of,
    radius_px_at,
)
from napari_pathprune.instances.overlaps import Overlaps
from napari_pathprune.instances.pairs import NucleusPairs
from napari_pathprune.instances.tallies import DetectionCounts, PanopticCounts, TypeCounts

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class ImageScores:
    """How a prediction compares with the truth.

    Parameters
    ----------
    panoptic
        Pairs with IoU > 0.5, whatever their types.
    aji, aji_plus, dice
        0 to 1; see `instances.metrics`.
    detection
        Pairs of centres within 3 um, whatever their types.
    nuclei
        The pairs with IoU > 0.5 and the nuclei alone, with their types.
    panoptic_by_type, classified_by_type
        Counts by number of type, background (always empty) first; None where types are not known.
    name, tissue
        Of the image; images of one tissue are averaged first, as PanNuke does. None where there are no tissues.
    """

    panoptic: PanopticCounts
    aji: float
    aji_plus: float
    dice: float
    detection: DetectionCounts
    nuclei: NucleusPairs
    panoptic_by_type: tuple[PanopticCounts, ...] | None = None
    classified_by_type: tuple[TypeCounts, ...] | None = None
    name: str = ""
    tissue: str | None = None

    @property
    def bpq(self) -> float:
        """PQ of all nuclei as one class; nan where the truth is empty, as PanNuke has it."""
        return self.panoptic.pq if self.panoptic.truth else math.nan

    @property
    def mpq(self) -> float:
        """Mean PQ over the types that the truth has; nan where it has none or types are not known."""
        qualities = [counts.pq for counts in self.panoptic_by_type or () if counts.truth]
        return math.fsum(qualities) / len(qualities) if qualities else math.nan


def image_scores(
    truth: NDArray[Any],
    prediction: NDArray[Any],
    truth_types: NDArray[Any] | None = None,
    found_types: NDArray[Any] | None = None,
    *,
    num_types: int | None = None,
    mpp: float = 0.25,
    name: str = "",
    tissue: str | None = None,
) -> ImageScores:
    """Score a prediction against the truth.

    The maps are gone through once; every score is read from the table of their overlaps.

    Parameters
    ----------
    truth, prediction
        (H, W) integers, 0 background.
    truth_types
        Integers, type of every id of the truth: ``types[0] == 0``, -1 where not known. Nuclei of unknown type, and
        their partners, do not count in scores by type. None where no type is known.
    found_types
        Integers, type of every id of the prediction, 0 where it has none; None if the model is untyped.
    num_types
        Number of types, background included; None for no scores by type.
    mpp
        Micrometres per pixel of the maps, for the radius within which centres are paired.
    name, tissue
        Of the image.

    Returns
    -------
    ImageScores
        Without scores by type where `truth_types`, `found_types` or `num_types` is None.

    Raises
    ------
    ValueError
        If the maps differ in shape or are no instance maps, an id has no type or a type has no number, or mpp is not
        positive.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.array([[1, 1, 1, 0, 2, 2]])
    >>> prediction = np.array([[1, 1, 1, 0, 3, 3]])
    >>> scores = image_scores(truth, prediction, np.array([0, 1, 2]), np.array([0, 1, 0, 1]), num_types=3)
    >>> scores.panoptic.pq, scores.panoptic_by_type[1].pq, scores.panoptic_by_type[2].pq
    (1.0, 0.6666666666666666, 0.0)
    """
    radius_px = radius_px_at(mpp)
    matching = match(truth, prediction)
    overlaps = matching.overlaps
    near = nearest_pairs(overlaps.centre_a, overlaps.centre_b, radius_px)
    nuclei = NucleusPairs.of(matching.pairs, matching.iou, matching.only_a, matching.only_b, truth_types, found_types)
    by_type: tuple[tuple[PanopticCounts, ...] | None, tuple[TypeCounts, ...] | None] = None, None
    if num_types and truth_types is not None and found_types is not None:
        centres = _paired(overlaps, near, truth_types, found_types)
        by_type = nuclei.panoptic_by_type(num_types), centres.classified_by_type(num_types)
    return ImageScores(
        panoptic_quality_of(matching),
        aggregated_jaccard_index_of(overlaps),
        aggregated_jaccard_index_plus_of(overlaps),
        dice_of(overlaps),
        DetectionCounts(len(near), len(overlaps.ids_b) - len(near), len(overlaps.ids_a) - len(near)),
        nuclei,
        *by_type,
        name,
        tissue,
    )


def _paired(
    overlaps: Overlaps, near: NDArray[np.int64], truth_types: NDArray[Any], found_types: NDArray[Any]
) -> NucleusPairs:
    """Write down rows that are near one another (P, 2) as pairs of nuclei; how much they overlap is not asked."""
    rows_a, rows_b = near.T
    return NucleusPairs.of(
        np.stack([overlaps.ids_a[rows_a], overlaps.ids_b[rows_b]], axis=1),
        np.zeros(len(near)),
        np.delete(overlaps.ids_a, rows_a),
        np.delete(overlaps.ids_b, rows_b),
        truth_types,
        found_types,
    )
