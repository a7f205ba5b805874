"""A short compression of a network of two convolutions, and helpers to read its events."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from napari_pathprune.datasets.patches.augment import Augmentation
from napari_pathprune.pruning import Target
from napari_pathprune.training.fit_settings import FitSettings
from napari_pathprune.workflows.config.compress_settings import CompressSettings
from napari_pathprune.workflows.config.train_config import DataSettings, ModelSettings, PatchSettings, TrainConfig

ChangeSettings = Callable[..., TrainConfig]


@pytest.fixture
def config(annotated_folder: Path) -> TrainConfig:
    return TrainConfig(
        base=annotated_folder.parent,
        model=ModelSettings(),
        fit=(FitSettings(steps=4, batch=1, save_every=1, accelerator="cpu"),),
        patches=PatchSettings(patch_px=64),
        augmentation=Augmentation(),
        data=(DataSettings("annotated", only=("one",)),),
        compress=CompressSettings(Target("params", keep=0.4), steps=2, recalibrate=2),
    )


@pytest.fixture
def change(config: TrainConfig) -> ChangeSettings:
    """Return a function that changes settings of the compression in `config`, or in another config."""

    def changed(base: TrainConfig = config, **changes: Any) -> TrainConfig:
        return dataclasses.replace(base, compress=dataclasses.replace(base.compress, **changes))

    return changed


@pytest.fixture
def with_scores(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> Callable[..., TrainConfig]:
    """Return a function that adds a validation whose scores are given, the dense model's first."""

    def scored(scores: Sequence[float], base: TrainConfig = config) -> TrainConfig:
        turn: Iterator[float] = iter(scores)

        def score(*_args: object, **_more: object) -> dict[str, float]:
            return {"pq": next(turn)}

        monkeypatch.setattr("napari_pathprune.workflows.compress.compress_stage.score_validation", score)
        monkeypatch.setattr("napari_pathprune.workflows.train.train.score_validation", score)
        return dataclasses.replace(base, validation=(DataSettings("annotated", only=("two",)),))

    return scored
