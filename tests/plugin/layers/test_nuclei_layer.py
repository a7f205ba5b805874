from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Labels

from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.plugin.layers import nuclei_layer as nuclei
from napari_pathprune.plugin.layers.nuclei_layer import NucleiCanvas, count_types, features_of, nuclei_attributes

NAMES = ("background", "neoplastic", "inflammatory")


@pytest.fixture
def table():
    labels = np.zeros((20, 30), np.int32)
    labels[2:6, 2:7] = 4
    labels[10:12, 20:25] = 9
    labels[15:18, 5:7] = 2
    found = InstanceTable.from_instance_map(labels)
    types, shares = np.array([0, 2, 1], np.int16), np.array([0, 0.5, 0.9], np.float32)
    return replace(found, type=types, type_probability=shares)


def test_first_come_first_painted():
    canvas = NucleiCanvas((100, 200, 110, 220))
    assert canvas.data.shape == (10, 20)
    canvas.add((100, 200, 104, 204), np.full((4, 4), 1, np.int32), InstanceTable.empty())
    canvas.add((102, 202, 106, 206), np.full((4, 4), 2, np.int32), InstanceTable.empty())
    assert canvas.data[3, 3] == 1
    assert canvas.data[5, 5] == 2
    assert (canvas.data > 0).sum() == 28


def test_nuclei_that_reach_out_of_the_region_are_cut_at_its_edge():
    canvas = NucleiCanvas((100, 200, 110, 220))
    canvas.add((95, 215, 105, 225), np.full((10, 10), 3, np.int32), InstanceTable.empty())
    assert (canvas.data[:5, 15:] == 3).all()
    assert (canvas.data > 0).sum() == 25
    canvas.add((0, 0, 5, 5), np.full((5, 5), 7, np.int32), InstanceTable.empty())
    assert 7 not in canvas.data


def test_a_live_array_is_what_the_layer_shows():
    canvas = NucleiCanvas((0, 0, 10, 20))
    layer = Labels(canvas.data)
    canvas.add((0, 0, 2, 2), np.full((2, 2), 3, np.int32), InstanceTable.empty())
    assert layer.get_value((1, 1)) is not None
    assert layer.data[1, 1] == 3
    assert layer.editable


boxes = st.tuples(st.integers(0, 60), st.integers(0, 80), st.integers(1, 30), st.integers(1, 30))


@settings(deadline=None, max_examples=30)
@given(st.lists(boxes, min_size=1, max_size=6))
def test_levels_of_a_large_region_are_its_finest_one_thinned_out(tiles):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nuclei, "EDITABLE_PX", 100)
        patch.setattr(nuclei, "COARSEST_PX", 20)
        canvas = NucleiCanvas((0, 0, 61, 83))
        expected = np.zeros((61, 83), np.int32)
        for number, (y, x, h, w) in enumerate(tiles, 1):
            canvas.add((y, x, y + h, x + w), np.full((h, w), number, np.int32), InstanceTable.empty())
            part = expected[y : y + h, x : x + w]
            part[part == 0] = number
        assert [level.shape for level in canvas.data] == [(61, 83), (31, 42), (16, 21), (8, 11)]
        for k, level in enumerate(canvas.data):
            np.testing.assert_array_equal(np.asarray(level), expected[:: 2**k, :: 2**k])


def test_napari_shows_a_large_region_as_a_pyramid(monkeypatch):
    monkeypatch.setattr(nuclei, "EDITABLE_PX", 100)
    monkeypatch.setattr(nuclei, "COARSEST_PX", 20)
    canvas = NucleiCanvas((0, 0, 61, 83))
    layer = ViewerModel().add_labels(canvas.data, multiscale=True)
    canvas.add((0, 0, 8, 8), np.full((8, 8), 5, np.int32), InstanceTable.empty())
    assert layer.multiscale
    assert np.asarray(layer.data[0])[3, 3] == np.asarray(layer.data[2])[0, 0] == 5


def test_tables_add_up_in_the_order_of_their_tiles(table):
    canvas = NucleiCanvas((0, 0, 20, 30))
    for part in ([1, 2], [0]):
        canvas.add((0, 0, 1, 1), np.zeros((1, 1), np.int32), table.select(np.array(part)))
        canvas.table()
    assert canvas.table().id.tolist() == [4, 9, 2]


def test_features_speak_of_each_label(table):
    features = features_of(table, (0.5, 0.25), NAMES)
    assert features["index"].tolist() == [2, 4, 9]
    assert features["type"].tolist() == ["no type", "inflammatory", "neoplastic"]
    assert features["area_um2"].tolist() == [0.75, 2.5, 1.25]
    assert features["probability"].tolist() == [0, 0.5, 0.9]
    assert features["y_px"].tolist() == [16.0, 3.5, 10.5]
    assert features["x_px"].tolist() == [5.5, 4.0, 22.0]


def test_napari_takes_colours_and_features(table):
    layer = Labels(np.zeros((20, 30), int), **nuclei_attributes(table, (0.5, 0.5), NAMES))
    assert list(layer.features["index"]) == [2, 4, 9]
    np.testing.assert_allclose(layer.get_color(9)[:3], np.divide((237, 28, 36), 255), atol=1e-6)


def test_counts_go_by_type(table):
    assert count_types(table, NAMES) == (1, 1, 1)
    assert count_types(table, ()) == (3,)
    assert count_types(InstanceTable.empty(), NAMES) == (0, 0, 0)
