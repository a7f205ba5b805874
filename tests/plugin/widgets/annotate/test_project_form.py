"""The project is remembered, and a missing one is explained."""

import pytest

pytestmark = pytest.mark.gui


@pytest.fixture
def form(qtbot):
    from napari_pathprune.plugin.widgets.annotate.project_form import ProjectForm

    form = ProjectForm()
    qtbot.addWidget(form)
    return form


def test_a_folder_is_needed(form, tmp_path):
    form.folder.setText(" ")
    with pytest.raises(ValueError, match="Choose the folder"):
        form.find_folder()
    form.remember(tmp_path / "p")
    assert form.find_folder() == tmp_path / "p"


def test_regions_are_for_training_unless_chosen_otherwise(form):
    assert form.chosen_part == "train"
    form.part.setCurrentIndex(1)
    assert form.chosen_part == "test"
