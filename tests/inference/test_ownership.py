"""Which tile owns which nucleus."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pathprune.inference.ownership import Territory
from napari_pathprune.slides.tiles import Tile, tile_region

BOUNDS = (100, 130)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(15, 100), st.integers(15, 130)),
    st.tuples(st.integers(0, 90), st.integers(0, 120), st.integers(1, 20), st.integers(1, 20)),
)
def test_nucleus_smaller_than_the_halo_belongs_to_the_tile_with_its_centre(write_px, nucleus):
    tiles = tile_region((0, 0, *BOUNDS), write_px, 21)
    y, x, height, width = nucleus
    box = np.array([[y, x, min(y + height, 100), min(x + width, 130)]])
    centre = np.array([[(box[0, 0] + box[0, 2] - 1) / 2, (box[0, 1] + box[0, 3] - 1) / 2]])
    territory = Territory.from_tiles(tiles, BOUNDS, 0)
    claims = [number for number in range(len(tiles)) if territory.claim(number, box, centre)[0]]
    first = tiles[claims[0]].write
    assert first[0] <= centre[0, 0] + 0.5 < first[2]
    assert first[1] <= centre[0, 1] + 0.5 < first[3]
    for later in claims[1:]:  # claimed in case the owner missed it
        write = tiles[later].write
        assert box[0, 0] < write[2]
        assert box[0, 2] > write[0]


def test_maps_cover_the_read_box_without_the_margin_in_the_slide():
    territory = Territory.from_tiles([Tile((-20, -20, 70, 80), (0, 0, 50, 60), 0, 0.25)], BOUNDS, 8)
    assert territory.seen.tolist() == [[0, 0, 62, 72]]


def test_last_tile_to_see_a_box_is_found():
    tiles = tile_region((0, 0, *BOUNDS), (50, 65), 5)  # two by two
    territory = Territory.from_tiles(tiles, BOUNDS, 0)
    boxes = np.array([[10, 10, 20, 20], [10, 58, 20, 62], [46, 10, 50, 20], [48, 60, 52, 70]])
    assert territory.last_to_see(0, boxes).tolist() == [-1, 1, 2, 3]
    assert territory.last_to_see(3, boxes).tolist() == [-1] * 4


def test_edge_of_the_slide_does_not_cut_nuclei_and_edge_of_the_maps_does():
    tiles = tile_region((0, 0, *BOUNDS), (100, 65), 5)  # two side by side, with maps from 0 to 70 and 60 to 130
    territory = Territory.from_tiles(tiles, BOUNDS, 0)
    boxes = np.array([[0, 0, 10, 10], [90, 50, 100, 69], [50, 50, 60, 70], [50, 61, 60, 130]])
    assert territory._sees_whole(np.array([0, 1]), boxes).tolist() == [
        [True, True, False, False],
        [False, False, False, True],
    ]
