"""Score models on annotated images."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from napari_pathprune.datasets.read_images import AnnotatedImage, classes_in, read_images
from napari_pathprune.datasets.type_names import number_of, numbering
from napari_pathprune.instances.scores import ImageScores, image_scores
from napari_pathprune.instances.set_scores import SetScores
from napari_pathprune.slides.reader import slide_from_arrays
from napari_pathprune.workflows.checkpoint import Checkpoint, load
from napari_pathprune.workflows.evaluate.score import ImageScored, ModelScored, Score
from napari_pathprune.workflows.segment.segment import TileDone, segment

DEFAULT_MPP: Final = 0.25
"""Of a model that does not tell its pixel size."""
TILE_PX: Final = 512
"""Largest side of the tiles that images are scored in, in pixels of the model's size.

One for all: `segment` chooses by memory, so that models of different widths, or one model on two devices, would meet
other tiles. Outlines differ a little with the tiles, since gradients are normalised tile by tile.
"""


def evaluate(
    models: Sequence[str], data: Path, *, only: Sequence[str] = (), zoom: float = 1.0, device: str = "auto"
) -> Iterator[ImageScored | ModelScored]:
    """Score models on a folder of annotated images.

    Nuclei whose type a model does not know are left out of its scores by type; there are none if it knows none. Types
    of the model that the data have no name for are left out of them, too: whether such a nucleus is right, the truth
    cannot tell.

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
    device
        See `inference.predict.device_named`.

    Yields
    ------
    ImageScored, ModelScored
        After each image, and after the last one of a model.

    Raises
    ------
    ValueError
        If a model or the data cannot be read, or the models differ in pixel size, so that one zoom does not fit all.
    """
    checkpoints = {name: load(name) for name in models}
    sizes = {checkpoint.mpp or DEFAULT_MPP: name for name, checkpoint in checkpoints.items()}
    if len(sizes) > 1:
        told = ", ".join(f"{mpp:g} ({name})" for mpp, name in sizes.items())
        raise ValueError(f"got models of different pixel sizes, in um: {told}; score each alone, with its own zoom")
    read: dict[tuple[str, ...], Sequence[AnnotatedImage]] = {}
    for name, checkpoint in checkpoints.items():
        types = tuple(checkpoint.type_names)
        if types not in read:
            read[types] = read_images(data, types, zoom=zoom, only=only)
        nameable = frozenset(number_of(names, numbering(types)) for names in classes_in(data))
        model = checkpoint.model()
        yield from scored(model, checkpoint, read[types], name=name, device=device, nameable=nameable)


def evaluate_models(models: Sequence[str], data: Path, *, only: Sequence[str] = (), zoom: float = 1.0) -> list[Score]:
    """Give the scores of `evaluate` alone, one a model."""
    return [event.score for event in evaluate(models, data, only=only, zoom=zoom) if isinstance(event, ModelScored)]


def scored(
    model: nn.Module,
    about: Checkpoint,
    images: Sequence[AnnotatedImage],
    *,
    name: str = "",
    device: str = "auto",
    nameable: frozenset[int] | None = None,
) -> Iterator[ImageScored | ModelScored]:
    """Let a model find the nuclei of annotated images, and score it image by image.

    Parameters
    ----------
    model
        Returns network maps; see `models.hovernet.HoVerNet`.
    about
        Tells its pixel size and its types.
    images
        With their truth, in the model's types. Images without types count in the scores that do not ask for types.
    name
        Of the model.
    device
        See `inference.predict.device_named`.
    nameable
        Numbers of the types that the data can name; None for all that occur.

    Yields
    ------
    ImageScored, ModelScored
        After each image, and once at the end.

    Raises
    ------
    ValueError
        If there are no images, or an image has types that the model has not.
    """
    mpp, num_types = about.mpp or DEFAULT_MPP, len(about.type_names) or None
    rows: list[ImageScores] = []
    seconds, megapixels = 0.0, 0.0
    for done, image in enumerate(images, 1):
        begin = time.perf_counter()
        prediction, found_types = predict_typed_instances(image, model, mpp, device)
        seconds += time.perf_counter() - begin
        megapixels += prediction.size * image.zoom**2 / 1e6
        row = image_scores(
            image.instances,
            prediction,
            image.types,
            found_types,
            num_types=num_types,
            mpp=mpp * image.zoom,
            name=image.name,
            tissue=image.tissue or None,
        )
        rows.append(row)
        yield ImageScored(name, image.name, row.panoptic.pq, done, len(images))
    pace = seconds / megapixels if rows else math.nan
    score = Score(name, SetScores(tuple(rows), nameable), pace, about.type_names)
    yield ModelScored(score, len(images), len(images))


def score_model(
    model: nn.Module, about: Checkpoint, images: Sequence[AnnotatedImage], *, device: str = "auto"
) -> Score:
    """Give the score at the end of `scored` alone."""
    return next(event.score for event in scored(model, about, images, device=device) if isinstance(event, ModelScored))


def predict_typed_instances(
    image: AnnotatedImage, model: nn.Module, mpp: float, device: str = "auto"
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
    device
        See `inference.predict.device_named`.

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
    for event in segment(slide, model, mpp=mpp, write_px=TILE_PX, tissue_only=False, device=device):
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


def predict_instances(image: AnnotatedImage, model: nn.Module, mpp: float, device: str = "auto") -> NDArray[np.int32]:
    """Give the instance map that a model finds in an image, in the image's own pixels."""
    return predict_typed_instances(image, model, mpp, device)[0]
