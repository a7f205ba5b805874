"""The settings of a fine-tuning: defaults, and the teachers of each task."""

import pytest

pytestmark = pytest.mark.gui


@pytest.fixture
def form(qtbot):
    from napari.components import ViewerModel

    from napari_pathprune.plugin.shelf.shelf import shelf_of
    from napari_pathprune.plugin.widgets.compress.fit_form import FitForm

    form = FitForm(shelf_of(ViewerModel()))
    qtbot.addWidget(form)
    form.show_task("hovernet-s", is_cut=True, is_slide=True)
    form.show_defaults(is_config=False)
    return form


def teachers(form):
    return [form.teacher.itemData(index) for index in range(form.teacher.count())]


def test_the_model_is_validated_ten_times_unless_a_config_or_the_user_says_otherwise(form):
    assert form.validate_every.text() == "10 times (default)"
    assert form.steps_between == 100
    form.fit_steps.setValue(40)
    assert form.steps_between == 4
    form.fit_steps.setValue(4)
    assert form.steps_between == 1
    form.show_defaults(is_config=True)
    assert form.steps_between is None
    assert form.learning_rate.text() == "as in the file"
    form.validate_every.setValue(7)
    assert form.steps_between == 7
    assert form.validate_every.text() == "every 7 steps"


def test_each_task_has_its_teachers(form):
    assert teachers(form) == ["parent", "hovernet-s-compact"]
    form.show_task("hovernet-s", is_cut=True, is_slide=False)
    assert teachers(form) == ["parent", "", "hovernet-s-compact"]
    form.show_task("hovernet-s-compact", is_cut=False, is_slide=True)
    assert teachers(form) == ["hovernet-s"]


def test_a_teacher_that_was_chosen_is_kept(form):
    form.teacher.setCurrentIndex(1)
    form.teacher.activated.emit(1)
    form.show_task("hovernet-s", is_cut=True, is_slide=False)
    assert form.teacher.currentData() == "hovernet-s-compact"
