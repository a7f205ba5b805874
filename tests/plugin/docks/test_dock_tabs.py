import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QDockWidget, QLabel, QMainWindow

from napari_pathprune.plugin.docks.dock_tabs import join_tabs

pytestmark = pytest.mark.gui


@pytest.fixture
def window(qtbot):
    window = QMainWindow()
    qtbot.addWidget(window)
    window.show()
    return window


def open_dock(window, name, *, ours=True, is_alone=True):
    inner = QLabel(name)
    if ours:
        join_tabs(inner)
    dock = QDockWidget(name, window)
    dock.setWidget(inner)
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
    if is_alone:
        QApplication.processEvents()
    return dock


def names(docks):
    return sorted(dock.windowTitle() for dock in docks)


def test_docks_of_the_plugin_become_tabs_and_others_do_not(window):
    open_dock(window, "other", ours=False)
    first, second, third = (open_dock(window, name) for name in ("first", "second", "third"))
    assert names(window.tabifiedDockWidgets(first)) == ["second", "third"]
    assert names(window.tabifiedDockWidgets(third)) == ["first", "second"]
    assert not third.visibleRegion().isEmpty()
    assert second.visibleRegion().isEmpty()


def test_docks_that_are_opened_at_once_become_one_group_of_tabs(window):
    docks = [open_dock(window, name, is_alone=False) for name in "abcd"]
    QApplication.processEvents()
    assert names(window.tabifiedDockWidgets(docks[0])) == ["b", "c", "d"]


def test_a_floating_dock_is_left_alone(window):
    first = open_dock(window, "first")
    first.setFloating(True)
    second = open_dock(window, "second")
    assert window.tabifiedDockWidgets(second) == []
    assert first.isFloating()


def test_a_widget_without_a_window_is_left_alone(qtbot):
    widget = QLabel("alone")
    qtbot.addWidget(widget)
    join_tabs(widget)
    QApplication.processEvents()
    assert widget.parentWidget() is None
