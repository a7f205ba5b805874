"""Which tile owns which nucleus."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pathprune.inference.ownership import Territory
from napari_pathprune.slides.tiles import tile_region

BOUNDS = (100, 130)


@settings(max_examples=60)
@given(st.integers(60, 400), st.tuples(st.integers(-1, 198), st.integers(-1, 258)))
def test_each_centroid_in_the_region_has_one_owner(maps_px, halves):
    tiles = tile_region((0, 0, *BOUNDS), BOUNDS, maps_px)
    territory = Territory.from_tiles(tiles)
    centre = np.array([halves]) / 2  # on and between pixels, from the edge of the first one to before that of the last
    assert sum(territory.owns(number, centre).item() for number in range(len(tiles))) == 1


def test_last_tile_near_a_box_is_found():
    write = np.array([[0, 0, 500, 500], [0, 500, 500, 999], [500, 0, 999, 500], [500, 500, 999, 999]])
    boxes = np.array([[10, 10, 20, 436], [10, 10, 20, 437], [430, 10, 437, 20], [480, 480, 490, 490]])
    territory = Territory(write)
    assert territory.last_near(0, boxes).tolist() == [-1, 1, 2, 3]
    assert territory.last_near(3, boxes).tolist() == [-1] * 4
    assert territory.last_near(0, boxes[:0]).tolist() == []
