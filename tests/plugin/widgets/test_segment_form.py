"""The form with a ViewerModel, without a window."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pathprune.plugin.layers.region_kind import RegionKind
from napari_pathprune.plugin.widgets.segment_form import SegmentForm

pytestmark = pytest.mark.gui


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def form(viewer, qtbot, tmp_path):
    widget = SegmentForm(viewer)
    qtbot.addWidget(widget)
    widget.model.add_file(tmp_path / "tiny.safetensors")
    return widget


def choose(form, kind):
    form.region_kind.setCurrentIndex(form.region_kind.findData(kind))
    form.refresh()


def add_slide(viewer, tissue, **attributes):
    return viewer.add_image(tissue, rgb=True, name="discs", **attributes)


MICRONS = {"scale": (0.5, 0.5), "units": ("um", "um")}


def test_each_missing_input_is_named_in_turn(form, viewer, tissue):
    form.refresh()
    assert form.problem.startswith("Open a slide first")
    layer = add_slide(viewer, tissue)
    assert form.problem.startswith("Enter the pixel size")
    form.mpp.setValue(0.5)
    assert form.problem is None
    choose(form, RegionKind.DRAWN)
    assert "nothing is drawn" in form.problem
    viewer.layers.remove(layer)
    viewer.add_image(np.zeros((8, 8, 3), np.uint16), rgb=True, name="deep", **MICRONS)
    assert form.problem.startswith("deep: got uint16 pixels")


def test_a_model_must_be_chosen(form, viewer, tissue):
    add_slide(viewer, tissue, **MICRONS)
    form.model.setCurrentIndex(form.model.count() - 1)
    assert form.problem == "Choose a model"


def test_a_known_pixel_size_is_shown_and_an_unknown_one_can_be_entered(form, viewer, tissue):
    add_slide(viewer, tissue, **MICRONS)
    assert form.mpp.value() == 0.5
    assert not form.mpp.isEnabled()
    viewer.layers.clear()
    add_slide(viewer, tissue)
    assert form.mpp.text() == "unknown"
    assert form.mpp.isEnabled()
    form.mpp.setValue(0.25)
    choose(form, RegionKind.SLIDE)
    assert form.request().slide.mpp == (0.25, 0.25)


def test_the_request_has_slide_model_and_region(form, viewer, tissue, tmp_path):
    add_slide(viewer, tissue, **MICRONS)
    choose(form, RegionKind.SLIDE)
    form.tissue_only.setChecked(False)
    request = form.request()
    assert request.model == str(tmp_path / "tiny.safetensors")
    assert request.region == (0, 0, 120, 160)
    assert not request.tissue_only
    np.testing.assert_array_equal(request.slide.read((0, 0, 120, 160)), tissue)


def test_the_extent_is_in_pixels_and_millimetres_with_an_estimate(form, viewer):
    add_slide(viewer, np.zeros((5000, 6000, 3), np.uint8), **MICRONS)
    choose(form, RegionKind.SLIDE)
    lines = form.extent.text().splitlines()
    assert lines[0] == "6,000 \u00d7 5,000 px = 3.00 \u00d7 2.50 mm"
    assert lines[1] == "30.0 megapixels: this may take long"
    assert "pathprune" in lines[2]
    form.pace[form.model.model] = 10.0
    form.refresh()
    assert form.extent.text().splitlines()[1] == "about 1 min 15 s at the pace of the last run"


def test_a_refresh_signals_changes_only(form, viewer, tissue):
    add_slide(viewer, tissue, **MICRONS)
    changes = []
    form.changed.connect(lambda: changes.append(form.extent.text()))
    form.refresh()
    assert changes == []
    viewer.scene.camera.zoom *= 50
    form.refresh()
    assert len(changes) == 1


def test_drawing_starts_on_a_layer_aligned_with_the_slide(form, viewer, tissue):
    slide = add_slide(viewer, tissue, translate=(10, 20), **MICRONS)
    choose(form, RegionKind.DRAWN)
    form.drawn.draw.click()
    shapes = form.drawn.layer
    assert shapes is viewer.layers.selection.active
    assert shapes.mode == "add_rectangle"
    assert shapes.units == slide.units
    shapes.add_rectangles([[9.5, 19.5], [49.5, 79.5]])
    form.refresh()
    assert form.problem is None
    assert form.request().region == (10, 20, 50, 80)
    form.drawn.draw.click()
    assert len(viewer.layers) == 2


def test_the_shapes_row_is_shown_for_a_drawn_region_only(form, viewer, tissue, qtbot):
    add_slide(viewer, tissue, **MICRONS)
    form.show()
    qtbot.waitExposed(form)
    assert not form.drawn.isVisible()
    choose(form, RegionKind.DRAWN)
    assert form.drawn.isVisible()
    form.hide()


def test_a_disconnected_form_does_not_change(form, viewer, tissue):
    form.disconnect_viewer()
    add_slide(viewer, tissue, **MICRONS)
    assert form.slide.layer is None
