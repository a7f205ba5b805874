"""What the viewer shows of a comparison: side by side, in turn, with the difference, or not any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_pathprune.plugin.layers.comparison.compare_grid import BLINK_KEY
from napari_pathprune.plugin.layers.comparison.difference_layer import list_statuses

if TYPE_CHECKING:
    from napari_pathprune.workflows.compare.comparison import Comparison


BEHIND: Final = "#505050"
"""Behind the squares of the legend: a pale one would not be seen on a light theme."""


class CompareView(QWidget):  # type: ignore[misc]
    """Buttons for what is shown, and the legend of the colours.

    Attributes
    ----------
    side_by_side, blink, leave
        Buttons.
    difference
        Whether the difference is shown.
    legend
        Names, colours and numbers of what agrees and what does not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.side_by_side = make_button("Side by side", "Show A and B in two cells with linked cameras")
        self.blink = make_button(f"Blink ({BLINK_KEY})", f"Show A and B in turn in one canvas (key {BLINK_KEY})")
        self.leave = make_button("Leave", "Remove the comparison's layers, and restore your own layout")
        self.difference = QCheckBox("Show the difference in a cell of its own")
        self.difference.setToolTip("Agreed, only in A, only in B, and other type, each in one colour")
        self.difference.setAccessibleName("Show the difference")
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        row = QHBoxLayout()
        for button in (self.side_by_side, self.blink, self.leave):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.difference)
        layout.addWidget(self.legend)

    def show_comparison(self, one: Comparison) -> None:
        """Show the legend of a comparison."""
        entries = [
            f'<span style="color: #{bytes(colour).hex()}; background-color: {BEHIND}">&#9632;</span> {name} {count:,}'
            for name, colour, count in list_statuses(one)
        ]
        self.legend.setText(" &nbsp; ".join(_keep_together(entry) for entry in entries))


def make_button(text: str, tip: str) -> QPushButton:
    """Return a button with a tooltip, and its text as accessible name."""
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setAccessibleName(text)
    return button


def _keep_together(entry: str) -> str:
    """Replace the spaces after the coloured square, so that a legend entry stays in one line."""
    square, _, text = entry.partition("</span>")
    return f"{square}</span>{text.replace(' ', '&nbsp;')}"
