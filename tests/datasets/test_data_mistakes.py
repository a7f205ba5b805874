"""Silent mistakes of data are said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_pathprune.datasets.annotated_image import AnnotatedImage, LazyImages
from napari_pathprune.datasets.data_mistakes import (
    warn_of_empty_images,
    warn_of_missing_types,
    warn_of_same_pixels,
)


@pytest.fixture
def images() -> list[AnnotatedImage]:
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 255, (16, 16, 3), np.uint8) for _ in range(3)]
    return [AnnotatedImage(name, image, np.eye(16, dtype=np.int32)) for name, image in zip("abc", pixels, strict=True)]


def test_the_same_image_under_another_name(images: list[AnnotatedImage], caplog: pytest.LogCaptureFixture) -> None:
    warn_of_same_pixels(images[:2], images[2:])
    assert not caplog.records
    copied = [replace(images[0], name="copy"), images[2]]
    warn_of_same_pixels(images[:2], LazyImages(("copy", "c"), np.ones(2), copied.__getitem__))
    assert "1 validation images are also training images" in caplog.text
    assert "a = copy" in caplog.text


def test_empty_images(images: list[AnnotatedImage], caplog: pytest.LogCaptureFixture) -> None:
    warn_of_empty_images(images)
    assert not caplog.records
    empty = replace(images[0], instances=np.zeros((16, 16), np.int32))
    warn_of_empty_images([*images, empty, replace(empty, annotator="nobody")])
    assert "1 of 5 images have no nuclei, and count as PQ 1" in caplog.text


def test_a_typed_model_without_a_type(images: list[AnnotatedImage], caplog: pytest.LogCaptureFixture) -> None:
    typed = replace(images[0], types=np.array([0, 1]))
    warn_of_missing_types(images, ())
    warn_of_missing_types([*images, typed], ("background", "muscle"))
    assert not caplog.records
    warn_of_missing_types([*images, replace(typed, types=np.array([0, -1]))], ("background", "muscle"))
    assert "the model has types (muscle), but no nucleus of the training images has one" in caplog.text
