import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Labels

from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.plugin.layers import nuclei_canvas
from napari_pathprune.plugin.layers.nuclei_canvas import NucleiCanvas


def test_painted_pixels_are_kept():
    canvas = NucleiCanvas((100, 200, 110, 220))
    assert canvas.data.shape == (10, 20)
    canvas.add((100, 200, 104, 204), np.full((4, 4), 1, np.int32), InstanceTable.empty())
    canvas.add((102, 202, 106, 206), np.full((4, 4), 2, np.int32), InstanceTable.empty())
    assert canvas.data[3, 3] == 1
    assert canvas.data[5, 5] == 2
    assert (canvas.data > 0).sum() == 28


def test_nuclei_are_clipped_to_the_region():
    canvas = NucleiCanvas((100, 200, 110, 220))
    canvas.add((95, 215, 105, 225), np.full((10, 10), 3, np.int32), InstanceTable.empty())
    assert (canvas.data[:5, 15:] == 3).all()
    assert (canvas.data > 0).sum() == 25
    canvas.add((0, 0, 5, 5), np.full((5, 5), 7, np.int32), InstanceTable.empty())
    assert 7 not in canvas.data


def test_a_layer_shows_what_is_painted_later():
    canvas = NucleiCanvas((0, 0, 10, 20))
    layer = Labels(canvas.data)
    canvas.add((0, 0, 2, 2), np.full((2, 2), 3, np.int32), InstanceTable.empty())
    assert layer.get_value((1, 1)) is not None
    assert layer.data[1, 1] == 3
    assert layer.editable


boxes = st.tuples(st.integers(0, 60), st.integers(0, 80), st.integers(1, 30), st.integers(1, 30))


@settings(deadline=None, max_examples=30)
@given(st.lists(boxes, min_size=1, max_size=6))
def test_each_level_of_a_large_region_subsamples_the_finest(tiles):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nuclei_canvas, "EDITABLE_PX", 100)
        patch.setattr(nuclei_canvas, "COARSEST_PX", 20)
        canvas = NucleiCanvas((0, 0, 61, 83))
        expected = np.zeros((61, 83), np.int32)
        for number, (y, x, h, w) in enumerate(tiles, 1):
            canvas.add((y, x, y + h, x + w), np.full((h, w), number, np.int32), InstanceTable.empty())
            part = expected[y : y + h, x : x + w]
            part[part == 0] = number
        assert [level.shape for level in canvas.data] == [(61, 83), (31, 42), (16, 21), (8, 11)]
        for k, level in enumerate(canvas.data):
            np.testing.assert_array_equal(np.asarray(level), expected[:: 2**k, :: 2**k])


def test_a_large_region_is_a_multiscale_layer(monkeypatch):
    monkeypatch.setattr(nuclei_canvas, "EDITABLE_PX", 100)
    monkeypatch.setattr(nuclei_canvas, "COARSEST_PX", 20)
    canvas = NucleiCanvas((0, 0, 61, 83))
    layer = ViewerModel().add_labels(canvas.data, multiscale=True)
    canvas.add((0, 0, 8, 8), np.full((8, 8), 5, np.int32), InstanceTable.empty())
    assert layer.multiscale
    assert np.asarray(layer.data[0])[3, 3] == np.asarray(layer.data[2])[0, 0] == 5


def test_tables_are_concatenated_in_the_order_of_their_tiles():
    labels = np.zeros((20, 30), np.int32)
    labels[2:6, 2:7], labels[10:12, 20:25], labels[15:18, 5:7] = 4, 9, 2
    table = InstanceTable.from_instance_map(labels)
    canvas = NucleiCanvas((0, 0, 20, 30))
    for part in ([1, 2], [0]):
        canvas.add((0, 0, 1, 1), np.zeros((1, 1), np.int32), table.select(np.array(part)))
        canvas.table()
    assert canvas.table().id.tolist() == [4, 9, 2]
