"""The images that a config names: those to learn from, and those to judge by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from napari_pathprune.training.annotated_image import join, pick
from napari_pathprune.training.datasets import AnnotatedImage, read_images
from napari_pathprune.training.wanted_images import BadFiles
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
        If a folder or a file of it is not usable.
    """
    learnt = _read(config.data, config, type_names)
    judged = _read(config.validation, config, type_names)
    every = config.hold_out
    if not every or judged:
        return learnt, judged
    held = range(every - 1, len(learnt), every)
    return pick(learnt, (i for i in range(len(learnt)) if i not in held)), pick(learnt, held)


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
