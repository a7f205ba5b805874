"""A result is placed on its slide, with its types, and joins the shelf."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.plugin.layers.nuclei_canvas import NucleiCanvas
from napari_pathprune.plugin.layers.result_layer import add_result_layer
from napari_pathprune.plugin.shelf.shelf import result_metadata, shelf_of


@pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB:UserWarning")
def test_a_result_is_placed_on_its_slide_and_joins_the_shelf(tissue):
    viewer = ViewerModel()
    slide = viewer.add_image(tissue, rgb=True, name="discs", scale=(0.5, 0.5), translate=(10, 20), units=("um", "um"))
    shelf = shelf_of(viewer)
    labels = np.zeros((30, 40), np.int32)
    labels[5:15, 5:15] = 1
    canvas = NucleiCanvas((20, 30, 50, 70))
    canvas.add((20, 30, 50, 70), labels, InstanceTable.from_instance_map(labels).transform(offset=(20, 30)))
    facts = result_metadata("small", "discs", canvas.region, ("background", "neoplastic"))
    layer = add_result_layer(viewer, slide, canvas, (0.5, 0.5), "nuclei (small)", facts)
    np.testing.assert_allclose(layer.data_to_world((0, 0)), slide.data_to_world((20, 30)))
    assert list(layer.features["index"]) == [1]
    (result,) = shelf.results
    assert (result.name, result.model, result.region) == ("nuclei (small)", "small", canvas.region)
