"""What a model is trained with: which fields are shown, and what is missing."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.gui


@pytest.fixture
def form(qtbot, monkeypatch):
    from napari.components import ViewerModel

    from napari_pathprune.plugin.layers.slide_from_layer import is_slide_layer
    from napari_pathprune.plugin.shelf.preferences import Preferences
    from napari_pathprune.plugin.widgets.choosers import LayerChooser
    from napari_pathprune.plugin.widgets.compress import training_data as module

    monkeypatch.setattr(module, "read_preferences", lambda: Preferences(project=str(Path(__file__).parent)))
    slides = LayerChooser(ViewerModel().layers, is_slide_layer, "No image layer")
    form = module.TrainingData(slides)
    qtbot.addWidget(slides)
    qtbot.addWidget(form)
    form.show()
    return form


def test_the_slide_is_first_and_needs_no_folder(form):
    assert form.kind == "slide"
    assert form.folder is None
    assert not form.data.isVisible()
    assert not form.project.isVisible()
    assert form.problem == "Open a slide, or choose annotated images to train with"


def test_the_project_that_was_used_last_is_suggested(form, tmp_path):
    form.source.setCurrentIndex(1)
    assert form.project.isVisible()
    assert form.folder == Path(__file__).parent
    assert form.problem.endswith("is not an annotation project; commit a region to it in the Annotate dock first")
    (tmp_path / "project.json").touch()
    form.project.setText(str(tmp_path))
    assert (form.problem, form.folder, form.is_config) == (None, tmp_path, False)
    form.project.clear()
    assert form.problem == "Choose the folder of the project whose corrections teach"


def test_annotated_images_may_be_named_by_a_config(form, qtbot):
    form.source.setCurrentIndex(2)
    assert form.problem == "Choose a folder of annotated images to train with"
    with qtbot.waitSignal(form.changed):
        form.data.setText("~/data.toml")
    assert (form.folder, form.is_config) == (Path.home() / "data.toml", True)
