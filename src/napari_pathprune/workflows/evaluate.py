"""Score models on annotated images."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from napari_pathprune.instances.metrics import aggregated_jaccard_index, dice, panoptic_quality
from napari_pathprune.slides.reader import slide_from_arrays
from napari_pathprune.training.datasets import AnnotatedImage, read_folder
from napari_pathprune.workflows.checkpoint import load
from napari_pathprune.workflows.segment import SegmentFinished, TileDone, segment

COLUMNS: Final = ("model", "images", "PQ", "DQ", "SQ", "AJI", "Dice", "s / megapixel")


@dataclass(frozen=True, slots=True)
class Score:
    """Means over images of a model's scores, types aside, and the seconds a megapixel took."""

    model: str
    images: int
    pq: float
    dq: float
    sq: float
    aji: float
    dice: float
    seconds_per_megapixel: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__}

    def row(self) -> tuple[str, ...]:
        """For a table with `COLUMNS`."""
        values = (self.pq, self.dq, self.sq, self.aji, self.dice)
        return (
            self.model,
            str(self.images),
            *(f"{value:.3f}" for value in values),
            f"{self.seconds_per_megapixel:.1f}",
        )


def evaluate_models(models: Sequence[str], data: Path, *, only: Sequence[str] = (), zoom: float = 1.0) -> list[Score]:
    """Score models on a folder of annotated images.

    Parameters
    ----------
    models
        Files or packaged names.
    data
        See `training.datasets.read_folder`.
    only
        Names of the images to score; all if empty.
    zoom
        Magnification that brings the images to the model's pixel size.

    Raises
    ------
    ValueError
        If a model or the data cannot be read.
    """
    images = read_folder(data, zoom=zoom, only=only)
    scores = []
    for name in models:
        checkpoint = load(name)
        mpp = checkpoint.mpp or 0.25
        model = checkpoint.model()
        rows, seconds, megapixels = [], 0.0, 0.0
        for image in images:
            begin = time.perf_counter()
            prediction = predict_instances(image, model, mpp)
            seconds += time.perf_counter() - begin
            megapixels += prediction.size * zoom**2 / 1e6
            quality = panoptic_quality(image.instances, prediction)
            aji = aggregated_jaccard_index(image.instances, prediction)
            rows.append((quality.pq, quality.dq, quality.sq, aji, dice(image.instances, prediction)))
        pq, dq, sq, aji, overlap = (float(mean) for mean in np.nanmean(np.array(rows), axis=0))
        scores.append(Score(name, len(images), pq, dq, sq, aji, overlap, seconds / megapixels))
    return scores


def predict_instances(image: AnnotatedImage, model: nn.Module, mpp: float) -> NDArray[np.int32]:
    """Give the instance map that a model finds in an image, in the image's own pixels."""
    slide = slide_from_arrays([image.image], mpp=mpp * image.zoom, name=image.name)
    labels = np.zeros(slide.shape, np.int32)
    for event in segment(slide, model, mpp=mpp, tissue_only=False):
        if isinstance(event, TileDone):
            y0, x0, y1, x1 = event.box
            target = labels[y0:y1, x0:x1]
            np.copyto(target, event.labels, where=target == 0)
        elif isinstance(event, SegmentFinished):
            break
    return labels
