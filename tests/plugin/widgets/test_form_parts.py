"""Parts of forms: numbers are short, lists hold values, labels are aligned."""

import pytest
from qtpy.QtWidgets import QLineEdit

from napari_pathprune.plugin.widgets.form_parts import LABEL_PX, fold, format_count, list_choices, make_form

pytestmark = pytest.mark.gui


def test_large_numbers_have_three_digits():
    assert [format_count(n) for n in (999, 1000, 326_185, 2_369_624, 12_345_678_901)] == [
        "999",
        "1 k",
        "326 k",
        "2.37 M",
        "12.3 G",
    ]


def test_a_list_of_choices_holds_values(qtbot):
    chooser = list_choices({"l2": "L2 norm", "l1": "L1 norm"}, "Criterion", "How channels are ranked")
    qtbot.addWidget(chooser)
    chooser.setCurrentIndex(1)
    assert (chooser.currentData(), chooser.accessibleName()) == ("l1", "Criterion")


def test_a_form_is_folded_under_its_title(qtbot):
    field = QLineEdit()
    form = make_form(("Steps", field))
    section = fold("Settings", form)
    qtbot.addWidget(section)
    assert form.labelForField(field).minimumWidth() == LABEL_PX
    assert not section.header.isChecked()
