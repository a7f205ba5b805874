"""How good and how fast a model is on a set of images."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from napari_pathprune.instances.set_scores import SetScores

COLUMNS: Final = ("model", "images", "PQ", "DQ", "SQ", "mPQ+", "AJI", "Dice", "F1", "s / megapixel")
DASH: Final = "-"
"""Stands for a score that nothing is known of."""


@dataclass(frozen=True, slots=True)
class ImageScored:
    """An image was scored: by which model, its name and PQ, how many of how many are done."""

    model: str
    image: str
    pq: float
    done: int
    total: int

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return f"{self.model} on {self.image}: PQ {self.pq:.3f}"

    @property
    def is_milestone(self) -> bool:
        """See `base.event.Event`."""
        return False


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """How good and how fast a model is on a set of images.

    Parameters
    ----------
    model
        Its name.
    details
        The scores of every image and of the set.
    seconds_per_megapixel
        Wall time of prediction and post-processing, by pixels of the model's size.
    type_names
        Names of the types, background first; types without a name are told by number.
    """

    model: str
    details: SetScores
    seconds_per_megapixel: float
    type_names: tuple[str, ...] = ()

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.details.images)

    @property
    def pq(self) -> float:
        """Mean over images of PQ, all nuclei one class; bPQ if no image is without nuclei."""
        return self.details.pq

    def to_dict(self) -> dict[str, Any]:
        """For JSON.

        Returns
        -------
        dict
            ``model``, ``images``; means over images ``pq``, ``dq``, ``sq``, ``aji``, ``aji_plus``, ``dice``; ``bpq``,
            ``mpq`` as PanNuke's, over tissues where images have them; pooled over nuclei ``f1_detection``,
            ``mpq_plus`` and ``types`` (name -> ``pq_plus``, ``f1``, ``truth``, ``found``; empty where types are not
            known; the two scores None where the data cannot name the type); ``per_image`` (name -> PQ);
            ``seconds_per_megapixel``. None stands for a score that nothing is known of.
        """
        details = self.details
        means = ("pq", "dq", "sq", "aji", "aji_plus", "dice", "bpq", "mpq", "mpq_plus")
        return {
            "model": self.model,
            "images": self.images,
            **{name: _known(getattr(details, name)) for name in means},
            "f1_detection": details.detection.f1,
            "types": self._types(),
            "per_image": self._per_image(),
            "seconds_per_megapixel": self.seconds_per_megapixel,
        }

    def row(self) -> tuple[str, ...]:
        """For a table with `COLUMNS`."""
        details = self.details
        values = (details.pq, details.dq, details.sq, details.mpq_plus, details.aji, details.dice, details.detection.f1)
        return (
            self.model,
            str(self.images),
            *(DASH if math.isnan(value) else f"{value:.3f}" for value in values),
            f"{self.seconds_per_megapixel:.1f}",
        )

    def _per_image(self) -> dict[str, float]:
        """PQ by name; images of several folders may have one name."""
        found: dict[str, float] = {}
        seen: Counter[str] = Counter()
        for image in self.details.images:
            seen[image.name] += 1
            again = f" ({seen[image.name]})" if seen[image.name] > 1 else ""
            found[image.name + again] = image.panoptic.pq
        return found

    def _types(self) -> dict[str, dict[str, float | int | None]]:
        found = {}
        pooled = zip(self.details.panoptic_by_type, self.details.classified_by_type, strict=True)
        for number, (panoptic, classified) in enumerate(pooled):
            if number == 0:  # the background
                continue
            name = self.type_names[number] if number < len(self.type_names) else str(number)
            occurs = self.details.counts(number) and panoptic.truth + panoptic.found > 0
            found[name] = {
                "pq_plus": panoptic.pq if occurs else None,
                "f1": classified.f1 if occurs else None,
                "truth": panoptic.truth,
                "found": panoptic.found,
            }
        return found


def _known(value: float) -> float | None:
    """JSON has no nan."""
    return None if math.isnan(value) else value


@dataclass(frozen=True, slots=True, eq=False)
class ModelScored:
    """All images were scored with a model; ``done`` and ``total`` count images."""

    score: Score
    done: int
    total: int

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return f"{self.score.model}: PQ {self.score.pq:.3f} on {self.done} images"

    @property
    def is_milestone(self) -> bool:
        """See `base.event.Event`."""
        return False
