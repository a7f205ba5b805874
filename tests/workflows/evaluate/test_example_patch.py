"""The example patch: three panels of the place with most nuclei, replaced as a whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from torch import nn

from napari_pathprune.datasets.annotated_image import AnnotatedImage
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.evaluate import example_patch as module
from napari_pathprune.workflows.evaluate.example_patch import PANEL_PX, ExamplePatch

Field = Callable[[tuple[int, int]], tuple[NDArray[np.int32], NDArray[np.uint8]]]


@pytest.fixture
def images(disc_field: Field) -> list[AnnotatedImage]:
    """An empty image and one with nuclei, as `Oracle` reads it."""
    truth, picture = disc_field((420, 450))
    empty = AnnotatedImage("empty", np.full((420, 450, 3), (0, 127, 127), np.uint8), np.zeros((420, 450), np.int32))
    return [empty, AnnotatedImage("discs", picture, truth)]


@pytest.fixture
def before(checkpoint: Checkpoint, oracle: nn.Module, monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    monkeypatch.setattr(Checkpoint, "model", lambda _: oracle)
    return checkpoint


def read_panels(path: Path) -> list[NDArray[np.uint8]]:
    picture = cv2.imread(str(path))
    assert picture is not None
    assert picture.shape == (PANEL_PX, 3 * PANEL_PX, 3)
    return np.split(picture, 3, axis=1)


def test_the_patch_with_most_nuclei_is_drawn_with_both_models(
    images: list[AnnotatedImage], before: Checkpoint, oracle: nn.Module, tmp_path: Path
) -> None:
    path = tmp_path / "example.png"
    ExamplePatch(images, before, path, "cpu").write(oracle)
    tissue, dense, now = read_panels(path)
    assert (tissue[..., 2] > 200).any()  # the picture of the discs is red there
    assert (dense != tissue).any()
    np.testing.assert_array_equal(dense, now)
    assert [file.name for file in tmp_path.iterdir()] == ["example.png"]


def test_only_the_last_panel_changes_with_the_model(
    images: list[AnnotatedImage], before: Checkpoint, oracle: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, blind = tmp_path / "example.png", nn.Identity()
    segment = module.predict_instances

    def predict(image: AnnotatedImage, model: nn.Module, *more: object) -> NDArray[np.int32]:
        return np.zeros_like(image.instances) if model is blind else segment(image, model, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "predict_instances", predict)
    example = ExamplePatch(images, before, path, "cpu")
    example.write(oracle)
    first = read_panels(path)
    example.write(blind)
    second = read_panels(path)
    for panel in (0, 1):
        np.testing.assert_array_equal(first[panel], second[panel])
    np.testing.assert_array_equal(second[2], second[0])


def test_an_image_smaller_than_the_patch_is_shown_whole(
    images: list[AnnotatedImage], before: Checkpoint, oracle: nn.Module, tmp_path: Path
) -> None:
    part = (slice(0, 100), slice(0, 120))
    small = dataclasses.replace(images[1], image=images[1].image[part], instances=images[1].instances[part])
    ExamplePatch([small], before, tmp_path / "example.png", "cpu").write(oracle)
    assert len(read_panels(tmp_path / "example.png")) == 3


def test_a_picture_that_cannot_be_written_does_not_stop_the_training(
    images: list[AnnotatedImage],
    before: Checkpoint,
    oracle: nn.Module,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ExamplePatch(images, before, tmp_path / "gone" / "example.png", "cpu").write(oracle)
    assert "could not write the example patch" in caplog.text
