"""Parts of a dock that can be folded away, and the area in which all of them scroll."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QToolButton, QVBoxLayout, QWidget


class Section(QWidget):  # type: ignore[misc]
    """A title that shows or hides a widget.

    Parameters
    ----------
    title
        Text of the title.
    content
        The widget.
    is_open
        Whether the widget is shown at first.

    Attributes
    ----------
    header
        The button with the title.
    """

    def __init__(self, title: str, content: QWidget, *, is_open: bool = False) -> None:
        super().__init__()
        self.content = content
        self.header = QToolButton()
        self.header.setText(title)
        self.header.setCheckable(True)
        self.header.setChecked(is_open)
        self.header.setAutoRaise(True)
        self.header.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.header.setToolTip(f"Show or hide: {title}")
        self.header.setAccessibleName(title)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.header)
        layout.addWidget(content)
        self.header.toggled.connect(self._toggle)
        self._toggle(is_open)

    def _toggle(self, is_open: bool) -> None:  # noqa: FBT001 - Qt's slot
        self.header.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)
        self.content.setVisible(is_open)


def make_scroll_area(content: QWidget) -> QScrollArea:
    """Return an area without a frame in which the content of a dock scrolls up and down."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    return area
