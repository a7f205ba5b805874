"""The choice of a Shapes layer, and drawing on a slide."""

import numpy as np
import pytest
from napari.components import ViewerModel

pytestmark = pytest.mark.gui


@pytest.fixture
def make(qtbot):
    from napari.layers import Image

    from napari_pathprune.plugin.widgets.choosers import LayerChooser
    from napari_pathprune.plugin.widgets.draw_region import DrawRegion

    def make(viewer):
        slide = LayerChooser(viewer.layers, lambda layer: isinstance(layer, Image), "No image layer")
        drawn = DrawRegion(viewer, slide)
        qtbot.addWidget(slide)
        qtbot.addWidget(drawn)
        return drawn

    return make


def test_rectangles_are_drawn_on_the_slide_wherever_it_lies(make):
    viewer = ViewerModel()
    slide = viewer.add_image(np.zeros((60, 80, 3), np.uint8), scale=(0.5, 0.5), translate=(7, 9), units=("um", "um"))
    drawn = make(viewer)
    assert drawn.layer is None
    drawn.draw.click()
    assert (drawn.layer.mode, viewer.layers.selection.active) == ("add_rectangle", drawn.layer)
    np.testing.assert_array_equal(drawn.layer.data_to_world((3, 5)), slide.data_to_world((3, 5)))


def test_a_shapes_layer_of_the_user_is_drawn_on_rather_than_a_new_one(make):
    viewer = ViewerModel()
    viewer.add_image(np.zeros((60, 80, 3), np.uint8))
    own = viewer.add_shapes(ndim=2)
    drawn = make(viewer)
    drawn.draw.click()
    assert drawn.layer is own
    assert len(viewer.layers) == 2


def test_without_a_slide_nothing_is_drawn(make):
    viewer = ViewerModel()
    drawn = make(viewer)
    drawn.draw.click()
    assert not len(viewer.layers)
