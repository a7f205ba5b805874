"""The form of the Annotate dock."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pathprune.plugin.layers.region_kind import RegionKind
from napari_pathprune.plugin.shelf.shelf import ShelfResult, shelf_of

pytestmark = pytest.mark.gui


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((60, 80, 3), np.uint8), name="slide", scale=(0.5, 0.5), units=("um", "um"))
    return viewer


@pytest.fixture
def form(viewer, qtbot):
    from napari_pathprune.plugin.widgets.annotate.annotate_form import AnnotateForm

    form = AnnotateForm(viewer)
    qtbot.addWidget(form)
    return form


def list_sources(form):
    return [form.source.itemText(i) for i in range(form.source.count())]


def test_the_default_model_is_chosen_first(form):
    assert form.source.currentText() == "Model: hovernet-s-compact"
    assert list_sources(form)[-1] == "No nuclei"


def test_only_results_of_the_chosen_slide_are_offered_and_the_choice_is_kept(form, viewer):
    other = viewer.add_image(np.zeros((60, 80, 3), np.uint8), name="other")
    for slide in (viewer.layers["slide"], other):
        layer = viewer.add_labels(np.eye(8, dtype=int), name=f"nuclei of {slide.name}")
        shelf_of(viewer).add_result(ShelfResult("r", "m", layer, slide, (0, 0, 8, 8), ()))
    form.slide.choose(viewer.layers["slide"])
    assert [text for text in list_sources(form) if text.startswith("Result")] == ["Result: nuclei of slide"]
    form.choose_source(None)
    viewer.layers.remove("nuclei of slide")
    assert form.source.currentText() == "No nuclei"


def test_a_drawn_region_is_requested(form):
    form.region_kind.setCurrentIndex(form.region_kind.findData(RegionKind.DRAWN))
    with pytest.raises(ValueError, match="nothing is drawn yet"):
        form.request()
    form.drawn.draw.click()
    form.drawn.layer.add_rectangles([[9.5, 19.5], [9.5, 59.5], [39.5, 59.5], [39.5, 19.5]])
    request = form.request()
    assert request.mpp == (0.5, 0.5)
    assert request.region == (10, 20, 40, 60)


def test_what_is_missing_is_explained(viewer, form):
    viewer.add_image(np.zeros((60, 80, 3), np.uint8), name="without size")
    form.slide.choose(viewer.layers["without size"])
    with pytest.raises(ValueError, match="Enter the pixel size"):
        form.request()
    viewer.layers.clear()
    with pytest.raises(ValueError, match="Open a slide first"):
        form.request()
