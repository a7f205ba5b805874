"""The example patch of a training: the tissue, the model before, and the model as it is now."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QPainter, QPalette, QPixmap
from qtpy.QtWidgets import QSizePolicy, QWidget

PANELS: Final = 3
GAP_PX: Final = 4


class ExampleView(QWidget):  # type: ignore[misc]
    """Three panels with their titles; hidden until there is a picture.

    Attributes
    ----------
    titles
        Titles of the panels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.titles = ("tissue", "before", "now")
        self._picture, self._written = QPixmap(), (0, 0)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName("Example patch")
        self.setToolTip("The same patch at each validation: tissue, the model before, and the model as it is now")
        self.hide()

    @property
    def picture(self) -> QPixmap:
        """The picture; null if there is none."""
        return self._picture

    def clear(self) -> None:
        """Remove the picture."""
        self._picture, self._written = QPixmap(), (0, 0)
        self.hide()

    def refresh(self, path: Path) -> None:
        """Show a picture, if it was written since the last call."""
        try:
            state = path.stat()
            written = (state.st_mtime_ns, state.st_size)
            if written == self._written:
                return
            data = path.read_bytes()
        except OSError:
            return
        picture = QPixmap()
        picture.loadFromData(data)  # by its path, Qt would take an older picture from its cache
        if not picture.isNull():
            self._picture, self._written = picture, written
            self.setAccessibleDescription(", ".join(self.titles))
            self.show()
            self.update()

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        """Return that the height follows from the width: the panels are squares."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """Return the height of titles and panels."""
        return self._find_side(width) + int(self.fontMetrics().height()) + GAP_PX

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size that suits a dock."""
        return QSize(290, self.heightForWidth(290))

    def paintEvent(self, event: Any) -> None:  # noqa: ANN401, N802 - Qt's name, and Qt has no types
        """Paint titles and panels."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        side, top = self._find_side(self.width()), self.fontMetrics().height() + GAP_PX
        part = self._picture.width() // PANELS
        for index, title in enumerate(self.titles):
            left = index * (side + GAP_PX)
            text = self.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, side)
            painter.drawText(left, self.fontMetrics().ascent(), text)
            source = QRect(index * part, 0, part, self._picture.height())
            painter.drawPixmap(QRect(left, top, side, side), self._picture, source)
        painter.end()

    def _find_side(self, width: int) -> int:
        """Return the side of a panel."""
        return max((width - (PANELS - 1) * GAP_PX) // PANELS, 1)
