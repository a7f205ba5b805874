"""Docks of the plugin as tabs of one another."""

from __future__ import annotations

from typing import Final

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

MARK: Final = "napari_pathprune_dock"


def join_tabs(dock: QWidget) -> None:
    """Put a dock into the tabs of the plugin's other docks, in front, once its window has placed it.

    napari 0.9 does not read ``tabify`` of a manifest, and stacks docks that are opened from a menu. Docks that the user
    has moved apart, or that float, stay where they are.

    Parameters
    ----------
    dock
        The widget that napari puts into its dock, before it does so.
    """
    dock.setProperty(MARK, True)
    timer = QTimer(dock)  # a child of the dock, so that it ends with it
    timer.setSingleShot(True)
    timer.timeout.connect(lambda: _place(dock))
    timer.timeout.connect(timer.deleteLater)  # and with it the reference to the dock
    timer.start(0)


def _place(dock: QWidget) -> None:
    window, own = dock.window(), _frame(dock)
    if own is None or not isinstance(window, QMainWindow):
        return
    area = window.dockWidgetArea(own)
    others = [
        other
        for other in window.findChildren(QDockWidget)
        if other is not own
        and any(child.property(MARK) for child in other.findChildren(QWidget))
        and other.isVisible()
        and not other.isFloating()
        and window.dockWidgetArea(other) == area
    ]
    if others and not set(others).intersection(window.tabifiedDockWidgets(own)):
        # the largest group of tabs: several docks may have been placed before the first joins the others
        window.tabifyDockWidget(max(others, key=lambda other: len(window.tabifiedDockWidgets(other))), own)
    own.raise_()


def _frame(dock: QWidget) -> QDockWidget | None:
    """Return the dock widget around a widget."""
    widget = dock.parentWidget()
    while widget is not None and not isinstance(widget, QDockWidget):
        widget = widget.parentWidget()
    return widget
