import numpy as np
import pytest

pytest.importorskip("napari")

from napari.components import ViewerModel

from napari_pathprune.plugin.layers.pixel_size_advice import advise_on_mpp, advise_on_slide, find_selected_slide


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    for name, mpp in (("coarse", 0.5), ("fine", 0.25)):
        viewer.add_image(np.zeros((9, 9, 3), np.uint8), rgb=True, name=name, scale=(mpp, mpp), units=("um", "um"))
    viewer.add_points(ndim=2, name="points")
    return viewer


def test_the_selected_slide_counts_and_else_the_first(viewer):
    assert viewer.layers.selection.active.name == "points"
    assert find_selected_slide(viewer).name == "coarse"
    viewer.layers.selection.active = viewer.layers["fine"]
    assert find_selected_slide(viewer).name == "fine"
    assert find_selected_slide(ViewerModel()) is None


def test_the_advice_follows_the_slide(viewer):
    assert advise_on_slide(0.25, viewer).startswith("coarse has 0.5 µm/px, the model expects 0.25")
    viewer.layers.selection.active = viewer.layers["fine"]
    assert advise_on_slide(0.25, viewer) == ""
    assert advise_on_slide(0.25, ViewerModel()) == ""


@pytest.mark.parametrize(
    ("model", "slide", "words"),
    [
        (0.25, 0.5, "enlarged 2 times"),
        (0.5, 0.25, "reduced 2 times"),
        (0.25, 0.27, ""),
        (None, 0.5, ""),
    ],
)
def test_only_large_differences_are_worth_a_warning(model, slide, words):
    advice = advise_on_mpp(model, (slide, slide), "s")
    assert words in advice
    assert bool(advice) == bool(words)
