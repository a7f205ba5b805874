"""Random patches depend on their index alone and have the targets of their image."""

import dataclasses

import numpy as np
import pytest
import torch

from napari_pathprune.datasets.annotated_image import AnnotatedImage
from napari_pathprune.datasets.patches.augment import Augmentation
from napari_pathprune.datasets.type_names import UNKNOWN_TYPE
from napari_pathprune.training.random_patches import RandomPatches


@pytest.fixture
def images(two_discs):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (2, 64, 80, 3)).astype(np.uint8)
    types = np.array([0, -1, -1, 1, -1, -1, -1, 2])
    return [AnnotatedImage("typed", pixels[0], two_discs, types), AnnotatedImage("untyped", pixels[1], two_discs)]


def test_a_patch_depends_on_its_index_alone(images):
    forwards = RandomPatches(images, 64, 32, length=8, seed=5)
    first = [forwards[i] for i in range(8)]
    again = RandomPatches(images, 64, 32, length=100, seed=5)
    for i in (7, 2, 5):
        for name, value in again[i].items():
            assert torch.equal(value, first[i][name]), name
    other_seed = RandomPatches(images, 64, 32, length=8, seed=6)[2]
    assert not torch.equal(other_seed["image"], first[2]["image"])
    for i in range(8):
        assert not any(torch.equal(first[i]["image"], first[j]["image"]) for j in range(i))


def test_patches_have_the_inputs_of_the_losses(images):
    patch = RandomPatches(images, 96, 48, length=4, seed=1)[0]
    assert {name: (tuple(v.shape), v.dtype) for name, v in patch.items()} == {
        "image": ((3, 96, 96), torch.float32),
        "nuclear": ((48, 48), torch.int64),
        "hv": ((2, 48, 48), torch.float32),
        "types": ((48, 48), torch.int64),
    }
    assert 0 <= patch["image"].min() <= patch["image"].max() <= 255
    assert patch["image"].max() > 1, "pixels range from 0 to 255"


def test_the_edges_of_an_image_are_trained_on_as_often_as_its_middle():
    pixels = np.zeros((64, 80, 3), np.uint8)
    counts = {}
    for place, (y, x) in {"corner": (0, 0), "edge": (60, 40), "middle": (30, 40)}.items():
        instances = np.zeros((64, 80), np.int32)
        instances[y : y + 4, x : x + 4] = 1
        patches = RandomPatches([AnnotatedImage(place, pixels, instances)], 64, 24, length=400, seed=3)
        counts[place] = sum(int(patches[i]["nuclear"].sum()) for i in range(400))
    assert counts["middle"] > 500
    assert counts["corner"] == pytest.approx(counts["middle"], rel=0.3)
    assert counts["edge"] == pytest.approx(counts["middle"], rel=0.3)


def test_patches_have_the_types_of_their_image(images):
    seen = {"typed": set(), "untyped": set()}
    for image in images:
        patches = RandomPatches([image], 96, 96, length=6, seed=1)
        for i in range(6):
            patch = patches[i]
            seen[image.name] |= set(patch["types"].unique().tolist())
            if image.types is not None:
                assert torch.equal(patch["types"] != 0, patch["nuclear"] == 1)
    assert seen == {"typed": {0, 1, 2}, "untyped": {UNKNOWN_TYPE}}


def test_images_are_drawn_by_weight(images, two_discs):
    black = np.zeros((64, 80, 3), np.uint8)
    typed, untyped = (
        AnnotatedImage(image.name, black, two_discs, image.types, weight=weight)
        for image, weight in zip(images, (3.0, 1.0), strict=True)
    )
    patches = RandomPatches([typed, untyped], 64, 64, length=200, seed=2)
    without_types = sum(bool((patches[i]["types"] == UNKNOWN_TYPE).any()) for i in range(200))
    assert 30 < without_types < 70


def test_iteration_stops_at_the_length(images):
    assert len(list(RandomPatches(images, 32, 8, length=3, seed=1))) == 3
    with pytest.raises(IndexError, match="index 3 of 3"):
        RandomPatches(images, 32, 8, length=3, seed=1)[3]


def test_no_images_are_refused():
    with pytest.raises(ValueError, match="no images"):
        RandomPatches([], 96, 48, length=4, seed=1)


def test_the_teacher_sees_an_unlabelled_patch_without_colour_changes(images):
    mixed = [images[0], dataclasses.replace(images[1], annotator="nobody")]
    patches = [RandomPatches(mixed, 64, 32, length=12, seed=5)[i] for i in range(12)]
    assert {bool(patch["labelled"]) for patch in patches} == {True, False}
    plain = Augmentation(stain=0, restain=0, hue=0, saturation=0, brightness=0, contrast=0, blur=0, noise=0)
    for index, patch in enumerate(patches):
        assert not torch.allclose(patch["plain"], patch["image"], atol=1.0)
        same = RandomPatches(mixed, 64, 32, length=12, seed=5, augmentation=plain)[index]
        assert torch.equal(patch["plain"], same["plain"]), "colours do not change the geometry"
        assert torch.allclose(same["image"], same["plain"], atol=2.0)
