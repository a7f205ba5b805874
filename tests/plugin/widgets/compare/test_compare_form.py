"""The choice of two results and their slide."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pathprune.plugin.shelf.shelf import result_metadata

pytestmark = pytest.mark.gui


@pytest.fixture
def viewer(tissue):
    viewer = ViewerModel()
    viewer.add_image(tissue, rgb=True, name="first")
    viewer.add_image(tissue, rgb=True, name="second")
    return viewer


@pytest.fixture
def form(qtbot, viewer):
    from napari_pathprune.plugin.widgets.compare.compare_form import CompareForm

    form = CompareForm(viewer)
    qtbot.addWidget(form)
    yield form
    form.disconnect_viewer()


def add(viewer, name, slide="second"):
    metadata = result_metadata(name, slide, (0, 0, 120, 160), ())
    return viewer.add_labels(np.ones((120, 160), np.int32), name=name, metadata=metadata)


def test_the_two_results_of_the_shelf_and_their_slide_are_chosen(form, viewer):
    assert form.problem.startswith("Choose two results")
    a = add(viewer, "a")
    assert form.problem.startswith("Choose two results")
    b = add(viewer, "b")
    request = form.request()
    assert (request.layer_a, request.layer_b, request.slide_layer.name) == (a, b, "second")
    assert request.region == (0, 0, 120, 160)
    assert not request.is_truth


def test_results_of_two_slides_are_refused(form, viewer):
    add(viewer, "a")
    add(viewer, "b", slide="first")
    with pytest.raises(ValueError, match="b is of slide first, not of second"):
        form.request()


def test_layers_of_a_comparison_cannot_be_chosen(form, viewer):
    add(viewer, "a")
    viewer.add_labels(np.ones((9, 9), int), name="twin", metadata={"pathprune_compare": True})
    assert [layer.name for layer in form.a.layers] == ["a"]
