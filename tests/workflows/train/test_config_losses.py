"""The losses have the weights, the teacher and the penalty that the config asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from napari_pathprune.datasets.read_images import AnnotatedImage
from napari_pathprune.training.losses import hovernet_losses
from napari_pathprune.training.random_patches import RandomPatches
from napari_pathprune.workflows.checkpoint import Checkpoint, save
from napari_pathprune.workflows.config.train_config import LossSettings, TrainConfig, read_config
from napari_pathprune.workflows.train.config_losses import load_teacher, make_losses, make_penalty
from napari_pathprune.workflows.train.image_sets import read_image_sets


@pytest.fixture
def config(annotated_folder: Path) -> TrainConfig:
    return read_config(annotated_folder)


@pytest.fixture
def images(config: TrainConfig, simple_checkpoint: Checkpoint) -> list[AnnotatedImage]:
    return list(read_image_sets(config, simple_checkpoint.type_names)[0])


@pytest.fixture
def batch(images: list[AnnotatedImage], config: TrainConfig) -> Mapping[str, Tensor]:
    patch = RandomPatches(images, 64, 60, 1, 1, config.augmentation)[0]
    return {name: values[None] for name, values in patch.items()}


def with_losses(config: TrainConfig, **changes: object) -> TrainConfig:
    return dataclasses.replace(config, losses=LossSettings(**changes))  # type: ignore[arg-type]


def test_the_default_losses_are_those_of_hovernet(
    config: TrainConfig, simple_checkpoint: Checkpoint, images: list[AnnotatedImage]
) -> None:
    assert make_losses(config, simple_checkpoint, images) is hovernet_losses
    assert load_teacher(config) is None


def test_rare_types_weigh_more(
    config: TrainConfig,
    simple_checkpoint: Checkpoint,
    images: list[AnnotatedImage],
    batch: Mapping[str, Tensor],
) -> None:
    maps = simple_checkpoint.model()(batch["image"])
    plain = make_losses(config, simple_checkpoint, images)(maps, batch)
    weighted = make_losses(with_losses(config, rarity=1.0), simple_checkpoint, images)(maps, batch)
    assert not torch.isclose(weighted["tp_ce"], plain["tp_ce"])
    assert torch.equal(weighted["np_ce"], plain["np_ce"])


def test_a_teacher_adds_its_terms(
    config: TrainConfig,
    simple_checkpoint: Checkpoint,
    simple_file: Path,
    images: list[AnnotatedImage],
    batch: Mapping[str, Tensor],
) -> None:
    losses = make_losses(with_losses(config, teacher=str(simple_file)), simple_checkpoint, images)
    terms = losses(simple_checkpoint.model()(batch["image"]), batch)
    assert {"np_teacher", "tp_teacher", "hv_teacher"} <= set(terms)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mpp": 0.5}, r"teacher\.safetensors has mpp = 0\.5, but the model has 0\.25"),
        ({"type_names": ("background", "inflammatory", "neoplastic")}, r"teacher\.safetensors has type_names = "),
    ],
)
def test_a_teacher_that_differs_is_refused(
    config: TrainConfig, simple_checkpoint: Checkpoint, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    teacher = tmp_path / "teacher.safetensors"
    save(dataclasses.replace(simple_checkpoint, **changes), teacher)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        make_losses(with_losses(config, teacher=str(teacher)), simple_checkpoint, [])


def test_a_missing_teacher_is_named(config: TrainConfig) -> None:
    with pytest.raises(ValueError, match="nobody"):
        load_teacher(with_losses(config, teacher="nobody.safetensors"))


def test_the_penalty_is_the_sum_of_the_norm_weights(simple_checkpoint: Checkpoint) -> None:
    model = simple_checkpoint.model()
    assert make_penalty(LossSettings(), model) is None
    penalty = make_penalty(LossSettings(slimming=1e-3), model)
    assert penalty is not None
    assert float(penalty().detach()) == pytest.approx(1e-3 * 64)  # two norms of 32 channels, whose weights start at 1
