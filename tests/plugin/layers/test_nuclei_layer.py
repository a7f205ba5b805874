from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Labels

from napari_pathprune.instances.palette import type_colours
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.plugin.layers.nuclei_layer import (
    count_types,
    hide_types,
    make_attributes,
    make_colormap,
    make_features,
    make_type_attributes,
    outline_width,
    read_type_counts,
)

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


def test_features_have_a_row_for_each_label_in_the_place_of_its_number(table):
    features = make_features(table, (0.5, 0.25), NAMES)
    assert features["index"].tolist() == [-1, -1, 2, -1, 4, -1, -1, -1, -1, 9]
    rows = [2, 4, 9]
    assert features["type"][rows].tolist() == ["no type", "inflammatory", "neoplastic"]
    assert features["area_um2"][rows].tolist() == [0.75, 2.5, 1.25]
    assert features["probability"][rows].tolist() == [0, 0.5, 0.9]
    assert features["y_px"][rows].tolist() == [16.0, 3.5, 10.5]
    assert features["x_px"][rows].tolist() == [5.5, 4.0, 22.0]


def test_labels_with_large_gaps_have_rows_for_nuclei_only(table):
    far = replace(table, id=np.array([2, 4, 10**8], table.id.dtype))
    assert make_features(far, (0.5, 0.25), NAMES)["index"].tolist() == [2, 4, 10**8]


def test_a_labels_layer_accepts_the_attributes(table):
    layer = Labels(np.zeros((20, 30), int), **make_attributes(table, (0.5, 0.5), NAMES))
    assert layer.features["index"][9] == 9
    np.testing.assert_allclose(layer.get_color(9)[:3], np.divide((237, 28, 36), 255), atol=1e-6)


def test_a_painted_nucleus_is_visible(table):
    layer = Labels(np.zeros((20, 30), int), **make_attributes(table, (0.5, 0.5), NAMES))
    layer.selected_label = 10
    layer.paint((3, 3), 10)
    assert layer.get_color(10)[3] == 1


def test_types_are_hidden_and_counted_from_the_features(table):
    attributes = make_attributes(table, (0.5, 0.5), NAMES)
    layer = Labels(np.zeros((20, 30), int), **attributes, metadata={"type_names": NAMES})
    assert read_type_counts(layer) == (1, 1, 1)
    hide_types(layer, [1])
    assert [layer.get_color(number)[3] for number in (2, 4, 9)] == [1, 1, 0]
    assert layer.metadata["hidden_types"] == (1,)
    assert read_type_counts(Labels(np.zeros((2, 2), int))) == ()


def test_labels_may_be_types():
    layer = Labels(np.zeros((2, 2), int), **make_type_attributes([1, 2, 3], [1, 2, 0], NAMES))
    np.testing.assert_allclose(layer.get_color(2)[:3], np.divide(type_colours(NAMES)[2], 255), atol=1e-6)
    np.testing.assert_allclose(layer.get_color(3)[:3], np.divide(type_colours(NAMES)[0], 255), atol=1e-6)


def test_nuclei_are_counted_by_type(table):
    assert count_types(table, NAMES) == (1, 1, 1)
    assert count_types(table, ()) == (3,)
    assert count_types(InstanceTable.empty(), NAMES) == (0, 0, 0)


def test_nuclei_are_coloured_by_type_and_other_labels_as_those_without_a_type():
    colormap = make_colormap(np.array([3, 7, 9, 11]), np.array([1, 2, 0, 99]), NAMES)
    untyped, red, green = type_colours(NAMES)
    for label, colour in ((3, red), (7, green), (9, untyped), (11, untyped), (4, untyped)):
        np.testing.assert_allclose(colormap.map(label), (*np.divide(colour, 255), 1.0), atol=1e-6)
    assert colormap.map(0)[3] == 0


def test_a_model_without_types_has_one_colour():
    colormap = make_colormap(np.array([1]), np.array([0]), ())
    np.testing.assert_allclose(colormap.map(1), (*np.divide(type_colours(())[0], 255), 1.0), atol=1e-6)


@pytest.mark.parametrize(
    ("region", "mpp", "width"),
    [((0, 0, 900, 900), 0.25, 2), ((0, 0, 900, 900), 2.0, 1), ((0, 0, 9000, 9000), 0.25, 0)],
)
def test_outlines_are_half_a_micron_wide_and_left_out_in_large_regions(region, mpp, width):
    assert outline_width(region, (mpp, mpp)) == width


@pytest.mark.gui
def test_the_features_table_of_napari_selects_the_nucleus_of_its_row(make_napari_viewer, table):
    from qtpy.QtWidgets import QTableView

    viewer = make_napari_viewer()
    layer = viewer.add_labels(np.zeros((20, 30), int), **make_attributes(table, (0.5, 0.5), NAMES))
    _, widget = viewer.window.add_plugin_dock_widget("napari", "Features table widget")
    viewer.layers.selection.active = layer
    (view,) = widget.findChildren(QTableView)
    for row in (4, 9, 2):
        view.selectRow(row)
        assert layer.selected_label == row == layer.features["index"][row]
