"""The widths of the channel groups as bars, the dense model behind the compact one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QEvent, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPalette
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

if TYPE_CHECKING:
    from napari_pathprune.workflows.info.model_info import GroupWidth

INTERNAL: Final = QColor(0, 158, 183)
SKIP: Final = QColor(230, 139, 0)  # blue and orange: the colour-blind can tell them apart
DENSE_OPACITY: Final = 0.25
LEGEND: Final = (
    f"<span style='color:{INTERNAL.name()}'>■</span> internal &nbsp; "
    f"<span style='color:{SKIP.name()}'>■</span> skip group &nbsp; pale: dense"
)
"""What the colours of the bars mean, as rich text."""
HEIGHT_PX: Final = 110
MARGIN_PX: Final = 4
GAP: Final = 0.15
"""Share of a bar's room that is left empty."""


class WidthPlot(QWidget):  # type: ignore[misc]
    """One bar for each channel group, in the order of the network; its height is the square root of the channels.

    It is painted by hand: a plotting library would take 0.2 s to import in the thread of the window.

    Attributes
    ----------
    picked
        Signal with the name of the group whose bar was clicked.
    """

    picked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._groups: tuple[GroupWidth, ...] = ()
        self._chosen = ""
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Channels of each group")

    def show_groups(self, groups: Sequence[GroupWidth]) -> None:
        """Show channel groups in the order of the network."""
        self._groups, self._chosen = tuple(groups), ""
        self.setAccessibleDescription(_describe(self._groups))
        self.update()

    def show_group(self, name: str) -> None:
        """Mark the bar of a group."""
        self._chosen = name
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size that suits a dock."""
        return QSize(300, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the smallest size in which bars can be told apart."""
        return QSize(120, HEIGHT_PX)

    def group_at(self, x: float) -> GroupWidth | None:
        """Return the group whose bar is at a position from the left, in pixels of the widget."""
        room = self.width() - 2 * MARGIN_PX
        index = int((x - MARGIN_PX) / room * len(self._groups)) if room > 0 and x >= MARGIN_PX else -1
        return self._groups[index] if 0 <= index < len(self._groups) else None

    def bar_of(self, index: int, width: int) -> QRectF:
        """Return the rectangle of a bar, for a number of channels."""
        tallest = max(group.dense_width for group in self._groups)
        room = (self.width() - 2 * MARGIN_PX) / len(self._groups)
        height = (self.height() - 2 * MARGIN_PX) * math.sqrt(width / tallest)
        left = MARGIN_PX + (index + GAP / 2) * room
        return QRectF(left, self.height() - MARGIN_PX - height, room * (1 - GAP), height)

    def paintEvent(self, event: Any) -> None:  # noqa: ANN401, N802 - Qt's name, and Qt has no types
        """Paint the dense bars, and the present ones in front of them."""
        del event
        painter = QPainter(self)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        for index, group in enumerate(self._groups):
            colour = SKIP if group.kind == "skip" else INTERNAL
            behind = QColor(colour)
            behind.setAlphaF(DENSE_OPACITY)
            painter.fillRect(self.bar_of(index, group.dense_width), behind)
            painter.fillRect(self.bar_of(index, group.width), colour)
            if group.name == self._chosen:
                painter.setPen(text)
                painter.drawRect(self.bar_of(index, group.dense_width))
        faint = QColor(text)
        faint.setAlphaF(0.5)
        painter.setPen(faint)
        base = self.height() - MARGIN_PX
        painter.drawLine(MARGIN_PX, base, self.width() - MARGIN_PX, base)
        painter.end()

    def event(self, event: Any) -> bool:  # noqa: ANN401 - Qt has no types
        """Show the group under the mouse as a tooltip."""
        if event.type() == QEvent.Type.ToolTip:
            group = self.group_at(event.pos().x())
            QToolTip.showText(event.globalPos(), "" if group is None else describe_group(group), self)
            return True
        return bool(super().event(event))

    def mousePressEvent(self, event: Any) -> None:  # noqa: ANN401, N802 - Qt's name, and Qt has no types
        """Mark the group under the mouse."""
        group = self.group_at(event.position().x())
        if event.button() == Qt.MouseButton.LeftButton and group is not None:
            self.show_group(group.name)
            self.picked.emit(group.name)


def describe_group(group: GroupWidth) -> str:
    """Return a channel group in words."""
    kind = " (skip group)" if group.kind == "skip" else ""
    return f"{group.name}{kind}: {group.width} of {group.dense_width} channels"


def _describe(groups: Sequence[GroupWidth]) -> str:
    now, dense = sum(group.width for group in groups), sum(group.dense_width for group in groups)
    return f"{now:,} of {dense:,} channels in {len(groups)} groups"
