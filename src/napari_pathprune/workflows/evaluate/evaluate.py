"""Scores of models on annotated images."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from napari_pathprune.base.out_of_memory import advise_on_memory
from napari_pathprune.datasets.data_mistakes import warn_of_empty_images
from napari_pathprune.datasets.read_images import AnnotatedImage, read_class_names, read_images
from napari_pathprune.datasets.type_names import find_type, number_types
from napari_pathprune.inference.phases import check_phases
from napari_pathprune.instances.image_scores import ImageScores, score_image
from napari_pathprune.instances.set_scores import SetScores
from napari_pathprune.slides.reader import slide_from_arrays
from napari_pathprune.workflows.checkpoint import Checkpoint, load
from napari_pathprune.workflows.evaluate.score import ImageScored, ModelScored, Score
from napari_pathprune.workflows.segment.segment import TileDone, segment

EvaluateEvent = ImageScored | ModelScored

DEFAULT_MPP: Final = 0.25
"""Pixel size, in um, of a model whose file does not state one."""
TILE_PX: Final = 512
"""Largest side of the tiles that images are scored in, in pixels at the model's pixel size.

Nuclei do not depend on it. It is the same for all models and devices, so that their speeds can be compared.
"""


def evaluate(
    models: Sequence[str],
    data: Path,
    *,
    only: Sequence[str] = (),
    zoom: float = 1.0,
    device: str = "auto",
    phases: int = 1,
) -> Iterator[EvaluateEvent]:
    """Score models on a folder of annotated images.

    Nuclei whose type a model does not know are left out of its scores by type; a model that knows no types has no such
    scores. Types of the model that the data have no name for are left out as well: the annotation cannot tell whether
    such a nucleus is right.

    Parameters
    ----------
    models
        Files or names of packaged models.
    data
        Folder of annotated images; see `datasets.read_images`. Of an annotation project, the test regions are scored.
    only
        Names of the images to score; all if empty.
    zoom
        Magnification that brings the images to the pixel size of the models.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    phases
        Number of shifts that the maps are averaged over, 1 or 4; see `inference.phases.list_phases`.

    Yields
    ------
    ImageScored, ModelScored
        After each image, and after the last image of each model.

    Raises
    ------
    ValueError
        If a model or the data cannot be read, or the models differ in pixel size, so that no single zoom fits.
    MemoryError
        If memory runs out.
    """
    check_phases(phases)
    checkpoints = {name: load(name) for name in models}
    sizes = {checkpoint.mpp or DEFAULT_MPP: name for name, checkpoint in checkpoints.items()}
    if len(sizes) > 1:
        listed = ", ".join(f"{mpp:g} ({name})" for mpp, name in sizes.items())
        raise ValueError(f"got models of different pixel sizes, in um: {listed}; score each alone, with its own zoom")
    read: dict[tuple[str, ...], Sequence[AnnotatedImage]] = {}
    for name, checkpoint in checkpoints.items():
        types = tuple(checkpoint.type_names)
        if types not in read:
            read[types] = read_images(data, types, zoom=zoom, only=only, part="test")
            if len(read) == 1:
                warn_of_empty_images(read[types])
        nameable = frozenset(find_type(names, number_types(types)) for names in read_class_names(data))
        model = checkpoint.model()
        yield from score_images(
            model, checkpoint, read[types], name=name, device=device, nameable=nameable, phases=phases
        )


def evaluate_models(models: Sequence[str], data: Path, *, only: Sequence[str] = (), zoom: float = 1.0) -> list[Score]:
    """Return one score for each model; see `evaluate`."""
    return [event.score for event in evaluate(models, data, only=only, zoom=zoom) if isinstance(event, ModelScored)]


def score_images(
    model: nn.Module,
    checkpoint: Checkpoint,
    images: Sequence[AnnotatedImage],
    *,
    name: str = "",
    device: str = "auto",
    nameable: frozenset[int] | None = None,
    phases: int = 1,
) -> Iterator[EvaluateEvent]:
    """Segment annotated images with a model, and score it image by image.

    Parameters
    ----------
    model
        Returns network maps; see `models.hovernet.HoVerNet`.
    checkpoint
        Source of the pixel size and the type names.
    images
        Annotated with the types of the model. Images without types count in the scores that need no types.
    name
        Name of the model.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    nameable
        Numbers of the types that the data can name; None for all that occur.
    phases
        See `evaluate`.

    Yields
    ------
    ImageScored, ModelScored
        After each image, and once at the end.

    Raises
    ------
    ValueError
        If there are no images, or an image has types that the model lacks.
    MemoryError
        If memory runs out.
    """
    mpp, num_types = checkpoint.mpp or DEFAULT_MPP, len(checkpoint.type_names) or None
    rows: list[ImageScores] = []
    seconds, megapixels = 0.0, 0.0
    for done, image in enumerate(images, 1):
        start = time.perf_counter()
        prediction, found_types = predict_typed_instances(image, model, mpp, device, phases)
        seconds += time.perf_counter() - start
        megapixels += prediction.size * image.zoom**2 / 1e6
        row = score_image(
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
    score = Score(name, SetScores(tuple(rows), nameable), pace, checkpoint.type_names)
    yield ModelScored(score, len(images), len(images))


def score_model(
    model: nn.Module, checkpoint: Checkpoint, images: Sequence[AnnotatedImage], *, device: str = "auto"
) -> Score:
    """Return the score of a model on annotated images; see `score_images`."""
    events = score_images(model, checkpoint, images, device=device)
    return next(event.score for event in events if isinstance(event, ModelScored))


def predict_typed_instances(
    image: AnnotatedImage, model: nn.Module, mpp: float, device: str = "auto", phases: int = 1
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Segment an image and return its nuclei and their types.

    Parameters
    ----------
    image
        Its annotation is not used.
    model
        Returns network maps.
    mpp
        Pixel size that the model expects, in um.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    phases
        See `evaluate`.

    Returns
    -------
    labels
        (H, W) int32, in the image's own pixels, 0 for background.
    types
        (N + 1,) int64, the type of each id; 0 where the model is untyped or found no type.

    Raises
    ------
    MemoryError
        If memory runs out.
    """
    slide = slide_from_arrays([image.image], mpp=mpp * image.zoom, name=image.name)
    labels = np.zeros(slide.shape, np.int32)
    ids, kinds = [np.zeros(1, np.int64)], [np.zeros(1, np.int64)]
    with advise_on_memory("score smaller images or a more compact model"):
        for event in segment(slide, model, mpp=mpp, write_px=TILE_PX, tissue_only=False, device=device, phases=phases):
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
    """Segment an image and return its (H, W) int32 instance map; see `predict_typed_instances`."""
    return predict_typed_instances(image, model, mpp, device)[0]
