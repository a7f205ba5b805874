"""Bars of widths: dragged with the mouse, changed with the keyboard, locked by a double click."""

import pytest
from qtpy.QtCore import QPoint, Qt

from napari_pathprune.plugin.widgets.compress.cut_bars import CutBars
from napari_pathprune.workflows.info.model_info import GroupWidth

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton
GROUPS = (GroupWidth("a", "internal", 32, 64, 1, 2), GroupWidth("b", "skip", 16, 64, 4, 3))


@pytest.fixture
def bars(qtbot):
    bars = CutBars()
    qtbot.addWidget(bars)
    bars.resize(200, 110)
    bars.show_groups(GROUPS)
    bars.show()
    bars.asked = []
    bars.dragged.connect(lambda *asked: bars.asked.append(asked))
    return bars


def drag(bars, qtbot, index, start, end):
    x = int(bars.bar_of(index, 64).center().x())
    qtbot.mousePress(bars, LEFT, pos=QPoint(x, start))
    qtbot.mouseMove(bars, QPoint(x, end))
    qtbot.mouseRelease(bars, LEFT, pos=QPoint(x, end))


def top_of(bars, width):
    return round(bars.bar_of(0, width).top())


def test_a_drag_asks_for_the_width_under_the_mouse(bars, qtbot):
    drag(bars, qtbot, 0, top_of(bars, 32), top_of(bars, 16))
    assert bars.asked == [("a", pytest.approx(16, abs=1))]
    assert bars.chosen.name == "a"
    drag(bars, qtbot, 0, 50, 0)
    assert bars.asked[-1] == ("a", 64)
    drag(bars, qtbot, 0, 50, 109)
    assert bars.asked[-1] == ("a", 1)


def test_widths_are_rounded_as_rule_and_splits_ask(bars):
    a, b = GROUPS
    assert [bars.round_width(a, width) for width in (0, 13.4, 99)] == [1, 13, 64]
    bars.round_to = 6
    assert [bars.round_width(b, width) for width in (0, 13, 99)] == [12, 12, 64]


def test_a_click_chooses_and_asks_for_nothing(bars, qtbot):
    with qtbot.waitSignal(bars.picked) as picked:
        qtbot.mouseClick(bars, LEFT, pos=bars.bar_of(1, 64).center().toPoint())
    assert picked.args == ["b"]
    assert bars.asked == []
    bars.show_groups(GROUPS)
    assert bars.chosen.name == "b"


def test_a_double_click_asks_for_the_lock(bars, qtbot):
    with qtbot.waitSignal(bars.lock_asked) as asked:
        qtbot.mouseDClick(bars, LEFT, pos=bars.bar_of(1, 64).center().toPoint())
    assert asked.args == ["b"]


def test_the_keyboard_is_enough(bars, qtbot):
    qtbot.keyClick(bars, Qt.Key.Key_Right)
    qtbot.keyClick(bars, Qt.Key.Key_Right)
    assert bars.chosen.name == "b"
    qtbot.keyClick(bars, Qt.Key.Key_Up)
    qtbot.keyClick(bars, Qt.Key.Key_Down)
    assert bars.asked == [("b", 20), ("b", 12)]
    with qtbot.waitSignal(bars.lock_asked):
        qtbot.keyClick(bars, Qt.Key.Key_Space)
    qtbot.keyClick(bars, Qt.Key.Key_Left)
    assert bars.chosen.name == "a"


def test_a_group_that_is_set_is_marked(bars):
    before = bars.grab().toImage()
    bars.show_locked(["a"])
    after = bars.grab().toImage()
    x = int(bars.bar_of(0, 64).center().x())
    assert before.pixelColor(x, 1) != after.pixelColor(x, 1)
