"""The widths of a cut as bars that can be dragged and locked."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QRectF, Qt, Signal
from qtpy.QtGui import QPainter, QPalette

from napari_pathprune.plugin.widgets.model.width_plot import MARGIN_PX, WidthPlot

if TYPE_CHECKING:
    from napari_pathprune.workflows.info.model_info import GroupWidth

DRAG_PX: Final = 3
"""Movement from which a click is a drag."""
MARK_PX: Final = 3


class CutBars(WidthPlot):
    """Bars of the channel groups. Dragging one sets its width, a double click locks or releases it.

    With the keyboard, the left and right keys choose a bar, up and down change its width by one unit, and the space
    bar locks or releases it.

    Attributes
    ----------
    dragged
        Signal with the name of a group and the number of channels that it shall keep.
    lock_asked
        Signal with the name of a group to keep whole, or to release.
    round_to
        Widths are multiples of this number of channels, and of the splits of their group.
    """

    dragged = Signal(str, int)
    lock_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.round_to = 1
        self._locked: frozenset[str] = frozenset()
        self._pressed: tuple[GroupWidth, float] | None = None
        self._is_dragging = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    @property
    def chosen(self) -> GroupWidth | None:
        """The group that is chosen; None if there is none."""
        return next((group for group in self._groups if group.name == self._chosen), None)

    def show_groups(self, groups: Sequence[GroupWidth]) -> None:
        """Show channel groups; the one that is chosen stays chosen."""
        chosen = self._chosen
        super().show_groups(groups)
        self.show_group(chosen)

    def show_locked(self, names: Collection[str]) -> None:
        """Mark the groups that are set by hand."""
        self._locked = frozenset(names)
        self.update()

    def round_width(self, group: GroupWidth, width: float) -> int:
        """Return the nearest number of channels that a group can keep."""
        unit = math.lcm(self.round_to, group.splits)
        rounded = max(math.floor(width / unit + 0.5), 1) * unit
        return min(rounded, group.dense_width)

    def width_at(self, y: float) -> float:
        """Return the number of channels whose bar ends at a position from the top, in pixels of the widget."""
        tallest = max(group.dense_width for group in self._groups)
        height = min(max((self.height() - MARGIN_PX - y) / (self.height() - 2 * MARGIN_PX), 0.0), 1.0)
        return float(tallest * height**2)

    def paintEvent(self, event: Any) -> None:  # noqa: ANN401, N802 - Qt's name, and Qt has no types
        """Paint the bars, and a mark over those that are set by hand."""
        super().paintEvent(event)
        painter = QPainter(self)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        for index, group in enumerate(self._groups):
            if group.name in self._locked:
                bar = self.bar_of(index, group.dense_width)
                side = max(MARK_PX, bar.width())
                painter.fillRect(QRectF(bar.center().x() - side / 2, 0, side, MARK_PX), text)
        painter.end()

    def mousePressEvent(self, event: Any) -> None:  # noqa: ANN401, N802 - Qt's name, and Qt has no types
        """Choose the group under the mouse."""
        super().mousePressEvent(event)
        group = self.group_at(event.position().x())
        if event.button() == Qt.MouseButton.LeftButton and group is not None:
            self._pressed, self._is_dragging = (group, event.position().y()), False

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: ANN401, N802 - Qt's name, and Qt has no types
        """Set the width of the group that is dragged."""
        if self._pressed is None:
            return
        group, start = self._pressed
        self._is_dragging |= abs(event.position().y() - start) > DRAG_PX
        if self._is_dragging:
            self._ask_width(group, self.width_at(event.position().y()))

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: ANN401, N802 - Qt's name, and Qt has no types
        """End a drag."""
        del event
        self._pressed = None

    def mouseDoubleClickEvent(self, event: Any) -> None:  # noqa: ANN401, N802 - Qt's name, and Qt has no types
        """Lock the group under the mouse, or release it."""
        group = self.group_at(event.position().x())
        if group is not None:
            self.lock_asked.emit(group.name)

    def keyPressEvent(self, event: Any) -> None:  # noqa: ANN401, N802 - Qt's name, and Qt has no types
        """Choose a bar, change its width, or lock it."""
        group, key = self.chosen, event.key()
        if not self._groups:
            super().keyPressEvent(event)
        elif key in {Qt.Key.Key_Left, Qt.Key.Key_Right}:
            self._choose_beside(-1 if key == Qt.Key.Key_Left else 1)
        elif group is not None and key in {Qt.Key.Key_Up, Qt.Key.Key_Down}:
            unit = math.lcm(self.round_to, group.splits)
            self._ask_width(group, group.width + (unit if key == Qt.Key.Key_Up else -unit))
        elif group is not None and key == Qt.Key.Key_Space:
            self.lock_asked.emit(group.name)
        else:
            super().keyPressEvent(event)

    def _choose_beside(self, step: int) -> None:
        names = [group.name for group in self._groups]
        place = names.index(self._chosen) + step if self._chosen in names else 0
        name = names[min(max(place, 0), len(names) - 1)]
        self.show_group(name)
        self.picked.emit(name)

    def _ask_width(self, group: GroupWidth, width: float) -> None:
        """Emit a width, unless the group has it already."""
        now = next((own.width for own in self._groups if own.name == group.name), group.width)
        count = self.round_width(group, width)
        if count != now or group.name not in self._locked:
            self.dragged.emit(group.name, count)
