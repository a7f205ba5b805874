"""The instance table."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import regionprops

from napari_pathprune.instances.table import InstanceTable

COLUMNS = ("id", "y", "x", "box", "area", "type", "type_probability", "points", "offsets")


def assert_same(a, b):
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def test_columns_equal_regionprops(discs):
    table = InstanceTable.from_instance_map(discs)
    regions = regionprops(discs)
    assert len(table) == len(regions) > 40
    np.testing.assert_array_equal(table.id, [region.label for region in regions])
    np.testing.assert_array_equal(table.area, [region.area for region in regions])
    np.testing.assert_array_equal(table.box, [region.bbox for region in regions])
    np.testing.assert_allclose(np.stack([table.y, table.x], 1), [region.centroid for region in regions])


def test_dtypes_are_fixed(discs, types_of_discs):
    for table in (InstanceTable.from_instance_map(discs, types_of_discs), InstanceTable.empty()):
        found = [getattr(table, name).dtype for name in COLUMNS]
        assert found == [np.int32, float, float, np.int64, float, np.int16, np.float32, np.float32, np.int64]


def test_contours_enclose_their_nuclei(discs):
    table = InstanceTable.from_instance_map(discs)
    for row in range(len(table)):
        if table.area[row] > 20:
            polygon = shapely.Polygon(table.contour(row))
            y, x = np.nonzero(discs == table.id[row])
            assert shapely.contains_xy(polygon, y, x).mean() > 0.9  # all but small parts cut off by other nuclei
            assert polygon.area == pytest.approx(table.area[row], rel=0.1)


def encode_one_hot(kinds, count=4):
    return (np.arange(count)[:, None, None] == np.array(kinds)).astype(np.float32)


@pytest.mark.parametrize(
    ("pixels", "kind", "share"),
    [
        ([2, 2, 1, 0], 2, 0.5),
        ([0, 0, 0, 3], 3, 0.25),  # background is the most frequent: the second one counts
        ([0, 0, 0, 0], 0, 0.0),
        ([1, 1, 3, 3], 1, 0.5),  # a tie: the first
        ([0, 0, 2, 2], 2, 0.5),  # a tie with the background
    ],
)
def test_type_is_the_most_frequent_one(pixels, kind, share):
    table = InstanceTable.from_instance_map(np.full((1, 4), 9), encode_one_hot([pixels]))
    assert (table.type.tolist(), table.type_probability.tolist()) == ([kind], [share])


def test_background_pixels_do_not_influence_types():
    table = InstanceTable.from_instance_map(np.array([[0, 7, 0, 0]]), encode_one_hot([[3, 1, 3, 3]]))
    assert table.type.tolist() == [1]


def test_types_of_another_shape_are_rejected():
    with pytest.raises(ValueError, match="like the instances"):
        InstanceTable.from_instance_map(np.ones((4, 4), int), np.zeros((3, 4, 5)))


@settings(max_examples=40, deadline=None)
@given(arrays(np.int32, (12, 11), elements=st.integers(0, 5)), st.data())
def test_concatenated_selections_are_the_table(instances, data):
    table = InstanceTable.from_instance_map(instances)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(table), max_size=len(table))), bool)
    parts = InstanceTable.concatenate([table.select(mask), table.select(~mask)])
    assert_same(parts.select(np.argsort(parts.id)), table)


def test_empty_selections_and_concatenations_are_empty(discs):
    table = InstanceTable.from_instance_map(discs)
    assert_same(table.select(np.zeros(len(table), bool)), InstanceTable.empty())
    assert_same(InstanceTable.concatenate([]), InstanceTable.empty())
    assert len(InstanceTable.from_instance_map(np.zeros((4, 4), int))) == 0


def test_with_ids_changes_ids_alone(discs):
    table = InstanceTable.from_instance_map(discs)
    other = table.with_ids(table.id + 1000)
    assert other.id.tolist() == (table.id + 1000).tolist()
    assert_same(other.with_ids(table.id), table)


@pytest.mark.parametrize("factor", [2, 3])
def test_transformed_table_is_that_of_the_enlarged_map(discs, factor):
    moved = InstanceTable.from_instance_map(discs).transform(scale=(factor, factor), offset=(30, 40))
    large = np.kron(discs, np.ones((factor, factor), np.int32))
    expected = InstanceTable.from_instance_map(np.pad(large, ((30, 0), (40, 0))))
    np.testing.assert_allclose([moved.y, moved.x, moved.area], [expected.y, expected.x, expected.area])
    np.testing.assert_array_equal(moved.box, expected.box)
    assert np.abs(moved.points.max(0) - expected.points.max(0)).max() <= factor / 2


def test_transform_can_be_inverted(discs):
    table = InstanceTable.from_instance_map(discs)
    back = table.transform(scale=(0.3, 0.7), offset=(5, -9)).transform(
        scale=(1 / 0.3, 1 / 0.7), offset=(-5 / 0.3, 9 / 0.7)
    )
    np.testing.assert_allclose([back.y, back.x, back.area], [table.y, table.x, table.area])
    np.testing.assert_allclose(back.points, table.points, atol=1e-3)
