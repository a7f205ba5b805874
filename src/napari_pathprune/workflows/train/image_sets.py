"""The training images and the validation images that a config names."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_pathprune.base.plain_text import get_plain_logger
from napari_pathprune.datasets.annotated_image import join, list_names, list_weights, pick
from napari_pathprune.datasets.data_mistakes import (
    warn_of_empty_images,
    warn_of_missing_types,
    warn_of_same_pixels,
)
from napari_pathprune.datasets.layouts.project_regions import Part
from napari_pathprune.datasets.read_images import AnnotatedImage, read_class_names, read_images
from napari_pathprune.datasets.type_names import UNKNOWN_TYPE, find_type, number_types
from napari_pathprune.models.hovernet.hovernet_foreign import default_type_names
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.config.train_config import DataSettings, TrainConfig
from napari_pathprune.workflows.evaluate.evaluate import DEFAULT_MPP
from napari_pathprune.workflows.project.project import read_project_mpp
from napari_pathprune.workflows.train.named_types import identify
from napari_pathprune.workflows.unlabelled.slide_source import OpenSlides, list_slides
from napari_pathprune.workflows.unlabelled.slide_windows import read_windows, split_windows

ImageSets = tuple[Sequence[AnnotatedImage], Sequence[AnnotatedImage]]
"""Training images and validation images."""
_LOG = get_plain_logger(__name__)


def read_image_sets(config: TrainConfig, type_names: Sequence[str], mpp: float = DEFAULT_MPP) -> ImageSets:
    """Read the training images and the validation images; a logged warning names images that are in both sets.

    Parameters
    ----------
    config
        If it names no validation images and has ``hold_out``, every n-th image by name is held out for validation.
    type_names
        Types of the model, background first.
    mpp
        Pixel size of the model in um, at which slides without annotation are read.

    Returns
    -------
    training, validation
        The images; large data sets are decoded one image at a time. Windows of slides without annotation come after
        the annotated images. They validate only if no annotated images do; see `slide_windows.split_windows`.

    Raises
    ------
    ValueError
        If a folder or a file in it is not usable; if types of the model have no names yet, or seem to have another
        name in the data; or if there is ``patience`` without validation images.
    """
    _check_names(config, type_names)
    training_sets = [_read(data, config, type_names, "train", mpp) for data in config.data]
    validation_sets = [_read(data, config, type_names, "test", mpp) for data in config.validation]
    _warn_of_shared_images(config, training_sets, validation_sets)
    training, validation = join(training_sets), join(validation_sets)
    every = config.hold_out
    if every and not validation:
        held = range(every - 1, len(training), every)
        rest = (index for index in range(len(training)) if index not in held)
        training, validation = pick(training, rest), pick(training, held)
    warn_of_same_pixels(training, validation)
    warn_of_empty_images(validation)
    warn_of_missing_types(training, type_names)
    if config.unlabelled:
        sources, slides = list_slides(config.base, config.unlabelled), OpenSlides()
        size_px = config.patches.patch_px
        near, far = split_windows(sources, slides, mpp, size_px, is_validated=bool(validation))
        training = join([training, read_windows(near, slides, mpp)])
        validation = validation or read_windows(far, slides, mpp)
    if not validation and any(phase.patience for phase in config.fit):
        raise ValueError("got patience, but no validation images to wait for; name some in [[validation]]")
    return training, validation


def collect_facts(
    config: TrainConfig,
    training: Sequence[AnnotatedImage],
    validation: Sequence[AnnotatedImage],
    teacher: Checkpoint | None = None,
    mpp: float = DEFAULT_MPP,
) -> dict[str, Any]:
    """Return what a run depends on, in values for JSON, so that a stopped run resumes only with the same.

    A teacher counts by its weights and types, not by the path of its file, and a slide by its name, size, pixel size
    and a sample of its pixels.
    """
    facts: dict[str, Any] = {
        name: dataclasses.asdict(getattr(config, name)) for name in ("losses", "patches", "augmentation")
    }
    if teacher:
        facts["losses"]["teacher"] = identify(teacher)
    if config.unlabelled:
        slides = OpenSlides()
        facts["unlabelled"] = [slides.describe(one, mpp) for one in list_slides(config.base, config.unlabelled)]
    return {
        **facts,
        "data": [list_names(training), list_weights(training).tolist(), [data.zoom for data in config.data]],
        "validation": [list_names(validation), [data.zoom for data in config.validation]],
    }


def _check_names(config: TrainConfig, type_names: Sequence[str]) -> None:
    """Raise if the model has a type that no nucleus has, and the data have one that the model does not know.

    Such a training would run without complaint, and that type would never be learned.
    """
    numbers = number_types(type_names)
    classes = [names for data in config.data for names in read_class_names(config.base / data.folder)]
    found = [find_type(names, numbers) for names in classes]
    absent = [name for number, name in enumerate(type_names) if number and number not in found]
    unknown = sorted({names[-1] for names, number in zip(classes, found, strict=True) if number == UNKNOWN_TYPE})
    if not absent or not unknown:
        return
    theirs = ", ".join(map(repr, unknown))
    if set(absent) & set(default_type_names(len(type_names))):
        raise ValueError(
            f"the types of the model have no names yet ({', '.join(type_names)}), but the data have {theirs}: give "
            f'[model] type_names = ["background", ...] in the config, {len(type_names)} names in the model\'s order'
        )
    raise ValueError(
        f"the model has the type {absent[0]!r}, which the data lack, and the data have {theirs}, which the model "
        "lacks: use the same names in both, for instance with type_names in the config's [model]"
    )


def _warn_of_shared_images(
    config: TrainConfig,
    training_sets: Sequence[Sequence[AnnotatedImage]],
    validation_sets: Sequence[Sequence[AnnotatedImage]],
) -> None:
    """Log a warning if validation images are also training images, which makes the scores too good."""
    training = _locate(config.base, config.data, training_sets)
    shared = sorted(training & _locate(config.base, config.validation, validation_sets))
    if shared:
        _LOG.warning(
            "images are used both for training and for validation, so the scores are too good; name them in leave_out "
            "of [[data]]: %s",
            ", ".join(map(str, shared[:5])) + (", ..." if len(shared) > 5 else ""),
        )


def _locate(base: Path, tables: Sequence[DataSettings], sets: Sequence[Sequence[AnnotatedImage]]) -> set[Path]:
    """Return folder and name of each image, since images in different folders can have the same name."""
    pairs = zip(tables, sets, strict=True)
    return {(base / data.folder).resolve() / name for data, images in pairs for name in list_names(images)}


def _read(
    data: DataSettings, config: TrainConfig, type_names: Sequence[str], part: Part, mpp: float
) -> Sequence[AnnotatedImage]:
    return read_images(
        config.base / data.folder,
        type_names,
        zoom=_find_zoom(config.base / data.folder, data.zoom, mpp),
        weight=data.weight,
        leave_out=data.leave_out,
        only=data.only,
        bad_files=data.bad_files,
        part=part,
    )


def _find_zoom(folder: Path, zoom: float, mpp: float) -> float:
    """Return the zoom of a folder's images: of a project, which states its pixel size, the one that fits the model.

    Raises
    ------
    ValueError
        If another zoom was given for a project.
    """
    own = read_project_mpp(folder)
    if own is None:
        return zoom
    right = own / mpp
    if zoom != 1.0 and not math.isclose(zoom, right, rel_tol=0.01):
        raise ValueError(
            f"got zoom = {zoom:g} for the project {folder}, whose images have {own:g} um/px; the model has {mpp:g} "
            f"um/px: leave zoom out, it is {right:g}"
        )
    if math.isclose(right, 1.0, rel_tol=0.01):
        return 1.0
    _LOG.warning(
        "the images of the project %s have %g um/px, the model has %g: they are rescaled by %.3g",
        folder,
        own,
        mpp,
        right,
    )
    return right
