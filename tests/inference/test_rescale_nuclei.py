"""Nuclei of a view are rescaled to level-0 pixels."""

import numpy as np
import pytest
from drawn_fields import draw_field
from hypothesis import example, given, settings
from hypothesis import strategies as st

from napari_pathprune.inference.rescale_nuclei import rescale_to_level0
from napari_pathprune.inference.stitch import TileNuclei
from napari_pathprune.instances.table import InstanceTable


def make_nuclei(labels, y0=0, x0=0):
    table = InstanceTable.from_instance_map(labels).transform(offset=(y0, x0))
    return TileNuclei((y0, x0, y0 + labels.shape[0], x0 + labels.shape[1]), labels, table)


def draw_discs(side, radius_px):
    """Return 20 x 20 discs at odd places."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    cell = side / 20
    row, column = (np.minimum(axis // cell, 19).astype(int) for axis in (y, x))
    cy, cx = ((np.arange(20)[:, None] + 0.5) * cell + rng.uniform(-3, 3, (20, 20)) for _ in range(2))
    inside = np.hypot(y - cy[row, column], x - cx.T[row, column]) < radius_px
    return np.where(inside, row * 20 + column + 1, 0).astype(np.int32)


def test_scale_of_one_changes_nothing():
    nuclei = make_nuclei(draw_field((40, 50), seed=0))
    assert rescale_to_level0(nuclei, (1.0, 1.0), (40, 50)) is nuclei


@pytest.mark.parametrize("factor", [2, 3])
def test_coarser_view_is_enlarged_by_integer_factors(factor):
    labels = draw_field((40, 50), seed=0)
    found = rescale_to_level0(make_nuclei(labels, 10, 20), (1 / factor, 1 / factor), (200, 300))
    assert found.box == (10 * factor, 20 * factor, 50 * factor, 70 * factor)
    np.testing.assert_array_equal(found.labels, np.kron(labels, np.ones((factor, factor), int)))
    again = InstanceTable.from_instance_map(found.labels).transform(offset=found.box[:2])
    for name in ("id", "y", "x", "box", "area"):
        np.testing.assert_allclose(getattr(found.table, name), getattr(again, name))


def find_place(pixel, scale):
    """Return where a level-0 pixel takes its label in a view: at its centre, or a quarter of a view pixel beside it."""
    return (pixel + 0.5) * scale + (0.0 if scale <= 1 else -0.25 if pixel % 2 else 0.25)


@settings(max_examples=60, deadline=None)
@example(scale_y=1.0, scale_x=1.5, cut_y=1, cut_x=1)
@given(st.floats(0.3, 3.0), st.floats(0.3, 3.0), st.integers(1, 59), st.integers(1, 79))
def test_parts_of_a_view_partition_level0(scale_y, scale_x, cut_y, cut_x):
    view = np.arange(1, 60 * 80 + 1, dtype=np.int32).reshape(60, 80)
    shape = int(60 / scale_y), int(80 / scale_x)
    seen = np.zeros(shape, int)
    for y0, y1 in ((0, cut_y), (cut_y, 60)):
        for x0, x1 in ((0, cut_x), (cut_x, 80)):
            part = TileNuclei((y0, x0, y1, x1), view[y0:y1, x0:x1], InstanceTable.empty())
            box = rescale_to_level0(part, (scale_y, scale_x), shape).box
            seen[box[0] : box[2], box[1] : box[3]] += 1
    assert seen.min() >= 1
    # a part from which no level-0 pixel takes its label gets the nearest one, which it shares
    has_shared_pixel = any(
        not any(first <= find_place(pixel, scale) < last for pixel in range(length))
        for cut, side, scale, length in ((cut_y, 60, scale_y, shape[0]), (cut_x, 80, scale_x, shape[1]))
        for first, last in ((0, cut), (cut, side))
    )
    assert has_shared_pixel or seen.max() == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.floats(1.1, 4.0))
def test_every_nucleus_has_a_pixel_on_a_coarser_slide(seed, scale):
    labels = draw_field((60, 70), seed, radius_px=4.0)
    shape = int(60 / scale), int(70 / scale)
    found = rescale_to_level0(make_nuclei(labels), (scale, scale), shape)
    assert set(np.unique(found.labels)) - {0} == set(np.unique(labels)) - {0}
    assert (found.table.box[:, 2:] <= shape).all()


@pytest.mark.parametrize("scale", [2.0, 4.0, 3.0, 2.5])
def test_labels_of_a_coarser_slide_do_not_shift(scale):
    side = round(600 * scale)
    labels = draw_discs(side, 6 * scale)
    found = rescale_to_level0(make_nuclei(labels), (scale, scale), (600, 600))
    again = InstanceTable.from_instance_map(found.labels)
    assert len(again) == len(found.table) > 300
    shift = np.array([again.y - found.table.y, again.x - found.table.x])
    assert np.abs(shift.mean(axis=1)).max() < 0.04
    assert np.abs(again.area.sum() / found.table.area.sum() - 1) < 0.02


@pytest.mark.parametrize("scale", [1.996, 2.004, 4.01])
def test_labels_do_not_shift_anywhere_on_a_slide_of_about_twice_the_pixel_size(scale):
    """The packaged slide has 1.996 view pixels per pixel: nearly all centres of a region are on one side of a line."""
    labels = draw_discs(round(600 * scale), 6 * scale)
    found = rescale_to_level0(make_nuclei(labels), (scale, scale), (600, 600))
    again = InstanceTable.from_instance_map(found.labels)
    part = (found.table.y < 150) & (found.table.x < 300)
    shift = np.array([again.y - found.table.y, again.x - found.table.x])[:, part]
    assert np.abs(shift.mean(axis=1)).max() < 0.06


def test_parts_meet_where_centres_lie_on_lines():
    view = np.arange(1, 60 * 80 + 1, dtype=np.int32).reshape(60, 80)
    whole = rescale_to_level0(TileNuclei((0, 0, 60, 80), view, InstanceTable.empty()), (2.0, 2.0), (30, 40)).labels
    for cut in range(2, 58):
        parts = [(0, cut), (cut, 60)]
        found = [
            rescale_to_level0(TileNuclei((y0, 0, y1, 80), view[y0:y1], InstanceTable.empty()), (2.0, 2.0), (30, 40))
            for y0, y1 in parts
        ]
        assert np.array_equal(np.concatenate([part.labels for part in found]), whole)


def test_nucleus_does_not_take_the_last_pixel_of_another():
    labels = np.zeros((6, 6), np.int32)
    labels[1, 1], labels[1, 2], labels[2, 1] = 1, 2, 3  # all within the first level-0 pixel
    found = rescale_to_level0(make_nuclei(labels), (3.0, 3.0), (2, 2))
    assert set(np.unique(found.labels)) == {0, 1, 2, 3}


def test_labels_outside_the_slide_are_cut_off():
    found = rescale_to_level0(make_nuclei(np.ones((10, 10), np.int32)), (0.5, 0.5), (19, 18))
    assert found.box == (0, 0, 19, 18)
    assert found.table.box.tolist() == [[0, 0, 19, 18]]
