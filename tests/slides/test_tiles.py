"""Write boxes partition the region, and read boxes are write boxes with a halo."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pathprune.slides.tiles import tile_region

starts, lengths, sizes = st.integers(-50, 50), st.integers(1, 120), st.integers(5, 150)


@given(starts, starts, lengths, lengths, sizes, sizes, st.integers(0, 40))
def test_write_boxes_partition_the_region_and_read_boxes_add_the_halo(y, x, h, w, write_h, write_w, halo):
    tiles = tile_region((y, x, y + h, x + w), (write_h, write_w), halo, level=1, mpp=0.5)
    owners = np.zeros((h, w), int)
    for tile in tiles:
        y0, x0, y1, x1 = tile.write
        assert y <= y0 < y1 <= y + h
        assert x <= x0 < x1 <= x + w
        assert y1 - y0 <= write_h
        assert x1 - x0 <= write_w
        assert tile.read == (y0 - halo, x0 - halo, y1 + halo, x1 + halo)
        assert (tile.level, tile.mpp) == (1, 0.5)
        owners[y0 - y : y1 - y, x0 - x : x1 - x] += 1
    assert (owners == 1).all()
    assert len(tiles) == -(-h // write_h) * -(-w // write_w)


@given(st.integers(1, 5000), st.integers(5, 900))
def test_sizes_differ_by_one_pixel_at_most(length, write_px):
    sides = [tile.write[3] - tile.write[1] for tile in tile_region((0, 0, 1, length), write_px, 0)]
    assert max(sides) - min(sides) <= 1


def test_tiles_are_row_major():
    writes = [tile.write for tile in tile_region((0, 0, 20, 30), 10, 3)]
    assert writes == sorted(writes)
    assert writes[1] == (0, 10, 10, 20)


@pytest.mark.parametrize(
    ("region", "write_px", "halo_px", "message"),
    [
        ((0, 0, 0, 9), 5, 0, "which has no pixels"),
        ((0, 9, 9, 0), 5, 0, "y0 <= y1"),
        ((0, 0, 9, 9), 0, 0, "expected write_px >= 1"),
        ((0, 0, 9, 9), (5, -1), 0, "expected write_px >= 1"),
        ((0, 0, 9, 9), 5, -1, "and halo_px >= 0"),
    ],
)
def test_bad_arguments_are_rejected(region, write_px, halo_px, message):
    with pytest.raises(ValueError, match=message):
        tile_region(region, write_px, halo_px)
