"""Lazy images are joined and picked without being decoded."""

import numpy as np
import pytest

from napari_pathprune.datasets.annotated_image import (
    AnnotatedImage,
    LazyImages,
    find_labelled,
    join,
    list_names,
    list_weights,
    pick,
)
from napari_pathprune.training.random_patches import RandomPatches


@pytest.fixture
def decoded():
    return []


def make_lazy_images(names, decoded, *, weight=1.0, nuclear=0):
    def build(index):
        decoded.append(names[index])
        instances = np.full((8, 8), nuclear, np.int32)
        return AnnotatedImage(names[index], np.zeros((8, 8, 3), np.uint8), instances, weight=weight)

    return LazyImages(tuple(names), np.full(len(names), weight), build)


def test_sets_are_joined_and_picked_without_decoding(decoded):
    one, two = make_lazy_images("abc", decoded), make_lazy_images("de", decoded, weight=2.0)
    listed = [make_lazy_images("x", [])[0]]
    images = join([one, listed, two])
    some = pick(images, [5, 0, 3])
    assert (len(images), len(some)) == (6, 3)
    assert list_names(images) == tuple("abcxde")
    assert list_weights(some).tolist() == [2.0, 1.0, 1.0]
    assert list_names(some[1:]) == ("a", "x")
    assert decoded == []
    assert [image.name for image in some] == ["e", "a", "x"]
    assert images[-1].name == "e"
    assert decoded == ["e", "a", "e"]


def test_lists_stay_lists(decoded):
    images = list(make_lazy_images("ab", decoded))
    assert join([images, images[:1]]) == [*images, images[0]]
    assert pick(images, [1]) == [images[1]]
    assert list_weights(images).tolist() == [1.0, 1.0]


def test_only_images_shown_in_patches_are_decoded(decoded):
    images = make_lazy_images([f"n{i}" for i in range(1000)], decoded)
    patches = RandomPatches(images, 16, 8, length=5, seed=1)
    assert decoded == []
    for index in range(5):
        patches[index]
    assert len(decoded) <= 10
    before = len(decoded)
    patches[4]
    assert len(decoded) == before + 1, "the look of the other image is cached"


def test_unlabelled_images_stay_so_in_selections_and_sets() -> None:
    pixels, empty = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.int32)
    labelled = [AnnotatedImage("a", pixels, empty)]
    nobody = LazyImages(
        ("b", "c"), np.ones(2), lambda _: AnnotatedImage("b", pixels, empty, annotator="nobody"), np.zeros(2, np.bool_)
    )
    both = join([labelled, nobody])
    assert find_labelled(both).tolist() == [True, False, False]
    assert find_labelled(pick(both, [2, 0])).tolist() == [False, True]
    assert find_labelled([]).all()
