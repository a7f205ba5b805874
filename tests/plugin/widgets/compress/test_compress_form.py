"""The form suggests a free file, and states what is missing."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.gui


@pytest.fixture
def form(qtbot, tmp_path):
    from napari.components import ViewerModel

    from napari_pathprune.plugin.layers.slide_from_layer import is_slide_layer
    from napari_pathprune.plugin.shelf.shelf import shelf_of
    from napari_pathprune.plugin.widgets.choosers import LayerChooser
    from napari_pathprune.plugin.widgets.compress.compress_form import CompressForm

    (tmp_path / "tiny.safetensors").touch()
    viewer = ViewerModel()
    shelf = shelf_of(viewer)
    shelf.add_model(tmp_path / "tiny.safetensors")
    slides = LayerChooser(viewer.layers, is_slide_layer, "No image layer")
    form = CompressForm(shelf, slides)
    form.viewer = viewer
    qtbot.addWidget(slides)
    qtbot.addWidget(form)
    form.model.choose(str(tmp_path / "tiny.safetensors"))
    return form


def test_a_free_file_beside_the_model_is_suggested(form, tmp_path):
    assert Path(form.out.text()) == tmp_path / "tiny-small.safetensors"
    (tmp_path / "tiny-small.safetensors").touch()
    form.suggest_next()
    assert Path(form.out.text()) == tmp_path / "tiny-small-2.safetensors"
    form.task.setCurrentIndex(1)
    assert Path(form.out.text()) == tmp_path / "tiny-tuned.safetensors"


def test_the_first_thing_that_is_missing_is_stated(form):
    assert form.problem == "The model is being read"
    form.task.setCurrentIndex(1)
    assert form.problem == "Open a slide, or choose annotated images to train with"
    form.training_data.source.setCurrentIndex(2)
    assert form.problem == "Choose a folder of annotated images to train with"
    with pytest.raises(ValueError, match="Choose a folder"):
        form.request()
    form.training_data.data.setText("data")
    assert form.problem is None


def test_fine_tuning_has_no_cut_and_no_parent(form, tmp_path):
    form.task.setCurrentIndex(1)
    form.training_data.source.setCurrentIndex(2)
    form.training_data.data.setText(str(tmp_path / "data.toml"))
    assert form.fit.fit_steps.text() == "as in the file"
    form.fit.fit_steps.setValue(20)
    request = form.request()
    assert (request.verb, request.cut, request.teacher, request.fit_steps) == ("finetune", None, "", 20)
    assert request.learning_rate is None
    assert not form.cut.isVisibleTo(form)


def test_a_slide_without_labels_needs_its_file_and_a_teacher(form, tissue, tmp_path):
    slide = form.viewer.add_image(tissue, rgb=True, scale=(0.5, 0.5), units=("um", "um"))
    form.task.setCurrentIndex(1)
    assert "This slide has no file" in form.problem
    (tmp_path / "slide.tif").touch()
    slide.metadata["path"] = str(tmp_path / "slide.tif")
    assert form.problem is None
    request = form.request()
    assert (request.data, request.slide, request.mpp) == (None, tmp_path / "slide.tif", 0.5)
    assert request.teacher.startswith("hovernet-s")
    assert not form.training_data.data.isVisibleTo(form)
    form.training_data.source.setCurrentIndex(2)  # a suggestion is not kept as if it were a choice
    assert form.fit.teacher.currentData() == ""
    form.task.setCurrentIndex(0)
    assert form.fit.teacher.currentData() == "parent"
