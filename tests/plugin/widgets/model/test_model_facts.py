import pytest
from qtpy.QtWidgets import QLabel

from napari_pathprune.plugin.widgets.model.model_facts import ModelFacts

pytestmark = pytest.mark.gui


def test_rows_are_replaced_and_can_be_copied(qtbot):
    facts = ModelFacts("Facts")
    qtbot.addWidget(facts)
    facts.show_rows([("a", "1"), ("b", "2")])
    facts.show_rows([("c", "<b>3</b>")])
    assert facts.rows == [("c", "<b>3</b>")]
    [value] = [label for label in facts.findChildren(QLabel) if label.accessibleName() == "c"]
    value.setSelection(0, 4)
    assert value.selectedText() == "<b>3"  # a file cannot format the dock
