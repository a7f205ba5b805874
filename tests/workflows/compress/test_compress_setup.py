"""A compression that cannot succeed is refused before anything is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_pathprune.pruning import Limits, Target
from napari_pathprune.workflows.checkpoint import Checkpoint, save
from napari_pathprune.workflows.compress.compress_setup import PARENT, find_stages, prepare_compression
from napari_pathprune.workflows.config.train_config import LossSettings, TrainConfig

ChangeSettings = Callable[..., TrainConfig]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "small.safetensors"


def test_the_teacher_named_parent_is_the_dense_model(config: TrainConfig, simple_file: Path, out: Path) -> None:
    taught = dataclasses.replace(config, losses=LossSettings(teacher=PARENT))
    compression = prepare_compression(str(simple_file), taught, out)
    assert compression.config.losses.teacher == str(simple_file)
    assert compression.fit_steps == (2, 2)
    assert [image.name for image in compression.training] == ["one"]
    assert find_stages(out).is_dir()


def test_an_allowed_drop_needs_validation_images(change: ChangeSettings, simple_file: Path, out: Path) -> None:
    with pytest.raises(ValueError, match="got allowed_drop, but no validation images to measure it on"):
        prepare_compression(str(simple_file), change(allowed_drop=0.1), out)
    assert not find_stages(out).exists()


def test_a_file_of_another_origin_is_not_overwritten(config: TrainConfig, simple_file: Path, out: Path) -> None:
    out.write_bytes(b"precious")
    with pytest.raises(
        ValueError, match=r"small\.safetensors exists already, without the stages of a compression beside it"
    ):
        prepare_compression(str(simple_file), config, out)
    assert out.read_bytes() == b"precious"


def test_the_dense_model_is_not_overwritten(config: TrainConfig, simple_file: Path) -> None:
    with pytest.raises(ValueError, match="is the dense model itself; give another file"):
        prepare_compression(str(simple_file), config, simple_file)


def test_several_phases_and_devices_are_refused(config: TrainConfig, simple_file: Path, out: Path) -> None:
    with pytest.raises(ValueError, match=r"got 2 phases of \[\[fit\]\]"):
        prepare_compression(str(simple_file), dataclasses.replace(config, fit=config.fit * 2), out)
    two = dataclasses.replace(config, fit=(dataclasses.replace(config.fit[0], batch=2, devices=2),))
    with pytest.raises(ValueError, match="got devices = 2; a compression runs on one"):
        prepare_compression(str(simple_file), two, out)


def test_the_output_must_be_a_model_file(config: TrainConfig, simple_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"name it small\.safetensors"):
        prepare_compression(str(simple_file), config, tmp_path / "small.pth")


def test_a_target_out_of_reach_is_refused_at_once(change: ChangeSettings, simple_file: Path, out: Path) -> None:
    whole = change(target=Target("params", 0.4), limits=Limits(min_channels=30), steps=9)
    with pytest.raises(ValueError, match="these limits leave at least"):
        prepare_compression(str(simple_file), whole, out)
    assert not find_stages(out).exists()


def test_an_unsuitable_teacher_is_refused_before_anything_is_written(
    config: TrainConfig, simple_file: Path, simple_checkpoint: Checkpoint, out: Path, tmp_path: Path
) -> None:
    teacher = tmp_path / "teacher.safetensors"
    save(dataclasses.replace(simple_checkpoint, mpp=0.5), teacher)
    taught = dataclasses.replace(config, losses=LossSettings(teacher=str(teacher)))
    with pytest.raises(ValueError, match=r"teacher\.safetensors has mpp = 0\.5, but the model has 0\.25"):
        prepare_compression(str(simple_file), taught, out)
    assert not find_stages(out).exists()
