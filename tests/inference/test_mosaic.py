"""The maps of a slide do not depend on how they are cut into inputs of the network."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from two_convolutions import random_two_convolutions

from napari_pathprune.inference.mosaic import Mosaic, _find_rectangles, _merge
from napari_pathprune.inference.predict import Predictor
from napari_pathprune.models import build
from napari_pathprune.slides.reader import slide_from_arrays

PICTURE = np.random.default_rng(4).integers(0, 2, (150, 170, 3), np.uint8) * np.uint8(255)


def make_mosaic(model, maps_px):
    return Mosaic(slide_from_arrays([PICTURE], mpp=0.25).at(0.25), Predictor(model, "cpu"), maps_px)


def exact_two_convolutions():
    """Build a network whose sums are exact for inputs of 0 and 1, so that no order of additions changes them."""
    model = random_two_convolutions()
    model.features.first_norm = model.features.second_norm = torch.nn.Identity()
    for parameter in model.parameters():
        parameter.data = (parameter.data * 16).round() / 16
    return model


@pytest.fixture(scope="module")
def whole():
    mosaic = make_mosaic(exact_two_convolutions(), 400)
    mosaic.add(mosaic.bounds)
    return mosaic.read(mosaic.bounds)[0]


boxes = st.tuples(st.integers(-16, 100), st.integers(-16, 120), st.integers(1, 66), st.integers(1, 66)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(boxes, min_size=1, max_size=4), st.integers(5, 90))
def test_maps_are_the_same_whatever_was_predicted_before(whole, added, maps_px):
    mosaic = make_mosaic(exact_two_convolutions(), maps_px)
    for box in added:
        mosaic.add(box)
    y0, x0, y1, x1 = added[0]
    maps, known = mosaic.read(added[0])
    assert known.all()
    expected = slice(y0 + 16, y1 + 16), slice(x0 + 16, x1 + 16)
    np.testing.assert_array_equal(maps.nuclear, whole.nuclear[expected])
    np.testing.assert_array_equal(maps.vertical, whole.vertical[expected])
    np.testing.assert_array_equal(maps.types, whole.types[:, *expected])


@pytest.mark.parametrize("mode", ["fast", "original"])
def test_hovernet_states_its_stride_and_the_reach_of_its_padding(mode):
    torch.manual_seed(0)
    model = build("hovernet", mode=mode, num_types=None, width=0.0625)
    large, small = make_mosaic(model, 400), make_mosaic(model, 104)
    large.add((0, 0, 150, 170))
    small.add((11, 5, 61, 71))
    small.add((11, 5, 150, 170))
    first, second = (mosaic.read((11, 5, 150, 170))[0] for mosaic in (large, small))
    np.testing.assert_array_equal(first.horizontal, second.horizontal)
    np.testing.assert_array_equal(first.nuclear, second.nuclear)


def test_only_maps_that_are_needed_are_kept():
    mosaic = make_mosaic(random_two_convolutions(), 400)
    mosaic.add((0, 0, 100, 100))
    mosaic.keep([(80, 0, 999, 999), (0, 90, 999, 999)])
    mosaic.keep([(80, 0, 999, 999)])
    known = mosaic.read((0, 0, 100, 100))[1]
    assert known[80:].all()
    assert not known[:80].any()
    mosaic.keep([])
    assert not mosaic.read((0, 0, 100, 100))[1].any()


def test_unknown_maps_are_zero():
    mosaic = make_mosaic(random_two_convolutions(), 400)
    maps, known = mosaic.read((0, 0, 5, 5))
    assert not known.any()
    assert not maps.nuclear.any()


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_rectangles_cover_a_mask_once(seed):
    mask = np.random.default_rng(seed).random((6, 7)) < 0.6
    cover = np.zeros(mask.shape, int)
    for y0, x0, y1, x1 in _find_rectangles(mask, (10, 20)):
        cover[y0 - 10 : y1 - 10, x0 - 20 : x1 - 20] += 1
    np.testing.assert_array_equal(cover, mask)


def test_near_boxes_are_merged_and_distant_ones_are_not():
    near = [(0, 0, 10, 10), (0, 12, 10, 20), (4, 0, 14, 9)]
    assert _merge(near, 100) == [(0, 0, 14, 20)]
    assert sorted(_merge([(0, 0, 10, 10), (900, 0, 910, 10)], 100)) == [(0, 0, 10, 10), (900, 0, 910, 10)]
