"""The legend with a ViewerModel, without a window."""

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pathprune.instances.palette import type_colours
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.plugin.layers.nuclei_layer import make_attributes
from napari_pathprune.plugin.shelf.shelf import result_metadata
from napari_pathprune.plugin.widgets.legend import Legend

pytestmark = pytest.mark.gui
NAMES = ("background", "neoplastic", "inflammatory")


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def legend(viewer, qtbot):
    widget = Legend(viewer)
    qtbot.addWidget(widget)
    return widget


def add_result(viewer, types, names=NAMES, name="result"):
    """Add a result with a nucleus for each of the types: label 1 in the first column, and so on."""
    labels = np.repeat(np.arange(1, len(types) + 1, dtype=np.int32)[None], 3, axis=0)
    table = InstanceTable.from_instance_map(labels)
    table = replace(table, type=np.array(types, np.int16), type_probability=np.ones(len(types), np.float32))
    attributes = make_attributes(table, (0.5, 0.5), names)
    metadata = result_metadata("m", "slide", (0, 0, 3, len(types)), names)
    return viewer.add_labels(labels, name=name, metadata=metadata, **attributes)


@pytest.mark.parametrize(
    ("names", "types", "rows"),
    [
        (NAMES, [1, 1, 2], [("neoplastic", "2"), ("inflammatory", "1")]),
        (NAMES, [0, 1], [("no type", "1"), ("neoplastic", "1"), ("inflammatory", "0")]),
        ((), [0, 0], [("nucleus", "2")]),
    ],
    ids=["typed", "with an untyped nucleus", "untyped model"],
)
def test_the_legend_counts_the_types_of_the_selected_result(viewer, legend, names, types, rows):
    assert legend.isHidden()
    add_result(viewer, types, names)
    assert legend.rows == rows
    assert legend.title.text() == "result"
    assert not legend.isHidden()


def test_the_legend_follows_the_selection_and_stays_when_a_slide_is_selected(viewer, legend):
    first, second = add_result(viewer, [1], name="first"), add_result(viewer, [2, 2], name="second")
    assert legend.rows == [("neoplastic", "0"), ("inflammatory", "2")]
    viewer.layers.selection.active = first
    assert legend.rows == [("neoplastic", "1"), ("inflammatory", "0")]
    viewer.add_image(np.zeros((3, 3)))
    assert legend.title.text() == "first"
    viewer.layers.remove(first)
    assert legend.isHidden()
    viewer.layers.selection.active = second
    assert legend.title.text() == "second"


def test_a_box_hides_the_nuclei_of_its_type(viewer, legend):
    layer = add_result(viewer, [1, 2])
    legend.boxes[1].click()
    assert layer.get_color(1)[3] == 0
    assert layer.get_color(2)[3] == 1
    other = add_result(viewer, [1], name="other")
    assert legend.boxes[1].isChecked()
    assert other.get_color(1)[3] == 1
    viewer.layers.selection.active = layer
    assert not legend.boxes[1].isChecked()
    legend.boxes[1].click()
    np.testing.assert_allclose(layer.get_color(1), (*np.divide(type_colours(NAMES)[1], 255), 1), atol=1e-6)


def test_new_features_are_counted(viewer, legend):
    layer = add_result(viewer, [1, 2])
    layer.features = {"index": [1], "type": ["inflammatory"]}
    assert legend.rows == [("neoplastic", "0"), ("inflammatory", "1")]


def test_labels_that_are_not_a_result_have_no_legend(viewer, legend):
    viewer.add_labels(np.ones((3, 3), int))
    assert legend.isHidden()


def test_a_disconnected_legend_does_not_change(viewer, legend):
    legend.disconnect_viewer()
    add_result(viewer, [1])
    assert legend.rows == []
