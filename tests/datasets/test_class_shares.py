"""Shares of classes are weighted, and large sets are sampled."""

import numpy as np
import pytest

from napari_pathprune.datasets.annotated_image import AnnotatedImage, LazyImages, join
from napari_pathprune.datasets.class_shares import SAMPLED_IMAGES, class_shares


@pytest.fixture
def images(two_discs):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (2, 64, 80, 3)).astype(np.uint8)
    types = np.array([0, -1, -1, 1, -1, -1, -1, 2])
    return [AnnotatedImage("typed", pixels[0], two_discs, types), AnnotatedImage("untyped", pixels[1], two_discs)]


def test_images_count_by_their_weight(images, two_discs):
    typed, untyped = images
    nuclear = (two_discs > 0).mean()
    assert class_shares(images, None).keys() == {"np"}
    np.testing.assert_allclose(class_shares(images, None)["np"], [1 - nuclear, nuclear], rtol=1e-4)
    shares = class_shares(images, 3)["tp"]
    np.testing.assert_allclose(shares, np.bincount(typed.types[two_discs].ravel()) / two_discs.size, rtol=1e-3)
    full = AnnotatedImage("full", untyped.image, np.ones_like(two_discs), weight=3.0 * untyped.weight)
    assert class_shares([untyped, full], None)["np"][1] == pytest.approx((nuclear + 3.0) / 4.0, abs=1e-4)
    nothing = class_shares([untyped], 3)["tp"]
    assert (nothing > 0).all()  # so that the logarithm of an absent type is finite


def make_lazy_images(number, decoded, *, weight=1.0, nuclear=0):
    def build(index):
        decoded.append((nuclear, index))
        instances = np.full((8, 8), nuclear, np.int32)
        return AnnotatedImage(f"{index}", np.zeros((8, 8, 3), np.uint8), instances, weight=weight)

    return LazyImages(tuple(map(str, range(number))), np.full(number, weight), build)


def test_a_large_set_is_sampled_by_weight():
    decoded = []
    many = make_lazy_images(3 * SAMPLED_IMAGES, decoded)
    few = make_lazy_images(2, decoded, weight=SAMPLED_IMAGES / 2, nuclear=1)
    share = class_shares(join([many, few]), None)["np"][1]
    assert share == pytest.approx(1 / 4, abs=0.01), "a quarter of the weight is nuclear"
    assert len(decoded) == len(set(decoded)) <= SAMPLED_IMAGES


def test_unlabelled_images_do_not_count() -> None:
    half = AnnotatedImage("half", np.zeros((4, 4, 3), np.uint8), np.eye(2, dtype=np.int32).repeat(2, 0).repeat(2, 1))
    nobody = AnnotatedImage("x", half.image, np.zeros((4, 4), np.int32), annotator="nobody")
    np.testing.assert_allclose(class_shares([half, nobody], None)["np"], [0.5, 0.5], atol=1e-5)
