"""Layers of nuclei that are still being found."""

import numpy as np
from napari.components import ViewerModel

from napari_pathprune.plugin.layers.growing_layer import add_growing_layer
from napari_pathprune.plugin.layers.nuclei_canvas import NucleiCanvas
from napari_pathprune.plugin.shelf.shelf import shelf_of


def test_the_layer_lies_on_its_slide_and_is_not_offered_while_it_grows(tissue):
    viewer = ViewerModel()
    shelf = shelf_of(viewer)
    slide = viewer.add_image(tissue, rgb=True, name="slide", scale=(0.5, 0.5), translate=(3, 4))
    canvas = NucleiCanvas((0, 0, *tissue.shape[:2]))
    layer = add_growing_layer(
        viewer, slide, canvas, ((1, 2), (1, 0)), model="small.safetensors", model_name="small", type_names=("bg", "a")
    )
    np.testing.assert_array_equal(layer.scale, (0.5, 0.5))
    np.testing.assert_array_equal(layer.translate, (3, 4))
    assert layer.name.endswith("small, unfinished")
    assert layer.metadata["region"] == (0, 0, *tissue.shape[:2])
    assert not layer.metadata["is_finished"]
    assert shelf.results == ()
