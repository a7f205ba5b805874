"""Channels are scored by every criterion, scores are used again, and batch norms follow the training patches."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from napari_pathprune.datasets.read_images import AnnotatedImage
from napari_pathprune.pruning import ChannelGraph, trace
from napari_pathprune.pruning.scoring.criteria import CRITERIA
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.compress.calibration import make_scorer, recalibrate_norms
from napari_pathprune.workflows.compress.stage_folder import StageFolder
from napari_pathprune.workflows.config.train_config import TrainConfig
from napari_pathprune.workflows.prune.prune import make_example
from napari_pathprune.workflows.train.image_sets import read_image_sets

ChangeSettings = Callable[..., TrainConfig]


@pytest.fixture
def images(config: TrainConfig, simple_checkpoint: Checkpoint) -> list[AnnotatedImage]:
    return list(read_image_sets(config, simple_checkpoint.type_names)[0])


@pytest.fixture
def folder(tmp_path: Path) -> StageFolder:
    return StageFolder(tmp_path / "stages", {})


@pytest.fixture
def graph(simple_checkpoint: Checkpoint) -> ChannelGraph:
    model = simple_checkpoint.model()
    return trace(model, make_example(model))


@pytest.mark.parametrize("criterion", [*CRITERIA, "taylor"])
def test_every_criterion_scores_all_channels(
    change: ChangeSettings,
    simple_checkpoint: Checkpoint,
    images: list[AnnotatedImage],
    folder: StageFolder,
    graph: ChannelGraph,
    criterion: str,
) -> None:
    scorer = make_scorer(change(criterion=criterion), simple_checkpoint, images, folder)
    scores = scorer(simple_checkpoint.model(), graph)
    assert scorer.__name__ == criterion
    assert {group.name: (group.width,) for group in graph.prunable} == {
        group.name: tuple(scores[group.name].shape) for group in graph.prunable
    }
    assert all(values.isfinite().all() for values in scores.values())


def test_scores_of_a_stopped_compression_are_used_again(
    config: TrainConfig,
    simple_checkpoint: Checkpoint,
    images: list[AnnotatedImage],
    folder: StageFolder,
    graph: ChannelGraph,
) -> None:
    model = simple_checkpoint.model()
    first = make_scorer(config, simple_checkpoint, images, folder)(model, graph)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)
    resumed = make_scorer(config, simple_checkpoint, images, folder)
    assert all(torch.equal(values, first[name]) for name, values in resumed(model, graph).items())
    second = resumed(model, graph)  # of the second cut, which has no scores yet
    assert not torch.equal(second["features.first"], first["features.first"])


def test_batch_norms_are_estimated_on_a_copy(
    change: ChangeSettings, simple_checkpoint: Checkpoint, images: list[AnnotatedImage]
) -> None:
    model = simple_checkpoint.model()
    moved = recalibrate_norms(model, change(recalibrate=2), images)
    before, after = model.state_dict(), moved.state_dict()
    assert torch.equal(before["features.first_norm.running_var"], torch.ones(32))
    assert not torch.allclose(after["features.first_norm.running_var"], torch.ones(32))
    assert torch.equal(before["features.first.weight"], after["features.first.weight"])


def test_batch_norms_stay_if_no_batches_are_asked_for(
    change: ChangeSettings, simple_checkpoint: Checkpoint, images: list[AnnotatedImage]
) -> None:
    model = simple_checkpoint.model()
    assert recalibrate_norms(model, change(recalibrate=0), images) is model


def test_calibration_patches_depend_on_the_seed_of_the_patches(
    change: ChangeSettings, simple_checkpoint: Checkpoint, images: list[AnnotatedImage]
) -> None:
    config = change(recalibrate=1)
    other = dataclasses.replace(config, patches=dataclasses.replace(config.patches, seed=9))
    name = "features.first_norm.running_mean"
    first, again, moved = (
        recalibrate_norms(simple_checkpoint.model(), one, images).state_dict()[name] for one in (config, config, other)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, moved)
