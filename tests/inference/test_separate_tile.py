"""Nuclei of a tile are those of the slide, however little of its maps is known at first."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_postprocess import load_maps

from napari_pathprune.inference.maps import NetworkMaps
from napari_pathprune.inference.postprocess import instances_from_maps
from napari_pathprune.inference.separate_tile import NEAR_PX, separate_tile


class KnownMaps:
    """A `Mosaic` of maps that are at hand, of which a box is known at first."""

    def __init__(self, maps, known):
        self.maps = np.stack([maps.nuclear, maps.horizontal, maps.vertical])
        self.bounds = (0, 0, *maps.shape)
        self.known = np.zeros(maps.shape, bool)
        self.add(known)

    def add(self, *boxes):
        for y0, x0, y1, x1 in boxes:
            self.known[max(y0, 0) : y1, max(x0, 0) : x1] = True

    def read(self, box):
        window = slice(box[0], box[2]), slice(box[1], box[3])
        known = self.known[window]
        return NetworkMaps(*(self.maps[:, *window] * known)), known


@pytest.mark.parametrize("case", ["touching", "noisy"])
@settings(max_examples=20)
@given(corner=st.tuples(*[st.integers(0, 150)] * 2), size=st.tuples(*[st.integers(5, 90)] * 2))
def test_nuclei_of_a_box_are_those_of_the_whole(case, corner, size):
    maps = load_maps(case)
    whole = instances_from_maps(maps)
    (y0, x0), (height, width) = corner, maps.shape
    write = (y0, x0, min(y0 + size[0], height), min(x0 + size[1], width))
    known = (y0 - NEAR_PX, x0 - NEAR_PX, write[2] + NEAR_PX, write[3] + NEAR_PX)
    instances, origin, seen, doubtful = separate_tile(KnownMaps(maps, known), write)
    assert seen.shape == instances.shape
    assert doubtful == 0
    found = np.zeros_like(whole)
    found[origin[0] : origin[0] + instances.shape[0], origin[1] : origin[1] + instances.shape[1]] = instances
    window = slice(write[0], write[2]), slice(write[1], write[3])
    pairs = np.unique(np.stack([found[window].ravel(), whole[window].ravel()]), axis=1).T
    for ours, theirs in pairs:
        assert (ours > 0) == (theirs > 0)
        if ours:
            np.testing.assert_array_equal(found == ours, whole == theirs)


def test_clump_that_is_too_large_is_left_as_it_is():
    ones = np.ones((700, 700), np.float32)
    slope = np.broadcast_to(np.linspace(-1, 1, 700, dtype=np.float32), (700, 700))
    mosaic = KnownMaps(NetworkMaps(ones, slope, np.ascontiguousarray(slope.T)), (0, 0, 400, 400))
    before = mosaic.known.sum()
    _, _, _, doubtful = separate_tile(mosaic, (0, 0, 300, 300))
    assert doubtful <= 1
    assert mosaic.known.sum() == before


def test_reference_scaling_takes_what_is_known():
    maps = load_maps("touching")
    mosaic = KnownMaps(maps, (0, 0, *maps.shape))
    instances, origin, _, _ = separate_tile(mosaic, (0, 0, *maps.shape), "reference")
    assert origin == (0, 0)
    np.testing.assert_array_equal(instances, instances_from_maps(maps, "reference"))
