"""Score models on annotated images."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from napari_pathprune.instances.scores import image_scores
from napari_pathprune.instances.set_scores import SetScores
from napari_pathprune.slides.reader import slide_from_arrays
from napari_pathprune.training.datasets import AnnotatedImage, read_images
from napari_pathprune.workflows.checkpoint import Checkpoint, load
from napari_pathprune.workflows.segment import TileDone, segment

COLUMNS: Final = ("model", "images", "PQ", "DQ", "SQ", "mPQ+", "AJI", "Dice", "F1", "s / megapixel")
DEFAULT_MPP: Final = 0.25
"""Of a model that does not tell its pixel size."""
DASH: Final = "-"
"""Stands for a score that nothing is known of."""


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

    @property
    def dq(self) -> float:
        """Mean over images of detection quality."""
        return self.details.dq

    @property
    def sq(self) -> float:
        """Mean over images of segmentation quality."""
        return self.details.sq

    @property
    def aji(self) -> float:
        """Mean over images of AJI."""
        return self.details.aji

    @property
    def dice(self) -> float:
        """Mean over images of Dice."""
        return self.details.dice

    def to_dict(self) -> dict[str, Any]:
        """For JSON.

        Returns
        -------
        dict
            ``model``, ``images``; means over images ``pq``, ``dq``, ``sq``, ``aji``, ``aji_plus``, ``dice``; ``bpq``,
            ``mpq`` as PanNuke's, over tissues where images have them; pooled over nuclei ``f1_detection``,
            ``mpq_plus`` and ``types`` (name -> ``pq_plus``, ``f1``, ``truth``, ``found``; empty where types are not
            known); ``per_image`` (name -> PQ); ``seconds_per_megapixel``. None stands for a score that nothing is
            known of.
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
            occurs = panoptic.truth + panoptic.found > 0
            found[name] = {
                "pq_plus": panoptic.pq if occurs else None,
                "f1": classified.f1 if occurs else None,
                "truth": panoptic.truth,
                "found": panoptic.found,
            }
        return found


def score_images(
    model: nn.Module,
    images: Sequence[AnnotatedImage],
    *,
    mpp: float,
    num_types: int | None = None,
    name: str = "",
    type_names: Sequence[str] = (),
) -> Score:
    """Let a model find the nuclei of annotated images, each once, and score them.

    Parameters
    ----------
    model
        Returns network maps; see `models.hovernet.HoVerNet`.
    images
        With their truth, in the model's types. Images without types count in the scores that do not ask for types.
    mpp
        Pixel size that the model expects, um.
    num_types
        Number of the model's types, background included; None or 0 for an untyped model.
    name
        Of the model.
    type_names
        Names of the types, background first.

    Raises
    ------
    ValueError
        If there are no images, or an image has types beyond `num_types`.
    """
    rows, seconds, megapixels = [], 0.0, 0.0
    for image in images:
        begin = time.perf_counter()
        prediction, found_types = predict_typed_instances(image, model, mpp)
        seconds += time.perf_counter() - begin
        megapixels += prediction.size * image.zoom**2 / 1e6
        rows.append(
            image_scores(
                image.instances,
                prediction,
                image.types,
                found_types,
                num_types=num_types or None,
                mpp=mpp * image.zoom,
                name=image.name,
                tissue=image.tissue or None,
            )
        )
    return Score(name, SetScores(tuple(rows)), seconds / megapixels if rows else math.nan, tuple(type_names))


def evaluate_models(models: Sequence[str], data: Path, *, only: Sequence[str] = (), zoom: float = 1.0) -> list[Score]:
    """Score models on a folder of annotated images.

    Nuclei whose type a model does not know are left out of its scores by type; there are none if it knows none.

    Parameters
    ----------
    models
        Files or packaged names.
    data
        See `training.datasets.read_images`.
    only
        Names of the images to score; all if empty.
    zoom
        Magnification that brings the images to the model's pixel size.

    Raises
    ------
    ValueError
        If a model or the data cannot be read.
    """
    read: dict[tuple[str, ...], Sequence[AnnotatedImage]] = {}
    scores = []
    for name in models:
        checkpoint = load(name)
        types = tuple(checkpoint.type_names)
        if types not in read:
            read[types] = read_images(data, types, zoom=zoom, only=only)
        scores.append(score_checkpoint(checkpoint, read[types], name=name))
    return scores


def score_checkpoint(checkpoint: Checkpoint, images: Sequence[AnnotatedImage], *, name: str = "") -> Score:
    """Score a model on images at its own pixel size and by its own types; see `score_images`."""
    return score_images(
        checkpoint.model(),
        images,
        mpp=checkpoint.mpp or DEFAULT_MPP,
        num_types=len(checkpoint.type_names),
        name=name,
        type_names=checkpoint.type_names,
    )


def predict_typed_instances(
    image: AnnotatedImage, model: nn.Module, mpp: float
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Find the nuclei of an image and their types.

    Parameters
    ----------
    image
        Its truth is not looked at.
    model
        Returns network maps.
    mpp
        Pixel size that the model expects, um.

    Returns
    -------
    labels
        (H, W) int32, in the image's own pixels, 0 background.
    types
        (N + 1,) int64, type of every id; 0 where the model is untyped or found none.
    """
    slide = slide_from_arrays([image.image], mpp=mpp * image.zoom, name=image.name)
    labels = np.zeros(slide.shape, np.int32)
    ids, kinds = [np.zeros(1, np.int64)], [np.zeros(1, np.int64)]
    for event in segment(slide, model, mpp=mpp, tissue_only=False):
        if isinstance(event, TileDone):
            y0, x0, y1, x1 = event.box
            target = labels[y0:y1, x0:x1]
            np.copyto(target, event.labels, where=target == 0)
            ids.append(event.table.id.astype(np.int64))
            kinds.append(event.table.type.astype(np.int64))
    every_id = np.concatenate(ids)
    types = np.zeros(every_id.max() + 1, np.int64)
    types[every_id] = np.concatenate(kinds)
    return labels, types


def predict_instances(image: AnnotatedImage, model: nn.Module, mpp: float) -> NDArray[np.int32]:
    """Give the instance map that a model finds in an image, in the image's own pixels."""
    return predict_typed_instances(image, model, mpp)[0]


def _known(value: float) -> float | None:
    """JSON has no nan."""
    return None if math.isnan(value) else value
