"""Write boxes partition the region; boxes of maps partition what is around it, and meet at multiples of the stride."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pathprune.slides.tiles import EDGE_PX, LAG_PX, REACH_PX, cut_evenly, find_needed, tile_region

SHAPE = (300, 340)
regions = st.tuples(st.integers(0, 200), st.integers(0, 200), st.integers(1, 100), st.integers(1, 140))


@given(regions, st.integers(8, 400), st.sampled_from([1, 4, 8]))
def test_write_boxes_partition_the_region_and_maps_its_surroundings(region, maps_px, stride):
    y, x, h, w = region
    tiles = tile_region((y, x, y + h, x + w), SHAPE, maps_px, stride)
    owners, maps = np.zeros(SHAPE, int), np.zeros((600, 600), int)
    for tile in tiles:
        y0, x0, y1, x1 = tile.write
        assert y0 < y1
        assert x0 < x1
        owners[y0:y1, x0:x1] += 1
        top, left, bottom, right = (side + 100 for side in tile.maps)
        maps[top:bottom, left:right] += 1
    assert (owners[y : y + h, x : x + w] == 1).all()
    assert owners.sum() == h * w
    rows, columns = np.flatnonzero(maps.any(axis=1)) - 100, np.flatnonzero(maps.any(axis=0)) - 100
    inner = [tile.maps[:2] for tile in tiles if tile.maps[0] > rows[0] and tile.maps[1] > columns[0]]
    assert not np.any(np.array(inner, int) % stride)
    assert maps.max() == 1
    assert maps.sum() == len(rows) * len(columns)
    assert (rows[0], columns[0]) == (max(y - REACH_PX, -EDGE_PX), max(x - REACH_PX, -EDGE_PX))
    assert (rows[-1] + 1, columns[-1] + 1) == (
        min(y + h + REACH_PX, 300 + EDGE_PX),
        min(x + w + REACH_PX, 340 + EDGE_PX),
    )


@given(st.integers(600, 5000), st.integers(400, 900))
def test_tiles_are_of_similar_size_and_maps_are_ahead_of_write_boxes(length, maps_px):
    tiles = tile_region((0, 0, 1, length), (1, length), maps_px, 8)
    sides = [tile.maps[3] - tile.maps[1] for tile in tiles]
    assert max(sides) <= maps_px
    assert max(sides) - min(sides) <= 16
    assert all(tile.maps[3] - tile.write[3] == LAG_PX for tile in tiles[:-1])


def test_tiles_are_row_major_and_need_no_maps_of_rows_above():
    tiles = tile_region((0, 0, 600, 700), (600, 700), 400, 8)
    writes = [tile.write for tile in tiles]
    assert writes == sorted(writes)
    right, below = find_needed(tiles[0])
    assert right[:2] == (tiles[1].write[0] - LAG_PX, tiles[1].write[1] - LAG_PX)
    assert below[0] == tiles[-1].write[0] - LAG_PX


@pytest.mark.parametrize(
    ("region", "maps_px", "stride_px", "message"),
    [
        ((0, 0, 0, 9), 5, 1, "which has no pixels"),
        ((0, 9, 9, 0), 5, 1, "y0 <= y1"),
        ((0, 0, 9, 9), 0, 1, "expected 1 <= stride_px <= maps_px"),
        ((0, 0, 9, 9), 5, 8, "expected 1 <= stride_px <= maps_px"),
    ],
)
def test_bad_arguments_are_rejected(region, maps_px, stride_px, message):
    with pytest.raises(ValueError, match=message):
        tile_region(region, SHAPE, maps_px, stride_px)


@given(st.integers(1, 500), st.integers(1, 700), st.integers(5, 900))
def test_boxes_cut_evenly_partition_a_region(height, width, side_px):
    owners = np.zeros((height, width), int)
    for y0, x0, y1, x1 in cut_evenly((3, 5, 3 + height, 5 + width), side_px):
        assert max(y1 - y0, x1 - x0) <= side_px
        owners[y0 - 3 : y1 - 3, x0 - 5 : x1 - 5] += 1
    assert (owners == 1).all()
