"""All scores of one image, computed from one overlap table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pathprune.instances.assignment import pair_nearest
from napari_pathprune.instances.matching import match
from napari_pathprune.instances.metrics import (
    aji_from_overlaps,
    aji_plus_from_overlaps,
    centre_radius_px,
    dice_from_overlaps,
    panoptic_quality_from_matching,
)
from napari_pathprune.instances.nucleus_pairs import NucleusPairs
from napari_pathprune.instances.overlaps import Overlaps
from napari_pathprune.instances.score_counts import DetectionCounts, PanopticCounts, TypeCounts

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class ImageScores:
    """The scores of a prediction against the truth.

    Parameters
    ----------
    panoptic
        Pairs with IoU > 0.5, of any type.
    aji, aji_plus, dice
        0 to 1; see `instances.metrics`.
    detection
        Pairs of centres within 3 um, of any type.
    nuclei
        The pairs with IoU > 0.5 and the unpaired nuclei, with their types.
    panoptic_by_type, classified_by_type
        Counts of each type, background (always 0) first; None if types are not known.
    name, tissue
        Name and tissue of the image. Images of one tissue are averaged first, as in PanNuke; None if not known.
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
        """PQ of all nuclei as one class; nan if the truth is empty, as in PanNuke."""
        return self.panoptic.pq if self.panoptic.truth else math.nan

    @property
    def mpq(self) -> float:
        """Mean PQ over the types in the truth; nan if there are none or types are not known."""
        qualities = [counts.pq for counts in self.panoptic_by_type or () if counts.truth]
        return math.fsum(qualities) / len(qualities) if qualities else math.nan


def score_image(
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

    The maps are read once, and every score is computed from the table of their overlaps.

    Parameters
    ----------
    truth, prediction
        (H, W) integers, 0 background.
    truth_types
        Integers, type of every id of the truth: ``types[0] == 0``, -1 if not known. Nuclei of unknown type and their
        partners do not count in scores by type. None if no type is known.
    found_types
        Integers, type of every id of the prediction, 0 if it has none; None if the model is untyped.
    num_types
        Number of types, background included; None for no scores by type.
    mpp
        Micrometres per pixel of the maps, which determines the radius within which centres are paired.
    name, tissue
        Name and tissue of the image.

    Returns
    -------
    ImageScores
        Without scores by type if `truth_types`, `found_types` or `num_types` is None.

    Raises
    ------
    ValueError
        If the maps differ in shape or are not instance maps, an id has no type, a type is out of range, or `mpp` is
        not positive.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.array([[1, 1, 1, 0, 2, 2]])
    >>> prediction = np.array([[1, 1, 1, 0, 3, 3]])
    >>> scores = score_image(truth, prediction, np.array([0, 1, 2]), np.array([0, 1, 0, 1]), num_types=3)
    >>> scores.panoptic.pq, scores.panoptic_by_type[1].pq, scores.panoptic_by_type[2].pq
    (1.0, 0.6666666666666666, 0.0)
    """
    radius_px = centre_radius_px(mpp)
    matching = match(truth, prediction)
    overlaps = matching.overlaps
    near = pair_nearest(overlaps.centre_a, overlaps.centre_b, radius_px)
    nuclei = NucleusPairs.from_ids(
        matching.pairs, matching.iou, matching.only_a, matching.only_b, truth_types, found_types
    )
    by_type: tuple[tuple[PanopticCounts, ...] | None, tuple[TypeCounts, ...] | None] = None, None
    if num_types and truth_types is not None and found_types is not None:
        centres = _join_pairs(overlaps, near, truth_types, found_types)
        by_type = nuclei.panoptic_by_type(num_types), centres.classified_by_type(num_types)
    return ImageScores(
        panoptic_quality_from_matching(matching),
        aji_from_overlaps(overlaps),
        aji_plus_from_overlaps(overlaps),
        dice_from_overlaps(overlaps),
        DetectionCounts(len(near), len(overlaps.ids_b) - len(near), len(overlaps.ids_a) - len(near)),
        nuclei,
        *by_type,
        name,
        tissue,
    )


def _join_pairs(
    overlaps: Overlaps, near: NDArray[np.int64], truth_types: NDArray[Any], found_types: NDArray[Any]
) -> NucleusPairs:
    """Return pairs of nuclei from rows (P, 2) whose centres are close; their IoU is set to 0."""
    rows_a, rows_b = near.T
    return NucleusPairs.from_ids(
        np.stack([overlaps.ids_a[rows_a], overlaps.ids_b[rows_b]], axis=1),
        np.zeros(len(near)),
        np.delete(overlaps.ids_a, rows_a),
        np.delete(overlaps.ids_b, rows_b),
        truth_types,
        found_types,
    )
