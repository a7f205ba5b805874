"""Operating the window as a person does: docks are opened and buttons clicked, and the canvas gets mouse and keys."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from qtpy.QtCore import QEventLoop, QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QDockWidget, QWidget

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

PLUGIN: Final = "napari-pathprune"
LOOK_MS: Final = 20
LONGEST_S: Final = 1800.0
CANVAS: Final = "CanvasBackendDesktop"
"""Class of vispy's widget that draws the canvas."""
NO_KEY: Final = Qt.KeyboardModifier.NoModifier


class Driver:
    """Operates the window of one viewer.

    Parameters
    ----------
    viewer
        A viewer whose window is shown.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self._docks: dict[str, QWidget] = {}

    def open_dock(self, name: str) -> Any:  # noqa: ANN401 - the widget of the dock
        """Open a dock of the plugin, or bring it to the front if it is open, and return its widget."""
        if name not in self._docks:
            self._docks[name] = self.viewer.window.add_plugin_dock_widget(PLUGIN, name)[1]
        dock = self._docks[name]
        frame = dock.parentWidget()
        while not isinstance(frame, QDockWidget):
            frame = frame.parentWidget()
        frame.raise_()
        wait_for(dock.isVisible)
        return dock

    def show_region(self, slide: Layer, centre_px: tuple[int, int], side_px: int) -> None:
        """Fit a square of a slide, in level-0 pixels, into the canvas."""
        pause(200)  # the canvas has its final size once the window is laid out
        self.viewer.scene.camera.center = (0.0, *slide.data_to_world(centre_px))
        self.viewer.scene.camera.zoom = min(self.viewer.canvas.size) / (side_px * slide.scale[0])
        pause(200)

    def click_pixel(self, layer: Layer, position: tuple[float, float], modifier: Qt.KeyboardModifier = NO_KEY) -> None:
        """Click on a pixel (y, x) of a layer."""
        point = self._find_point(layer, position)
        QTest.mouseMove(self.canvas, point)
        QTest.mouseClick(self.canvas, Qt.MouseButton.LeftButton, modifier, point)
        pause(LOOK_MS)

    def press_key(self, key: Any, modifier: Qt.KeyboardModifier = NO_KEY) -> None:  # noqa: ANN401 - a key or a letter
        """Press a key while the canvas has the focus."""
        QTest.keyClick(self.canvas, key, modifier)
        pause(LOOK_MS)

    @property
    def canvas(self) -> QWidget:
        """The widget that receives keys and clicks on layers."""
        window = next(iter(self._docks.values())).window()
        return next(widget for widget in window.findChildren(QWidget) if type(widget).__name__ == CANVAS)

    def _find_point(self, layer: Layer, position: tuple[float, float]) -> QPoint:
        world = np.asarray(layer.data_to_world(position))[-2:]
        centre, zoom = np.asarray(self.viewer.scene.camera.center)[-2:], self.viewer.scene.camera.zoom
        y, x = (world - centre) * zoom + np.asarray(self.viewer.canvas.size) / 2
        return QPoint(round(x), round(y))


def click(button: QAbstractButton) -> None:
    """Click a button, which has to be visible and enabled."""
    if not (button.isVisible() and button.isEnabled()):
        raise RuntimeError(f"{button.text()!r} cannot be clicked: {button.toolTip()}")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def choose(chooser: Any, data: object) -> None:  # noqa: ANN401 - a QComboBox
    """Choose the entry with some data from a list."""
    index = chooser.findData(data)
    if index < 0:
        raise RuntimeError(f"{chooser.accessibleName()!r} does not offer {data!r}")
    chooser.setCurrentIndex(index)


def wait_for(is_met: Callable[[], bool], seconds: float = LONGEST_S) -> None:
    """Run the event loop of the window until a condition is met.

    Raises
    ------
    TimeoutError
        If it is not met in time.
    """
    loop, timer, end = QEventLoop(), QTimer(), time.monotonic() + seconds
    timer.timeout.connect(lambda: loop.quit() if is_met() or time.monotonic() > end else None)
    timer.start(LOOK_MS)
    if not is_met():
        loop.exec()
    timer.stop()
    if not is_met():
        raise TimeoutError(f"waited {seconds:.0f} s in vain")


def pause(milliseconds: int) -> None:
    """Run the event loop of the window for a while."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()
