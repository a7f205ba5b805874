"""A stage is fine-tuned with its own share of steps, scored, and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_pathprune.datasets.annotated_image import AnnotatedImage
from napari_pathprune.training.fit_events import StepDone
from napari_pathprune.workflows.checkpoint import load
from napari_pathprune.workflows.compress.compress_events import StageFit, StageStarted
from napari_pathprune.workflows.compress.compress_report import Stage
from napari_pathprune.workflows.compress.compress_setup import Compression, prepare_compression
from napari_pathprune.workflows.compress.compress_stage import run_stage, score_dense
from napari_pathprune.workflows.config.train_config import TrainConfig


def run(compression: Compression) -> tuple[Sequence[object], Stage, torch.nn.Module]:
    """Run the first stage, and return its events, its figures and its model."""
    step = next(compression.cuts())
    stages: list[Stage] = []

    def follow():  # type: ignore[no-untyped-def]
        stages.append((yield from run_stage(compression, step, steps_before=0)))

    return list(follow()), stages[0], step.model


def test_a_stage_ends_with_its_fine_tuned_model(config: TrainConfig, simple_file: Path, tmp_path: Path) -> None:
    compression = prepare_compression(str(simple_file), config, tmp_path / "small.safetensors")
    events, stage, model = run(compression)
    assert isinstance(events[0], StageStarted)
    assert events[0].params == stage.params
    assert sum(isinstance(event, StageFit) and isinstance(event.fit, StepDone) for event in events) == 2
    assert (stage.number, stage.fit_steps, stage.file) == (1, 2, "stage-01.safetensors")
    saved = load(compression.folder.model_path(1))
    assert saved.lineage[-1]["seed"] == config.patches.seed + 100
    assert all(torch.equal(saved.weights[name], values) for name, values in model.state_dict().items())
    assert not compression.folder.start_path(1).exists()


def test_a_finished_stage_is_only_read(config: TrainConfig, simple_file: Path, tmp_path: Path) -> None:
    compression = prepare_compression(str(simple_file), config, tmp_path / "small.safetensors")
    _, stage, model = run(compression)
    events, again, resumed = run(compression)
    assert events == []
    assert again == stage
    assert all(torch.equal(model.state_dict()[name], values) for name, values in resumed.state_dict().items())


def test_the_dense_model_is_scored_once(
    with_scores: Callable[..., TrainConfig], simple_file: Path, tmp_path: Path
) -> None:
    compression = prepare_compression(str(simple_file), with_scores([0.6]), tmp_path / "small.safetensors")
    stage = score_dense(compression)
    assert (stage.number, stage.removed, stage.scores) == (0, 0.0, {"pq": 0.6})
    assert stage.params == compression.dense.params
    assert score_dense(compression) == stage  # there is no second score


def test_a_cut_is_scored_before_its_fine_tuning_if_asked_for(
    with_scores: Callable[..., TrainConfig], change: Callable[..., TrainConfig], simple_file: Path, tmp_path: Path
) -> None:
    config = with_scores([0.2, 0.5], change(score_cuts=True))
    compression = prepare_compression(str(simple_file), config, tmp_path / "small.safetensors")
    _, stage, _ = run(compression)
    assert (stage.scores_cut, stage.scores) == ({"pq": 0.2}, {"pq": 0.5})


def test_an_example_patch_is_drawn_after_the_cut_and_at_the_end(
    config: TrainConfig, simple_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []

    def predict(image: AnnotatedImage, model: torch.nn.Module, *_: object) -> NDArray[np.int32]:
        drawn.append(sum(weights.numel() for weights in model.parameters()))
        return np.zeros_like(image.instances)

    monkeypatch.setattr("napari_pathprune.workflows.evaluate.example_patch.predict_instances", predict)
    path = tmp_path / "example.png"
    compression = prepare_compression(str(simple_file), config, tmp_path / "small.safetensors", path)
    _, stage, _ = run(compression)
    assert drawn == [compression.dense.params, stage.params, stage.params]
    assert path.exists()
