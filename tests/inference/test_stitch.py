"""Each nucleus of the slide comes from exactly one tile, and is whole."""

import numpy as np
import pytest
from drawn_fields import draw_field
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_pathprune.inference.stitch import Stitcher
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.slides.tiles import Tile

RADIUS_PX = 12


def make_tiles(region, write_px):
    """Cut a region into tiles of write boxes of at most a size."""
    y0, x0, y1, x1 = region
    height, width = write_px
    boxes = [
        (y, x, min(y + height, y1), min(x + width, x1)) for y in range(y0, y1, height) for x in range(x0, x1, width)
    ]
    return tuple(Tile(box, box) for box in boxes)


def make_maps(slide, tiles, context_px, jitter=None):
    """Yield the map of each tile of a slide with known nuclei, mirrored outside the slide."""
    reach = 120
    mirrored = np.pad(slide, reach, mode="symmetric")
    for tile in tiles:
        y0, x0, y1, x1 = (a + b * context_px for a, b in zip(tile.write, (-1, -1, 1, 1), strict=True))
        seen = mirrored[y0 + reach : y1 + reach, x0 + reach : x1 + reach]
        if jitter is not None:
            seen = ndimage.shift(seen, jitter.integers(-1, 2, 2), order=0)
        yield tile, seen, (y0, x0)


def paint(shape, stitched):
    target = np.zeros(shape, np.int32)
    for nuclei in stitched:
        y0, x0, y1, x1 = nuclei.box
        part = target[y0:y1, x0:x1]
        assert not (part[nuclei.labels > 0] > 0).any(), "no tile paints over the nuclei of another"
        part[...] = np.where(part == 0, nuclei.labels, part)
    return target, InstanceTable.concatenate([nuclei.table for nuclei in stitched])


def assert_table_and_labels_agree(target, table):
    again = InstanceTable.from_instance_map(target)
    np.testing.assert_array_equal(again.id, table.id)
    np.testing.assert_array_equal(again.area, table.area)
    np.testing.assert_array_equal(again.box, table.box)
    np.testing.assert_allclose([again.y, again.x], [table.y, table.x])


sizes = st.tuples(st.integers(30, 150), st.integers(30, 150))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999), sizes, st.integers(RADIUS_PX, 40))
def test_each_nucleus_is_found_once_and_whole(seed, write_px, context_px):
    slide = draw_field((150, 190), seed)
    tiles = make_tiles((0, 0, 150, 190), write_px)
    stitcher = Stitcher(tiles, slide.shape)
    target, table = paint(slide.shape, [stitcher.add(*seen) for seen in make_maps(slide, tiles, context_px)])
    pairs = np.unique(np.stack([slide.ravel(), target.ravel()]), axis=1)
    discs = len(np.unique(slide)) - 1
    assert pairs.shape[1] == discs + 1, "discs and nuclei correspond one to one, and so does the background"
    assert stitcher.count == len(table) == discs
    assert_table_and_labels_agree(target, table)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999), sizes)
def test_tiles_that_disagree_slightly_duplicate_nothing(seed, write_px):
    slide = draw_field((150, 190), seed)
    slide[np.isin(slide, np.flatnonzero(np.bincount(slide.ravel()) < 60))] = 0  # a shift of a pixel must be small
    tiles = make_tiles((0, 0, 150, 190), write_px)
    stitcher = Stitcher(tiles, slide.shape)
    jitter = np.random.default_rng(seed)
    target, table = paint(slide.shape, [stitcher.add(*seen) for seen in make_maps(slide, tiles, 30, jitter)])
    assert_table_and_labels_agree(target, table)
    assert len(table) <= len(np.unique(slide)) - 1, "no nucleus is duplicated"


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999), st.tuples(*[st.integers(0, 60)] * 2, *[st.integers(70, 150)] * 2), sizes)
def test_region_has_the_nuclei_whose_centres_lie_in_it(seed, region, write_px):
    slide = draw_field((150, 150), seed)
    tiles = make_tiles((region[0], region[1], region[2], region[3]), write_px)
    stitcher = Stitcher(tiles, slide.shape)
    target, _ = paint(slide.shape, [stitcher.add(*seen) for seen in make_maps(slide, tiles, 30)])
    everything = InstanceTable.from_instance_map(slide)
    y0, x0, y1, x1 = np.array(region) - 0.5
    inside = (everything.y >= y0) & (everything.y < y1) & (everything.x >= x0) & (everything.x < x1)
    np.testing.assert_array_equal(target > 0, np.isin(slide, everything.id[inside]))


def test_only_nuclei_of_interest_are_accepted():
    slide = draw_field((100, 120), seed=1)
    tiles = make_tiles((0, 0, 100, 120), (50, 50))
    stitcher = Stitcher(tiles, slide.shape, lambda centres: centres[:, 1] < 60)
    _, table = paint(slide.shape, [stitcher.add(*seen) for seen in make_maps(slide, tiles, 20)])
    everything = InstanceTable.from_instance_map(slide)
    assert len(table) == np.count_nonzero(everything.x < 60) > 3
    assert table.x.max() < 60


def make_two_tiles():
    return make_tiles((0, 0, 40, 80), (40, 40))


def test_merged_nuclei_are_not_added_to_their_parts():
    tiles = make_two_tiles()
    left, right = np.zeros((2, 72, 72), np.int32)
    left[26:36, 46:56] = 1  # columns 30 to 40: one of a pair
    left[26:36, 56:66] = 2
    right[26:36, 6:26] = 1  # the later tile merges them
    stitcher = Stitcher(tiles, (40, 80))
    first = stitcher.add(tiles[0], left, (-16, -16))
    second = stitcher.add(tiles[1], right, (-16, 24))
    assert first.table.area.tolist() == [100.0]
    assert len(second.table) == 0


def test_speck_does_not_suppress_a_nucleus():
    tiles = make_two_tiles()
    left, right = np.zeros((2, 72, 72), np.int32)
    left[30:33, 50:54] = 1  # 12 px at columns 34 to 38
    right[24:38, 8:28] = 1  # 280 px, columns 32 to 52, around it
    stitcher = Stitcher(tiles, (40, 80))
    assert stitcher.add(tiles[0], left, (-16, -16)).table.area.tolist() == [12.0]
    nuclei = stitcher.add(tiles[1], right, (-16, 24))
    assert nuclei.table.area.tolist() == [268.0]
    assert nuclei.table.id.tolist() == [2]


def test_largest_part_of_a_split_nucleus_stays():
    tiles = make_two_tiles()
    left, right = np.zeros((2, 72, 72), np.int32)
    left[20:45, 54:56] = 1  # a wall at columns 38, 39
    right[30:36, 8:38] = 1  # columns 32 to 62 across it
    stitcher = Stitcher(tiles, (40, 80))
    stitcher.add(tiles[0], left, (-16, -16))
    nuclei = stitcher.add(tiles[1], right, (-16, 24))
    assert nuclei.table.box.tolist() == [[14, 40, 20, 62]]


def test_nuclei_keep_their_types():
    slide = draw_field((100, 120), seed=1)
    kinds = np.random.default_rng(0).integers(0, 3, slide.max() + 1)
    kinds[0] = 0
    tiles = make_tiles((0, 0, 100, 120), (50, 50))
    stitcher = Stitcher(tiles, slide.shape)
    stitched = []
    for tile, seen, origin in make_maps(slide, tiles, 20):
        types = (np.arange(3)[:, None, None] == kinds[seen]).astype(np.float32)
        stitched.append(stitcher.add(tile, seen, origin, types))
    target, table = paint(slide.shape, stitched)
    assert len(table) > 10
    for row, id_ in enumerate(table.id):
        assert table.type[row] == kinds[slide[target == id_][0]]


def test_only_nuclei_near_later_tiles_are_kept_in_memory():
    slide = draw_field((100, 900), seed=2)
    tiles = make_tiles((0, 0, 100, 900), (100, 100))
    stitcher = Stitcher(tiles, slide.shape)
    for seen in make_maps(slide, tiles, 15):
        stitcher.add(*seen)
        assert len(stitcher._accepted) < 35
    assert stitcher._accepted == []
    assert stitcher.count > 40


def test_interrupted_run_is_resumed():
    slide = draw_field((150, 190), seed=5)
    tiles = make_tiles((0, 0, 150, 190), (60, 60))
    seen = list(make_maps(slide, tiles, 20))
    whole = Stitcher(tiles, slide.shape)
    expected = [whole.add(*tile) for tile in seen]
    resumed = Stitcher(tiles, slide.shape)
    for tile, nuclei in zip(tiles[:5], expected[:5], strict=True):
        resumed.restore(tile, nuclei)
    for tile, nuclei in zip(seen[5:], expected[5:], strict=True):
        np.testing.assert_array_equal(resumed.add(*tile).labels, nuclei.labels)
    assert resumed.count == whole.count


def test_tiles_may_be_left_out_but_not_reordered():
    tiles = make_tiles((0, 0, 40, 160), (40, 40))
    nothing = np.zeros((56, 56), np.int32)
    stitcher = Stitcher(tiles, (40, 160))
    stitcher.add(tiles[0], nothing, (-8, -8))
    stitcher.add(tiles[2], nothing, (-8, 72))
    for tile in (tiles[1], tiles[2]):
        with pytest.raises(ValueError, match="add the tiles in order, each once"):
            stitcher.add(tile, nothing, (-8, 32))


def test_map_that_is_too_small_is_rejected():
    tiles = make_two_tiles()
    with pytest.raises(ValueError, match="expected the write box"):
        Stitcher(tiles, (40, 80)).add(tiles[0], np.zeros((40, 39), np.int32), (0, 0))
