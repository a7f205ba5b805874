"""A new model depends on its seed alone, starts at the class frequencies, and leaves the process as it was."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from napari_pathprune.datasets.read_images import AnnotatedImage
from napari_pathprune.models import build
from napari_pathprune.workflows.config.train_config import ModelSettings, read_config
from napari_pathprune.workflows.train.image_sets import read_image_sets
from napari_pathprune.workflows.train.new_model import make_model

NAMES = ("background", "neoplastic", "inflammatory")


@pytest.fixture
def images(annotated_folder: Path) -> list[AnnotatedImage]:
    return list(read_image_sets(read_config(annotated_folder), NAMES)[0])


@pytest.fixture
def settings(two_convolutions: str) -> ModelSettings:
    return ModelSettings(two_convolutions, width=0.25, type_names=NAMES, seed=7)


def test_the_random_state_of_the_process_stays(settings: ModelSettings, images: list[AnnotatedImage]) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    make_model(settings, images)
    assert torch.equal(torch.rand(3), expected)


def test_the_weights_are_those_of_the_seed(settings: ModelSettings, images: list[AnnotatedImage]) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        expected = build(settings.architecture, **settings.config).state_dict()
    checkpoint = make_model(settings, images)
    name = "features.second.weight"
    assert torch.equal(checkpoint.weights[name], expected[name])
    other = make_model(dataclasses.replace(settings, seed=8), images)
    assert not torch.equal(checkpoint.weights[name], other.weights[name])
    assert checkpoint.type_names == NAMES


def test_the_outputs_start_at_the_class_frequencies(settings: ModelSettings, images: list[AnnotatedImage]) -> None:
    model = make_model(settings, images).model()
    with torch.inference_mode():
        maps = model(torch.full((1, 3, 64, 64), 128.0))
    nuclear = sum(float((image.instances > 0).mean()) for image in images) / len(images)
    probability = maps["np"].softmax(dim=1)[0, 1]
    assert probability.std() == pytest.approx(0.0, abs=1e-6)
    assert float(probability.mean()) == pytest.approx(nuclear, abs=0.02)
    assert float(maps["tp"].softmax(dim=1)[0].sum(dim=0).mean()) == pytest.approx(1.0)
