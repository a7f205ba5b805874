"""The tools of the Annotate dock show and do what the keys do."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pathprune.plugin.layers.annotation.annotation import Annotation
from napari_pathprune.plugin.layers.annotation.annotation_keys import AnnotationKeys

pytestmark = pytest.mark.gui


@pytest.fixture
def keys():
    labels = np.zeros((20, 30), np.int32)
    labels[2:8, 2:8], labels[10:16, 10:16] = 1, 2
    viewer = ViewerModel()
    names = ("background", "neoplastic", "inflammatory")
    annotation = Annotation(viewer.add_labels(labels), (0, 0, 20, 30), (0.5, 0.5), names, {1: 1, 2: 2})
    return AnnotationKeys(annotation, viewer, print)


@pytest.fixture
def tools(keys, qtbot):
    from napari_pathprune.plugin.widgets.annotate.annotate_tools import AnnotateTools

    tools = AnnotateTools()
    qtbot.addWidget(tools)
    tools.follow(keys)
    return tools


def test_types_have_keys_and_counts(tools):
    assert [button.text() for button in tools.types.values()] == ["no type", "1  neoplastic", "2  inflammatory"]
    assert [label.text() for label in tools.counts.values()] == ["0", "1", "1"]
    assert tools.types[0].isHidden()
    assert tools.types[1].isChecked()


def test_a_click_on_a_type_sets_the_type_of_the_selection(tools, keys):
    keys.annotation.select([1])
    tools.types[2].click()
    assert tools.counts[2].text() == "2"
    assert tools.types[2].isChecked()
    assert not tools.types[1].isChecked()


def test_only_what_is_possible_is_enabled(tools, keys):
    def enabled():
        return {name for name, button in tools.buttons.items() if button.isEnabled()}

    assert enabled() == {"New", "Cut", "Select"}
    keys.annotation.select([1, 2])
    assert enabled() == {"New", "Cut", "Select", "Delete", "Merge", "Split"}
    tools.buttons["Merge"].click()
    assert keys.annotation.counts() == (0, 1, 0)
    assert "Undo" in enabled()
    tools.buttons["Undo"].click()
    assert "Redo" in enabled()


def test_without_an_annotation_the_tools_are_hidden(tools, keys):
    tools.follow(None)
    assert tools.isHidden()
    keys.annotation.select([1])  # not followed any more
