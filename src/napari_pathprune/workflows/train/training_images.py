"""The images that a config names: those to learn from, and those to judge by."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from napari_pathprune.datasets.annotated_image import join, names_of, pick, weights_of
from napari_pathprune.datasets.image_selection import BadFiles
from napari_pathprune.datasets.read_images import AnnotatedImage, read_class_names, read_images
from napari_pathprune.datasets.type_names import UNKNOWN_TYPE, find_type, number_types
from napari_pathprune.models.hovernet.hovernet_foreign import default_type_names
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.config.train_config import DataSettings, TrainConfig
from napari_pathprune.workflows.train.named_types import identity

_LOG = logging.getLogger(__name__)


def training_images(
    config: TrainConfig, type_names: Sequence[str]
) -> tuple[Sequence[AnnotatedImage], Sequence[AnnotatedImage]]:
    """Read the images to learn from and those to judge by; a logged warning names one that is among both.

    Parameters
    ----------
    config
        Where it names no validation images but wants some held out, every so manieth image by name judges.
    type_names
        Of the model, background first.

    Raises
    ------
    ValueError
        If a folder or a file of it is not usable, or types of the model and of the data seem to be the same by
        different names, or those of the model have no names yet; or if there is `patience` and nothing judges.
    """
    _check_names(config, type_names)
    learnt_sets = [_read(data, config, type_names) for data in config.data]
    judged_sets = [_read(data, config, type_names) for data in config.validation]
    _warn_of_shared(config, learnt_sets, judged_sets)
    learnt, judged = join(learnt_sets), join(judged_sets)
    every = config.hold_out
    if every and not judged:
        held = range(every - 1, len(learnt), every)
        learnt, judged = pick(learnt, (i for i in range(len(learnt)) if i not in held)), pick(learnt, held)
    if not judged and any(phase.patience for phase in config.fit):
        raise ValueError("got patience, but no validation images to wait for; name some in [[validation]]")
    return learnt, judged


def facts_of(
    config: TrainConfig,
    learnt: Sequence[AnnotatedImage],
    judged: Sequence[AnnotatedImage],
    teacher: Checkpoint | None = None,
) -> dict[str, Any]:
    """Say what a run sees and is asked for, JSON only, so that a stopped one does not go on as another.

    A teacher counts by what it is, not by where its file lies.
    """
    facts = {name: dataclasses.asdict(getattr(config, name)) for name in ("losses", "patches", "augmentation")}
    if teacher:
        facts["losses"]["teacher"] = identity(teacher)
    return {
        **facts,
        "data": [names_of(learnt), weights_of(learnt).tolist(), [data.zoom for data in config.data]],
        "validation": [names_of(judged), [data.zoom for data in config.validation]],
    }


def _check_names(config: TrainConfig, type_names: Sequence[str]) -> None:
    """Refuse what would train without a word: a type that no nucleus has, beside nuclei of a type that is not known."""
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
        f"the model has a type {absent[0]!r}, which no nucleus of the data has, and the data have {theirs}, which the "
        "model has not: give both the same names, for instance by type_names in the config's [model]"
    )


def _warn_of_shared(
    config: TrainConfig,
    learnt_sets: Sequence[Sequence[AnnotatedImage]],
    judged_sets: Sequence[Sequence[AnnotatedImage]],
) -> None:
    """Say so where images judge what was learnt from them: the score is then better than the model."""
    learnt = _places(config.base, config.data, learnt_sets)
    shared = sorted(learnt & _places(config.base, config.validation, judged_sets))
    if shared:
        _LOG.warning(
            "images are both learnt from and judged by, so that the scores promise too much; name them in leave_out "
            "of [[data]]: %s",
            ", ".join(map(str, shared[:5])) + (", ..." if len(shared) > 5 else ""),
        )


def _places(base: Path, tables: Sequence[DataSettings], sets: Sequence[Sequence[AnnotatedImage]]) -> set[Path]:
    """Tell images of the same name in different folders apart."""
    pairs = zip(tables, sets, strict=True)
    return {(base / data.folder).resolve() / name for data, images in pairs for name in names_of(images)}


def _read(data: DataSettings, config: TrainConfig, type_names: Sequence[str]) -> Sequence[AnnotatedImage]:
    return read_images(
        config.base / data.folder,
        type_names,
        zoom=data.zoom,
        weight=data.weight,
        leave_out=data.leave_out,
        only=data.only,
        bad_files=cast("BadFiles", data.bad_files),
    )
