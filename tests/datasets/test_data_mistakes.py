"""Silent mistakes of data are said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_pathprune.datasets.annotated_image import AnnotatedImage, LazyImages, Survey, join
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


def make_large_set(images: list[AnnotatedImage], count: int, *, is_known: bool) -> LazyImages:
    """Return a set of many images that are the same, of which something is known without decoding, or nothing."""

    def fail(index: int) -> AnnotatedImage:
        raise AssertionError(f"image {index} was decoded")

    survey = Survey(np.ones(count, np.bool_), np.zeros(count, np.bool_), lambda index: images[index % 3].image)
    names = tuple(f"fold_{index}" for index in range(count))
    build = fail if is_known else lambda index: images[index % 3]
    return LazyImages(names, np.ones(count), build, survey=survey if is_known else None)


def test_sets_of_any_size_are_checked_without_decoding_them(images: list[AnnotatedImage], caplog) -> None:
    large = make_large_set(images, 2000, is_known=True)
    warn_of_same_pixels(large, images[2:])
    assert "1 validation images are also training images" in caplog.text
    warn_of_missing_types(large, ("background", "muscle"))
    assert "no nucleus of the training images has one" in caplog.text
    assert large.survey is not None
    large.survey.has_nuclei[1500:1502] = False
    warn_of_empty_images(join([large, images]))
    assert "2 of 2003 images have no nuclei" in caplog.text
    assert "fold_1500, fold_1501" in caplog.text


def test_a_large_set_of_which_nothing_is_known_is_checked_in_part(images: list[AnnotatedImage], caplog) -> None:
    empty = [replace(image, instances=np.zeros((16, 16), np.int32)) for image in images]
    warn_of_empty_images(make_large_set(empty, 1300, is_known=False))
    assert "434 of 434 images have no nuclei" in caplog.text
    warn_of_missing_types(make_large_set(images, 1300, is_known=False), ("background", "muscle"))
    assert "no nucleus of the training images has one" in caplog.text
