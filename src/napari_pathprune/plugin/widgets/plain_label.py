"""Labels and tooltips that show names as they are, without taking them for rich text."""

from __future__ import annotations

from html import escape

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_pathprune.base.plain_text import escape_controls


class PlainLabel(QLabel):  # type: ignore[misc]
    """A label whose text may hold names of files, layers, types and models: markup in them is shown, not obeyed.

    Parameters
    ----------
    text
        What it shows at first.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(text)

    def setText(self, text: str) -> None:  # noqa: N802 - Qt's name
        """Show a text; characters that act instead of being shown are written as escapes."""
        super().setText(escape_controls(text))


def make_plain_tip(text: str) -> str:
    """Return a tooltip that shows a text as it is.

    Examples
    --------
    >>> make_plain_tip("choose a slide"), make_plain_tip("<b>.svs is not read")
    ('choose a slide', '<qt>&lt;b&gt;.svs is not read</qt>')
    """
    plain = escape_controls(text)
    return f"<qt>{escape(plain)}</qt>" if "<" in plain else plain
