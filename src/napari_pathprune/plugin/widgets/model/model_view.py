"""All about one model: facts, speed, types, channels, training, scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_pathprune.plugin.widgets.model.group_table import GroupTable
from napari_pathprune.plugin.widgets.model.model_facts import ModelFacts
from napari_pathprune.plugin.widgets.model.model_types import ModelTypes
from napari_pathprune.plugin.widgets.model.model_words import list_card, list_facts, list_history
from napari_pathprune.plugin.widgets.model.width_plot import LEGEND, WidthPlot
from napari_pathprune.plugin.widgets.section import Section

if TYPE_CHECKING:
    from napari_pathprune.workflows.info.model_info import Description

TABLE_PX: Final = 230


class ModelView(QWidget):  # type: ignore[misc]
    """What a model is and how it was made, in sections that can be folded.

    Attributes
    ----------
    facts, card, history
        Main facts; purpose, scores and limits; how the model was made.
    speed, measure
        The measured speed in words, and the button to measure it again; the dock fills and connects them.
    types
        The types with their colours.
    plot, table
        The channel groups as bars and as a table; a group that is chosen in one is shown in the other.
    """

    def __init__(self) -> None:
        super().__init__()
        self.facts = ModelFacts("Main facts about the model")
        self.speed = QLabel()
        self.speed.setWordWrap(True)
        self.speed.setAccessibleName("Speed on this machine")
        self.measure = QPushButton("Measure")
        self.measure.setToolTip("Measure the speed on this machine again, on a tile of the packaged slide")
        self.measure.setAccessibleName("Measure the speed")
        self.types = ModelTypes()
        self.plot, self.table = WidthPlot(), GroupTable()
        self.table.setFixedHeight(TABLE_PX)
        self.card, self.history = ModelFacts("Purpose, scores and limits"), ModelFacts("How the model was made")
        self._lay_out()
        self.table.picked.connect(self.plot.show_group)
        self.plot.picked.connect(self.table.show_group)

    def show_description(self, description: Description) -> None:
        """Show a model."""
        self.facts.show_rows(list_facts(description))
        self.types.show_types(description.checkpoint.type_names)
        groups = description.group_widths()
        self.plot.show_groups(groups)
        self.table.show_groups(groups)
        self.card.show_rows(list_card(description))
        self.history.show_rows(list_history(description))

    def _lay_out(self) -> None:
        speed = QHBoxLayout()
        speed.addWidget(self.speed, 1)
        speed.addWidget(self.measure)
        widths = QWidget()
        column = QVBoxLayout(widths)
        column.setContentsMargins(0, 0, 0, 0)
        legend = QLabel(LEGEND)
        legend.setWordWrap(True)
        legend.setToolTip("Bars show the square root of the number of channels, in the order of the network")
        for widget in (self.plot, legend, self.table):
            column.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(speed)
        layout.addWidget(self.facts)
        for title, widget in (
            ("Types", self.types),
            ("Channels", widths),
            ("Training", self.history),
            ("Scores and limits", self.card),
        ):
            layout.addWidget(Section(title, widget, is_open=True))
        layout.addStretch(1)
