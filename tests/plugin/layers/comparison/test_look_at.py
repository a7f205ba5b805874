"""Camera positions in pixels of a slide."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pathprune.plugin.layers.comparison.look_at import is_centred_in, look_at_box, look_at_point


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((120, 160, 3), np.uint8), name="slide", scale=(0.5, 0.5), translate=(7, 9))
    return viewer


def test_a_box_fills_the_canvas_and_a_cell_of_the_grid(viewer):
    slide = viewer.layers["slide"]
    look_at_box(viewer, slide, (20, 40, 60, 60))
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], slide.data_to_world((39.5, 49.5)))
    assert viewer.scene.camera.zoom == pytest.approx(0.95 * viewer.canvas.size[0] / 20)  # 40 px of 0.5
    assert is_centred_in(viewer, slide, (20, 40, 60, 60))
    assert not is_centred_in(viewer, slide, (60, 40, 120, 160))
    viewer.add_image(np.zeros((120, 160)))
    viewer.canvas.grid.enabled, viewer.canvas.grid.shape = True, (2, 1)
    look_at_box(viewer, slide, (20, 40, 60, 60))
    assert viewer.scene.camera.zoom == pytest.approx(0.95 * viewer.canvas.size[0] / 2 / 20)


def test_a_point_is_looked_at_from_near_but_not_from_farther_than_before(viewer):
    slide = viewer.layers["slide"]
    viewer.scene.camera.zoom = 0.1
    look_at_point(viewer, slide, 30, 50, 20)
    near = viewer.scene.camera.zoom
    assert near == pytest.approx(min(viewer.canvas.size) / 10)
    viewer.scene.camera.zoom = 2 * near
    look_at_point(viewer, slide, 90, 50, 20)
    assert viewer.scene.camera.zoom == 2 * near
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], slide.data_to_world((90, 50)))
