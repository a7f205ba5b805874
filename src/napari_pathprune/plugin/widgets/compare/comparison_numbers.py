"""The numbers of a comparison: scores, and nuclei by type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_pathprune.base.score_names import UNKNOWN, format_score, score_name
from napari_pathprune.plugin.widgets.plain_label import PlainLabel

if TYPE_CHECKING:
    from napari_pathprune.workflows.compare.comparison import Comparison

TIPS: Final = {
    "pq": "Panoptic quality: DQ times SQ",
    "dq": "Detection quality: share of nuclei that are paired, IoU above 0.5",
    "sq": "Segmentation quality: mean IoU of the pairs",
    "aji": "Aggregated Jaccard index",
    "aji_plus": "Aggregated Jaccard index with one-to-one pairs",
    "dice": "Dice coefficient of all nuclear pixels",
    "f1": "F1 of centres within 3 µm",
    "boundary_f1": "F1 of outlines within 1 µm",
    "type_agreement": "Share of the pairs that have the same type",
}


class ComparisonNumbers(QScrollArea):  # type: ignore[misc]
    """Scores, and number and density of nuclei by type in A and B.

    Attributes
    ----------
    scores
        Names and values as shown.
    ceiling
        Highest agreement to expect, in words; empty if that has no meaning.
    types
        Rows of the second table as shown: name, number and density in A, in B.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setAccessibleName("Numbers of the comparison")
        self.setToolTip("Scores, and nuclei by type")
        self.scores: list[tuple[str, str]] = []
        self.ceiling = ""
        self.types: list[tuple[str, ...]] = []

    def show_comparison(self, one: Comparison) -> None:
        """Show the numbers of a comparison."""
        self.scores = [(score_name(key), format_score(value)) for key, value in one.scores().items()]
        self.types = list(_list_types(one))
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(4, 4, 4, 4)
        title = QLabel(f"<b>{one.word.capitalize()}</b>")
        title.setToolTip(
            "Scores of B against the annotation A" if one.is_truth else "How alike A and B are; not which one is right"
        )
        layout.addWidget(title)
        half = -(-len(self.scores) // 2)
        rows = [
            (*self.scores[row], *(self.scores[row + half] if row + half < len(self.scores) else ("", "")))
            for row in range(half)
        ]
        keys = list(one.scores())
        tips = [(TIPS[keys[row]], TIPS[keys[row + half]] if row + half < len(keys) else "") for row in range(half)]
        layout.addLayout(_make_grid(rows, (0, 2), tips))
        self.ceiling = one.ceiling_line[:1].upper() + one.ceiling_line[1:]
        if self.ceiling:
            layout.addWidget(_make_note(self.ceiling))
        unit = "nuclei" if one.area_mm2 is None else "nuclei (per mm²)"
        layout.addWidget(QLabel(f"<b>Types</b>, {unit}"))
        layout.addLayout(_make_grid([("", "A", "B"), *self.types], (0,), []))
        layout.addStretch(1)
        old = self.takeWidget()
        self.setWidget(page)
        if old is not None:
            old.deleteLater()


def _make_note(text: str) -> QLabel:
    """Return a wrapped label with the ceiling of agreement, which can be copied."""
    note = PlainLabel(text)
    note.setWordWrap(True)
    note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    note.setToolTip(
        "How well a model agrees with itself when the image is shifted by a few pixels: no two models can be\n"
        "expected to agree much better"
    )
    return note


def _list_types(one: Comparison) -> list[tuple[str, ...]]:
    def describe(count: int) -> str:
        density = one.density(count)
        return f"{count:,}" if density is None else f"{count:,} ({density:,.0f})"

    rows: list[tuple[str, ...]] = [
        (one.type_names[index], describe(int(one.by_type_a[index])), describe(int(one.by_type_b[index])))
        for index in one.shown_types()
    ]
    total = ("all", describe(one.nuclei_a), describe(one.nuclei_b))
    return [*rows, total] if len(rows) != 1 else rows or [(UNKNOWN, "0", "0")]


def _make_grid(rows: Sequence[Sequence[str]], left: Sequence[int], tips: Sequence[Sequence[str]]) -> QGridLayout:
    """Return a grid of labels; columns other than `left` are aligned right."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(8)
    grid.setVerticalSpacing(2)
    for y, row in enumerate(rows):
        for x, text in enumerate(row):
            label = PlainLabel(text)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setWordWrap(" " in text)  # between number and density, where the dock is narrow
            if x not in left:
                label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if tips:
                label.setToolTip(tips[y][x // 2])
            grid.addWidget(label, y, x)
            grid.setColumnStretch(x, int(x not in left))
    return grid
