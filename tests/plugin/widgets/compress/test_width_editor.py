"""The editor of widths: the row shows the chosen layer, and asks for changes."""

import pytest

from napari_pathprune.plugin.widgets.compress.width_editor import WidthEditor
from napari_pathprune.workflows.info.model_info import GroupWidth

pytestmark = pytest.mark.gui
GROUPS = (GroupWidth("a", "internal", 32, 64, 1, 2), GroupWidth("b", "skip", 16, 64, 4, 3))


@pytest.fixture
def editor(qtbot):
    editor = WidthEditor()
    qtbot.addWidget(editor)
    editor.show_groups(GROUPS, (), 1)
    editor.show()
    editor.asked = []
    editor.width_asked.connect(lambda *asked: editor.asked.append(asked))
    editor.released.connect(lambda name: editor.asked.append((name, None)))
    return editor


def test_the_row_appears_with_the_layer_that_is_chosen(editor):
    assert editor.hint.isVisible()
    assert not editor.row.isVisible()
    editor.choose("b")
    assert editor.row.isVisible()
    assert (editor.name.text(), editor.channels.text(), editor.lock.isChecked()) == ("b", "16 of 64", False)
    assert editor.asked == []


def test_a_number_is_rounded_to_the_splits(editor):
    editor.choose("b")
    editor.channels.setValue(21)
    assert editor.asked == [("b", 20)]


def test_a_lock_keeps_the_present_width_and_can_be_released(editor):
    editor.choose("a")
    editor.lock.click()
    assert editor.asked == [("a", 32)]
    editor.show_groups(GROUPS, ["a"], 1)
    assert editor.lock.isChecked()
    editor.lock.click()
    assert editor.asked[-1] == ("a", None)


def test_a_double_click_keeps_a_layer_whole_or_releases_it(editor):
    editor.bars.lock_asked.emit("a")
    editor.show_groups(GROUPS, ["a"], 1)
    editor.bars.lock_asked.emit("a")
    assert editor.asked == [("a", 64), ("a", None)]
