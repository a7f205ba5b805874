"""Bars of the widths of a model's layers: dense behind compact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyqtgraph as pg
from napari.settings import get_settings
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QToolTip

if TYPE_CHECKING:
    from napari_pathprune.plugin.jobs.cut_preview import GroupWidth

HEIGHT_PX: Final = 130
DENSE: Final = (128, 128, 128, 110)
INTERNAL: Final = (86, 180, 233)  # of Okabe and Ito, told apart by the colour-blind
SKIP: Final = (230, 159, 0)
WHOLE: Final = (0, 158, 115)


class WidthBars(pg.PlotWidget):  # type: ignore[misc]
    """One bar for each channel group: its width in the dense model, and what a cut leaves of it.

    A click on a bar asks to keep the group whole, or to release it.

    Attributes
    ----------
    toggled
        Signal with the name of the group that was clicked.
    groups
        The groups as shown, from left to right.
    """

    toggled = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.groups: tuple[GroupWidth, ...] = ()
        self._whole: frozenset[str] = frozenset()
        self._dense = pg.BarGraphItem(x=[], height=[], width=1.0, brush=QColor(*DENSE), pen=None)
        self._compact = pg.BarGraphItem(x=[], height=[], width=1.0, pen=None)
        style_plot(self, "layer, from input to output", "channels")
        for bars in (self._dense, self._compact):
            self.addItem(bars)
        self.getAxis("bottom").setTicks([])
        self.setFixedHeight(HEIGHT_PX)
        self.setMouseTracking(True)
        self.setAccessibleName("Widths of the layers")
        self.setToolTip("Grey: channels of the dense model; in front: what stays. Click a bar to keep that layer whole")

    def show_widths(self, groups: Sequence[GroupWidth], whole: Sequence[str] = ()) -> None:
        """Show the widths of a model.

        Parameters
        ----------
        groups
            The groups, from input to output.
        whole
            Names of groups that the user keeps whole.
        """
        self.groups, self._whole = tuple(groups), frozenset(whole)
        x = np.arange(len(self.groups))
        colours = {True: QColor(*SKIP), False: QColor(*INTERNAL)}
        brushes = [QColor(*WHOLE) if g.name in self._whole else colours[g.is_skip] for g in self.groups]
        self._dense.setOpts(x=x, height=[group.before for group in self.groups])
        self._compact.setOpts(x=x, height=[group.after for group in self.groups], brushes=brushes)
        if self.groups:
            self.setXRange(-0.5, len(x) - 0.5, padding=0.01)
            self.setYRange(0, max(group.before for group in self.groups), padding=0.02)

    def group_at(self, x_px: float) -> GroupWidth | None:
        """Return the group whose bar is at a horizontal position of the widget, or None."""
        index = round(self.getViewBox().mapSceneToView(self.mapToScene(int(x_px), 0)).x())
        return self.groups[index] if 0 <= index < len(self.groups) else None

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: ANN401, N802 - Qt's
        """Report a click on a bar."""
        group = self.group_at(event.position().x())
        if group is not None and event.button() == Qt.MouseButton.LeftButton:
            self.toggled.emit(group.name)

    def mousePressEvent(self, event: Any) -> None:  # noqa: ANN401, N802 - Qt's
        """Take the click, so that its release comes here."""
        event.accept()

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: ANN401, N802 - Qt's
        """Show the name and the widths of the group under the mouse."""
        group = self.group_at(event.position().x())
        if group is not None:
            kind = ", joined by skip connections" if group.is_skip else ""
            whole = ", kept whole" if group.name in self._whole else ""
            text = f"{group.name}{kind}{whole}: {group.before} \u2192 {group.after} channels"
            QToolTip.showText(event.globalPosition().toPoint(), text, self)


def style_plot(plot: Any, bottom: str, left: str) -> None:  # noqa: ANN401 - pyqtgraph has no types
    """Give a plot the text colour of napari's theme, and no menu, buttons or mouse of its own."""
    colour = get_theme(get_settings().appearance.theme).text.as_hex()
    plot.setBackground(None)
    plot.setMenuEnabled(False)
    plot.hideButtons()
    plot.setMouseEnabled(x=False, y=False)
    for side, text in (("bottom", bottom), ("left", left)):
        axis = plot.getAxis(side)
        axis.setPen(colour)
        axis.setTextPen(colour)
        axis.setLabel(text, color=colour)
