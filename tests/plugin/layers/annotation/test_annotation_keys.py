"""Keys and mouse of an annotation, without a window."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pathprune.plugin.layers.annotation.annotation import Annotation
from napari_pathprune.plugin.layers.annotation.annotation_keys import AnnotationKeys


@pytest.fixture
def lines():
    return []


@pytest.fixture
def keys(lines):
    labels = np.zeros((20, 30), np.int32)
    labels[2:8, 2:8], labels[10:16, 10:16] = 1, 2
    viewer = ViewerModel()
    layer = viewer.add_labels(labels, scale=(0.5, 0.5))
    names = ("background", "neoplastic", "inflammatory")
    return AnnotationKeys(Annotation(layer, (0, 0, 20, 30), (0.5, 0.5), names, {1: 1, 2: 2}), viewer, lines.append)


def press(keys, key):
    layer = keys.annotation.layer
    {str(binding): act for binding, act in layer.keymap.items()}[key](layer)


def drag(keys, start, end=None, modifiers=()):
    """Press at a pixel, move to another, and release."""
    layer, end = keys.annotation.layer, start if end is None else end
    event = SimpleNamespace(
        type="mouse_press", position=np.multiply(start, 0.5), pos=np.multiply(start, 10.0), modifiers=modifiers
    )
    steps = keys._drag(layer, event)
    next(steps, None)
    event.type, event.position, event.pos = "mouse_move", np.multiply(end, 0.5), np.multiply(end, 10.0)
    next(steps, None)
    event.type = "mouse_release"
    next(steps, None)


def test_clicks_select_and_drags_do_not(keys):
    drag(keys, (4, 4))
    assert keys.annotation.selection == (1,)
    drag(keys, (12, 12), modifiers=("Shift",))
    assert keys.annotation.selection == (1, 2)
    drag(keys, (4, 4), (12, 12))
    assert keys.annotation.selection == (1, 2)
    drag(keys, (0, 0))
    assert keys.annotation.selection == ()


def test_clicks_do_not_select_while_painting(keys):
    keys.annotation.start_new()
    drag(keys, (4, 4))
    assert keys.annotation.selection == ()


def test_a_drag_cuts_once_after_the_key(keys):
    press(keys, "C")
    assert not keys.annotation.layer.mouse_pan
    drag(keys, (4.5, 0), (4.5, 12))
    assert keys.annotation.counts() == (0, 2, 1)
    assert keys.annotation.layer.mouse_pan
    drag(keys, (6.5, 0), (6.5, 12))
    assert keys.annotation.counts() == (0, 2, 1)


def test_keys_edit_the_selection(keys):
    keys.annotation.select([1])
    press(keys, "2")
    assert keys.annotation.counts() == (0, 0, 2)
    press(keys, "S")
    assert keys.annotation.counts() == (0, 0, 3)
    press(keys, "J")
    press(keys, "Delete")
    assert keys.annotation.counts() == (0, 0, 1)
    for _ in range(4):
        press(keys, "Ctrl+Z")
    assert keys.annotation.counts() == (0, 1, 1)


def test_what_is_not_possible_is_reported_in_one_line(keys, lines):
    press(keys, "J")
    assert lines[-1].startswith("Select two nuclei or more")
    press(keys, "9")
    assert "1 neoplastic, 2 inflammatory" in lines[-1]


def test_unbinding_gives_the_keys_back(keys):
    press(keys, "C")
    keys.unbind()
    assert not keys.annotation.layer.keymap
    assert keys.annotation.layer.mouse_pan
    assert keys._drag not in keys.annotation.layer.mouse_drag_callbacks
