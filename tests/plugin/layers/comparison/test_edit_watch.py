"""Edits of labels that two layers share."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pathprune.plugin.layers.comparison.edit_watch import EditWatch


@pytest.fixture
def pair():
    viewer, labels = ViewerModel(), np.zeros((20, 30), np.int32)
    labels[4:8, 4:8] = 3
    return viewer.add_labels(labels), viewer.add_labels(labels)


@pytest.fixture
def edits(pair):
    found = []
    watch = EditWatch([pair])
    watch.edited.connect(lambda: found.append(1))
    yield found
    watch.disconnect_layers()


@pytest.mark.parametrize("side", [0, 1])
def test_the_other_layer_is_drawn_after_an_edit_and_after_its_undo(pair, edits, side):
    drawn = []
    pair[1 - side].events.set_data.connect(lambda: drawn.append(1))
    pair[side].data_setitem((np.array([15]), np.array([20])), 9)
    assert edits
    assert drawn
    count = len(edits)
    pair[side].undo()
    assert len(edits) > count


def test_drawing_alone_is_no_edit(pair, edits):
    pair[0].refresh()
    pair[1].refresh()
    assert edits == []


def test_nothing_is_reported_after_the_end(pair):
    found = []
    watch = EditWatch([pair])
    watch.edited.connect(lambda: found.append(1))
    watch.disconnect_layers()
    pair[0].paint((10, 10), 5)
    assert found == []
