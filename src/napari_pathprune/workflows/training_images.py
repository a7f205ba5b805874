"""The images that a config names: those to learn from, and those to judge by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from napari_pathprune.training.annotated_image import join, pick
from napari_pathprune.training.datasets import AnnotatedImage, classes_in, read_images
from napari_pathprune.training.targets import UNKNOWN_TYPE
from napari_pathprune.training.type_names import number_of, numbering
from napari_pathprune.training.wanted_images import BadFiles
from napari_pathprune.workflows.foreign import unnamed_types
from napari_pathprune.workflows.train_config import DataSettings, TrainConfig


def training_images(
    config: TrainConfig, type_names: Sequence[str]
) -> tuple[Sequence[AnnotatedImage], Sequence[AnnotatedImage]]:
    """Read the images to learn from and those to judge by.

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
        different names, or those of the model have no names yet.
    """
    _check_names(config, type_names)
    learnt = _read(config.data, config, type_names)
    judged = _read(config.validation, config, type_names)
    every = config.hold_out
    if not every or judged:
        return learnt, judged
    held = range(every - 1, len(learnt), every)
    return pick(learnt, (i for i in range(len(learnt)) if i not in held)), pick(learnt, held)


def _check_names(config: TrainConfig, type_names: Sequence[str]) -> None:
    """Refuse what would train without a word: a type that no nucleus has, beside nuclei of a type that is not known."""
    numbers = numbering(type_names)
    classes = [names for data in config.data for names in classes_in(config.base / data.folder)]
    found = [number_of(names, numbers) for names in classes]
    absent = [name for number, name in enumerate(type_names) if number and number not in found]
    unknown = sorted({names[-1] for names, number in zip(classes, found, strict=True) if number == UNKNOWN_TYPE})
    if not absent or not unknown:
        return
    theirs = ", ".join(map(repr, unknown))
    if set(absent) & set(unnamed_types(len(type_names))):
        raise ValueError(
            f"the types of the model have no names yet ({', '.join(type_names)}), but the data have {theirs}: give "
            f'[model] type_names = ["background", ...] in the config, {len(type_names)} names in the model\'s order'
        )
    raise ValueError(
        f"the model has a type {absent[0]!r}, which no nucleus of the data has, and the data have {theirs}, which the "
        "model has not: give both the same names, for instance by type_names in the config's [model]"
    )


def _read(sets: Sequence[DataSettings], config: TrainConfig, type_names: Sequence[str]) -> Sequence[AnnotatedImage]:
    return join(
        [
            read_images(
                config.base / data.folder,
                type_names,
                zoom=data.zoom,
                weight=data.weight,
                leave_out=data.leave_out,
                only=data.only,
                bad_files=cast("BadFiles", data.bad_files),
            )
            for data in sets
        ]
    )
