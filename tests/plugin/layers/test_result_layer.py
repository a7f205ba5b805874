"""A result is placed on its slide, with its types, and joins the shelf."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.plugin.layers.nuclei_canvas import NucleiCanvas
from napari_pathprune.plugin.layers.result_layer import add_result_layer, arrange_result, find_results, name_result
from napari_pathprune.plugin.shelf.shelf import result_metadata, shelf_of

MICRONS = {"scale": (0.5, 0.5), "units": ("um", "um")}


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
    assert list(layer.features["index"]) == [-1, 1]
    (result,) = shelf.results
    assert (result.name, result.model, result.region) == ("nuclei (small)", "small", canvas.region)


def test_results_are_grouped_above_their_slide_and_hide_older_ones_of_the_same_place(tissue):
    viewer = ViewerModel()
    slides = [viewer.add_image(tissue, rgb=True, name=name, **MICRONS) for name in ("one", "two")]
    results = []
    for slide, region in zip(
        (slides[0], slides[1], slides[0], slides[0]),
        ((0, 0, 50, 50), (0, 0, 50, 50), (60, 60, 90, 90), (40, 40, 70, 70)),
        strict=True,
    ):
        facts = {"slide": slide.name, "region": region, "type_names": ()}
        name = name_result(slide, region, "m")
        results.append(add_result_layer(viewer, slide, NucleiCanvas(region), (0.5, 0.5), name, facts))
        arrange_result(viewer, results[-1], slide)
    first, other, apart, last = results
    assert list(viewer.layers) == [slides[0], first, apart, last, slides[1], other]
    assert [layer.visible for layer in (first, apart, last, other)] == [False, False, True, True]
    assert viewer.canvas.overlays.scale_bar.visible
    assert find_results(viewer, "two") == [other]


@pytest.mark.parametrize("chosen", ["left", "right"])
def test_a_result_in_the_grid_shares_the_cell_of_its_slide(tissue, chosen):
    """Side by side, a run on the slide of one half was shown in the other half."""
    viewer = ViewerModel()
    slides, nuclei = {}, {}
    for side in ("left", "right"):
        slides[side] = viewer.add_image(tissue, rgb=True, name=side, **MICRONS)
        canvas, facts = NucleiCanvas((0, 0, 50, 50)), {"slide": side, "region": (0, 0, 50, 50), "type_names": ()}
        nuclei[side] = add_result_layer(viewer, slides[side], canvas, (0.5, 0.5), f"n {side}", facts)
    grid = viewer.canvas.grid
    grid.stride, grid.shape, grid.enabled = 2, (1, 2), True
    older = nuclei[chosen]
    for number in range(2):
        region = (60, 60, 90 + number, 90)
        facts = {"slide": chosen, "region": region, "type_names": ()}
        new = add_result_layer(viewer, slides[chosen], NucleiCanvas(region), (0.5, 0.5), f"new {number}", facts)
        arrange_result(viewer, new, slides[chosen])
        assert not nuclei[chosen].visible
        assert not older.visible
        nuclei[chosen] = new
        cells = [{viewer.layers[index] for index in cell} for _, cell in grid.iter_viewboxes(viewer.layers)]
        shown = [{layer for layer in cell if layer.visible} for cell in cells]
        assert shown == [{slides[side], nuclei[side]} for side in ("left", "right")]
