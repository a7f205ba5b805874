"""The result of a comparison: scores, counts, disagreements, and the regions where they are most."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pathprune.base.box import Box
from napari_pathprune.base.score_names import format_score
from napari_pathprune.instances.boundary import BoundaryCounts
from napari_pathprune.instances.matching import Matching
from napari_pathprune.instances.metrics import panoptic_quality_from_matching
from napari_pathprune.instances.score_counts import DetectionCounts, PanopticCounts
from napari_pathprune.workflows.compare.disagreements import Disagreements, Status
from napari_pathprune.workflows.compare.worst_regions import WorstRegion
from napari_pathprune.workflows.evaluate.ceiling import Ceiling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.slides.resolution import Mpp


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two segmentations of one region of a slide, compared. Positions are in level-0 pixels.

    A is the reference. If it is an annotation, the scores are the accuracy of B; if not, they are agreement, and no
    statement on which of the two is right.

    Parameters
    ----------
    name_a, name_b
        Names of the segmentations.
    is_truth
        Whether A is an annotation.
    region
        (y0, x0, y1, x1), what was compared.
    mpp
        Size of a level-0 pixel in um (y, x), or None if unknown.
    type_names
        Names of the types of both, nuclei without a type first.
    has_types
        Whether both segmentations have types.
    by_type_a, by_type_b
        (T,) int64, number of nuclei of each type.
    matching
        Which nuclei are the same, by IoU > 0.5.
    aji, aji_plus, dice
        Scores of the pixels, 0 to 1; see `instances.metrics`.
    detection
        F1 of centres within 3 um; None if the pixel size is unknown.
    boundary
        Agreement of outlines within 1 um (2 px if the pixel size is unknown).
    confusion
        (T, T) int64, number of pairs by type in A (rows) and in B (columns).
    disagreements
        Every nucleus on which the two disagree.
    worst
        Regions with the most disagreements, worst first.
    ceiling
        How well the model of the reference agrees with itself when the image is shifted; None if it is not known.
    ceiling_line
        The ceiling in words, or how to measure it; empty against an annotation, and where no model is known.
    """

    name_a: str
    name_b: str
    is_truth: bool
    region: Box
    mpp: Mpp | None
    type_names: tuple[str, ...]
    has_types: bool
    by_type_a: NDArray[np.int64]
    by_type_b: NDArray[np.int64]
    matching: Matching
    aji: float
    aji_plus: float
    dice: float
    detection: DetectionCounts | None
    boundary: BoundaryCounts
    confusion: NDArray[np.int64]
    disagreements: Disagreements
    worst: tuple[WorstRegion, ...]
    ceiling: Ceiling | None = None
    ceiling_line: str = ""

    @property
    def word(self) -> str:
        """What the scores are: "accuracy" against an annotation, else "agreement"."""
        return "accuracy" if self.is_truth else "agreement"

    @property
    def panoptic(self) -> PanopticCounts:
        """PQ, DQ and SQ, all nuclei as one class."""
        return panoptic_quality_from_matching(self.matching)

    @property
    def nuclei_a(self) -> int:
        """Number of nuclei in A."""
        return int(self.by_type_a.sum())

    @property
    def nuclei_b(self) -> int:
        """Number of nuclei in B."""
        return int(self.by_type_b.sum())

    @property
    def agreed(self) -> int:
        """Number of pairs of the same type; of all pairs if a segmentation has no types."""
        return len(self.matching.pairs) - self.disagreements.count(Status.TYPE_CHANGED)

    @property
    def type_agreement(self) -> float | None:
        """Share of the pairs whose types are the same; None without types or pairs."""
        pairs = int(self.confusion.sum())
        return float(np.trace(self.confusion)) / pairs if self.has_types and pairs else None

    @property
    def area_mm2(self) -> float | None:
        """Area of the region in square millimetres; None if the pixel size is unknown."""
        y0, x0, y1, x1 = self.region
        return None if self.mpp is None else (y1 - y0) * (x1 - x0) * self.mpp[0] * self.mpp[1] / 1e6

    def scores(self) -> dict[str, float | None]:
        """Return the scores, 0 to 1, by key; `base.score_names.score_name` names them."""
        panoptic = self.panoptic
        return {
            "pq": panoptic.pq,
            "dq": panoptic.dq,
            "sq": panoptic.sq,
            "aji": self.aji,
            "aji_plus": self.aji_plus,
            "dice": self.dice,
            "f1": None if self.detection is None else self.detection.f1,
            "boundary_f1": self.boundary.f1,
            "type_agreement": self.type_agreement,
        }

    @property
    def agreement_line(self) -> str:
        """The agreement and its ceiling in one line; the ceiling is left out where it has no meaning."""
        line = f"{self.word} PQ {format_score(self.panoptic.pq)}"
        return f"{line}; {self.ceiling_line}" if self.ceiling_line else line

    def density(self, nuclei: int) -> float | None:
        """Return nuclei per square millimetre of the region; None if the pixel size is unknown."""
        return None if self.area_mm2 is None else nuclei / self.area_mm2

    def shown_types(self) -> tuple[int, ...]:
        """Return the indices of the types that occur in either segmentation."""
        found = np.flatnonzero(self.by_type_a + self.by_type_b)
        return tuple(int(index) for index in found)

    def to_dict(self) -> dict[str, Any]:
        """Return scores, counts and the worst regions as JSON values; None stands for an unknown value.

        The disagreements are counted; `disagreements.write_disagreements` lists them.
        """
        shown = self.shown_types()
        return {
            "a": self.name_a,
            "b": self.name_b,
            "scores_are": self.word,
            "region_yxyx_px": list(self.region),
            "mpp": None if self.mpp is None else list(self.mpp),
            "area_mm2": self.area_mm2,
            "scores": {key: _finite(value) for key, value in self.scores().items()},
            "ceiling": None if self.ceiling is None else self.ceiling.to_dict(),
            "nuclei": {"a": self.nuclei_a, "b": self.nuclei_b},
            "nuclei_per_mm2": {"a": self.density(self.nuclei_a), "b": self.density(self.nuclei_b)},
            "types": {
                self.type_names[index]: {
                    "a": int(self.by_type_a[index]),
                    "b": int(self.by_type_b[index]),
                    "a_per_mm2": self.density(int(self.by_type_a[index])),
                    "b_per_mm2": self.density(int(self.by_type_b[index])),
                }
                for index in shown
            },
            "confusion": {
                self.type_names[row]: {self.type_names[column]: int(self.confusion[row, column]) for column in shown}
                for row in shown
            }
            if self.has_types
            else None,
            "agreed": self.agreed,
            "only_a": self.disagreements.count(Status.ONLY_A),
            "only_b": self.disagreements.count(Status.ONLY_B),
            "type_changed": self.disagreements.count(Status.TYPE_CHANGED),
            "worst_regions": [
                {"region_yxyx_px": list(one.box), "disagreements": one.disagreements, "nuclei": one.nuclei}
                for one in self.worst
            ],
        }


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
