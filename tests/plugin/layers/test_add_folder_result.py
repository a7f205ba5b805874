"""Result folders placed on their slide."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_pathprune.plugin.layers.add_folder_result import add_folder_result
from napari_pathprune.plugin.layers.segmentation_from_layer import segmentation_from_layer
from napari_pathprune.plugin.shelf.shelf import shelf_of
from napari_pathprune.workflows.compare.segmentation import Segmentation

LABELS = np.ones((120, 160), np.int32)


@pytest.fixture
def found():
    return Segmentation("tiny", LABELS, (0, 0, 60, 160), (120, 160), slide="second.svs", type_names=("background", "a"))


def test_the_result_is_placed_on_the_slide_of_its_name_and_joins_the_shelf(found, tissue):
    viewer = ViewerModel()
    shelf = shelf_of(viewer)
    for name, scale in (("first", 1.0), ("second", 0.5)):
        viewer.add_image(tissue, rgb=True, name=name, scale=(scale, scale))
    layer = add_folder_result(viewer, found, LABELS, {"opacity": 0.5})
    np.testing.assert_array_equal(layer.scale, (0.5, 0.5))
    assert layer.opacity == 0.5
    (result,) = shelf.results
    assert (result.layer, result.slide.name, result.region) == (layer, "second", (0, 0, 60, 160))


def test_how_the_nuclei_were_found_stays_with_the_layer(found, tissue):
    viewer = ViewerModel()
    slide = viewer.add_image(tissue, rgb=True, name="second")
    averaged = replace(found, model="small.safetensors", phases=4)
    layer = add_folder_result(viewer, averaged, LABELS, {})
    again = segmentation_from_layer(layer, slide)
    assert (again.model, again.phases) == ("small.safetensors", 4)


def test_a_slide_that_is_not_open_is_opened_from_its_file(found, tissue, tmp_path):
    from dataclasses import replace

    path = tmp_path / "second.tif"
    tifffile.imwrite(path, tissue, tile=(64, 64), photometric="rgb")
    viewer = ViewerModel()
    add_folder_result(viewer, replace(found, slide_path=path), LABELS, {})
    assert [layer.name for layer in viewer.layers] == ["second", "second, 0,0 160\u00d760: tiny"]


def test_a_result_without_its_slide_is_refused(found, tissue):
    viewer = ViewerModel()
    viewer.add_image(tissue[:50], rgb=True, name="second")
    with pytest.raises(ValueError, match=r"second\.svs; open that first"):
        add_folder_result(viewer, found, LABELS, {})
    assert len(viewer.layers) == 1
