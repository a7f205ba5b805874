"""The form without a window: its viewer is a model."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pathprune.plugin.layers.region_kind import Target
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


def choose(form, target):
    form.target.setCurrentIndex(form.target.findData(target))
    form.look()


def add_slide(viewer, tissue, **attributes):
    return viewer.add_image(tissue, rgb=True, name="discs", **attributes)


MICRONS = {"scale": (0.5, 0.5), "units": ("um", "um")}


def test_each_missing_thing_is_named_in_turn(form, viewer, tissue):
    form.look()
    assert form.problem.startswith("Open a slide first")
    layer = add_slide(viewer, tissue)
    assert form.problem.startswith("Say how large a pixel is")
    form.mpp.setValue(0.5)
    assert form.problem is None
    choose(form, Target.DRAWN)
    assert "nothing is drawn" in form.problem
    viewer.layers.remove(layer)
    viewer.add_image(np.zeros((8, 8, 3), np.uint16), rgb=True, name="deep", **MICRONS)
    assert form.problem.startswith("deep: got uint16 pixels")


def test_no_model_no_run(form, viewer, tissue):
    add_slide(viewer, tissue, **MICRONS)
    form.model.setCurrentIndex(form.model.count() - 1)
    assert form.problem == "Choose a model."


def test_a_known_pixel_size_is_shown_and_an_unknown_one_asked_for(form, viewer, tissue):
    add_slide(viewer, tissue, **MICRONS)
    assert form.mpp.value() == 0.5
    assert not form.mpp.isEnabled()
    viewer.layers.clear()
    add_slide(viewer, tissue)
    assert form.mpp.text() == "not known"
    assert form.mpp.isEnabled()
    form.mpp.setValue(0.25)
    choose(form, Target.SLIDE)
    assert form.request().slide.mpp == (0.25, 0.25)


def test_the_request_says_slide_model_and_region(form, viewer, tissue, tmp_path):
    add_slide(viewer, tissue, **MICRONS)
    choose(form, Target.SLIDE)
    form.tissue_only.setChecked(False)
    request = form.request()
    assert request.model == str(tmp_path / "tiny.safetensors")
    assert request.region == (0, 0, 120, 160)
    assert not request.tissue_only
    np.testing.assert_array_equal(request.slide.read((0, 0, 120, 160)), tissue)


def test_extent_tells_pixels_millimetres_and_what_to_expect(form, viewer):
    add_slide(viewer, np.zeros((5000, 6000, 3), np.uint8), **MICRONS)
    choose(form, Target.SLIDE)
    lines = form.extent.text().splitlines()
    assert lines[0] == "6,000 \u00d7 5,000 px = 3.00 \u00d7 2.50 mm"
    assert lines[1] == "30.0 megapixels: this may take long"
    assert "pathprune" in lines[2]
    form.pace[form.model.model] = 10.0
    form.look()
    assert form.extent.text().splitlines()[1] == "about 1 min 15 s, as fast as the last run"


def test_looking_tells_of_changes_only(form, viewer, tissue):
    add_slide(viewer, tissue, **MICRONS)
    told = []
    form.changed.connect(lambda: told.append(form.extent.text()))
    form.look()
    assert told == []
    viewer.scene.camera.zoom *= 50
    form.look()
    assert len(told) == 1


def test_drawing_starts_on_a_layer_that_lies_on_the_slide(form, viewer, tissue):
    slide = add_slide(viewer, tissue, translate=(10, 20), **MICRONS)
    choose(form, Target.DRAWN)
    form.draw.click()
    shapes = form.shapes.layer
    assert shapes is viewer.layers.selection.active
    assert shapes.mode == "add_rectangle"
    assert shapes.units == slide.units
    shapes.add_rectangles([[9.5, 19.5], [49.5, 79.5]])
    form.look()
    assert form.problem is None
    assert form.request().region == (10, 20, 50, 80)
    form.draw.click()
    assert len(viewer.layers) == 2


def test_the_drawn_row_is_there_when_it_matters(form, viewer, tissue, qtbot):
    add_slide(viewer, tissue, **MICRONS)
    form.show()
    qtbot.waitExposed(form)
    assert not form.drawn.isVisible()
    choose(form, Target.DRAWN)
    assert form.drawn.isVisible()
    form.hide()


def test_a_closed_form_listens_no_more(form, viewer, tissue):
    form.disconnect_viewer()
    add_slide(viewer, tissue, **MICRONS)
    assert form.slide.layer is None
