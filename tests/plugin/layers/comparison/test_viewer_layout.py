"""What a user sees, recorded and restored."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pathprune.plugin.layers.comparison.viewer_layout import record_layout


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    for name in "abc":
        viewer.add_image(np.zeros((4, 4)), name=name, visible=name != "b")
    viewer.layers.selection = {viewer.layers["a"], viewer.layers["b"]}
    viewer.canvas.grid.stride, viewer.canvas.grid.enabled = 2, True
    return viewer


def test_layers_grid_and_keys_are_restored(viewer):
    layout = record_layout(viewer)
    for layer in viewer.layers:
        layer.visible = not layer.visible
    viewer.canvas.grid.enabled, viewer.canvas.grid.stride = False, 1
    viewer.canvas.overlays.scale_bar.visible = True
    viewer.layers.selection = {viewer.layers["c"]}
    viewer.bind_key("K", lambda _: None)
    assert len(list(layout.restore(viewer))) == 3
    assert [layer.visible for layer in viewer.layers] == [True, False, True]
    assert {layer.name for layer in viewer.layers.selection} == {"a", "b"}
    assert (viewer.canvas.grid.enabled, viewer.canvas.grid.stride) == (True, 2)
    assert not viewer.canvas.overlays.scale_bar.visible
    assert not viewer.keymap


def test_layers_that_are_as_they_were_are_not_drawn_anew_and_gone_ones_are_left_out(viewer):
    layout = record_layout(viewer)
    viewer.layers.remove("a")
    drawn = []
    viewer.layers["c"].events.set_data.connect(lambda: drawn.append("c"))
    assert list(layout.restore(viewer)) == []
    assert drawn == []
    assert {layer.name for layer in viewer.layers.selection} == {"b"}
