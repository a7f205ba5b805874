"""Scores and speed of a model on a set of images."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from napari_pathprune.base.event import QuietEvent
from napari_pathprune.base.score_names import format_score
from napari_pathprune.instances.set_scores import SetScores

COLUMNS: Final = ("model", "images", "PQ", "DQ", "SQ", "mPQ+", "AJI", "Dice", "F1", "s / megapixel")


@dataclass(frozen=True, slots=True)
class ImageScored(QuietEvent):
    """An image was scored.

    Attributes
    ----------
    model, image
        Their names.
    pq
        Panoptic quality of the image, all nuclei one class.
    done, total
        Numbers of images.
    """

    model: str
    image: str
    pq: float
    done: int
    total: int

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return f"{self.model} on {self.image}: PQ {self.pq:.3f}"


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """Scores and speed of a model on a set of images.

    Parameters
    ----------
    model
        Name of the model.
    details
        Scores of every image and of the set.
    seconds_per_megapixel
        Wall time of prediction and post-processing, for a million pixels at the model's pixel size.
    type_names
        Names of the types, background first; types without a name are shown by number.
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
        """Mean PQ over images, all nuclei one class; equals bPQ if every image has nuclei."""
        return self.details.pq

    def to_dict(self) -> dict[str, Any]:
        """Return all scores as JSON values.

        Returns
        -------
        dict
            ``model``, ``images``; means over images ``pq``, ``dq``, ``sq``, ``aji``, ``aji_plus``, ``dice``; ``bpq``,
            ``mpq`` as PanNuke defines them, over tissues where images have them; pooled over nuclei ``f1_detection``,
            ``mpq_plus`` and ``types`` (name -> ``pq_plus``, ``f1``, ``truth``, ``found``; empty where types are
            unknown; the two scores are None where the data cannot name the type); ``per_image`` (name -> PQ);
            ``seconds_per_megapixel``. None stands for an undefined score.
        """
        details = self.details
        means = ("pq", "dq", "sq", "aji", "aji_plus", "dice", "bpq", "mpq", "mpq_plus")
        return {
            "model": self.model,
            "images": self.images,
            **{name: _nan_to_none(getattr(details, name)) for name in means},
            "f1_detection": details.detection.f1,
            "types": self._types(),
            "per_image": self._per_image(),
            "seconds_per_megapixel": self.seconds_per_megapixel,
        }

    def row(self) -> tuple[str, ...]:
        """Return the cells of a table row, in the order of `COLUMNS`."""
        details = self.details
        values = (details.pq, details.dq, details.sq, details.mpq_plus, details.aji, details.dice, details.detection.f1)
        return (
            self.model,
            str(self.images),
            *map(format_score, values),
            f"{self.seconds_per_megapixel:.1f}",
        )

    def _per_image(self) -> dict[str, float]:
        """Return PQ by image name; images of different folders may share a name, and are numbered then."""
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
            occurs = self.details.is_scored(number) and panoptic.truth + panoptic.found > 0
            found[name] = {
                "pq_plus": panoptic.pq if occurs else None,
                "f1": classified.f1 if occurs else None,
                "truth": panoptic.truth,
                "found": panoptic.found,
            }
        return found


def _nan_to_none(value: float) -> float | None:
    """Return None for NaN, which JSON lacks."""
    return None if math.isnan(value) else value


@dataclass(frozen=True, slots=True, eq=False)
class ModelScored(QuietEvent):
    """A model was scored on all images; ``done`` and ``total`` are numbers of images."""

    score: Score
    done: int
    total: int

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return f"{self.score.model}: PQ {self.score.pq:.3f} on {self.done} images"
