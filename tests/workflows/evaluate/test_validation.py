"""Validation scores are the main ones, and examples are the centres of evenly spread images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from torch import nn

from napari_pathprune.datasets.read_images import AnnotatedImage
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.evaluate import validation
from napari_pathprune.workflows.evaluate.validation import make_examples, score_validation


@pytest.fixture
def image(disc_field: Callable[[tuple[int, int]], Any]) -> AnnotatedImage:
    truth, picture = disc_field((150, 160))
    return AnnotatedImage("painted", picture, truth, np.minimum(np.arange(truth.max() + 1), 1))


def test_pq_comes_first(image: AnnotatedImage, oracle: nn.Module, checkpoint: Checkpoint) -> None:
    scores = score_validation(oracle, [image], checkpoint)
    assert list(scores) == ["pq", "aji", "dice", "mpq_plus"]
    assert min(scores.values()) > 0.95


def test_undefined_scores_are_left_out(image: AnnotatedImage, oracle: nn.Module, checkpoint: Checkpoint) -> None:
    untyped = replace(image, types=None)
    assert list(score_validation(oracle, [untyped], checkpoint)) == ["pq", "aji", "dice"]


def test_examples_are_the_centres_of_spread_images(
    image: AnnotatedImage, oracle: nn.Module, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "EXAMPLE_PX", 100)
    monkeypatch.setattr(Checkpoint, "model", lambda _: oracle)
    images = [replace(image, name=str(number)) for number in range(7)]
    examples = make_examples(images, checkpoint, checkpoint, count=3)
    assert [example.name for example in examples] == ["0", "2", "4"]
    np.testing.assert_array_equal(examples[0].image, image.image[25:125, 30:130])
    assert len(make_examples(images[:1], checkpoint, checkpoint)) == 1
