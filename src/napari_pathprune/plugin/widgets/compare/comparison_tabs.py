"""The results of a comparison as tabs: numbers, nuclei that disagree, and regions to annotate next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QTabWidget

from napari_pathprune.plugin.widgets.compare.comparison_numbers import ComparisonNumbers
from napari_pathprune.plugin.widgets.compare.disagreement_table import DisagreementTable

if TYPE_CHECKING:
    from napari_pathprune.workflows.compare.comparison import Comparison


class ComparisonTabs(QTabWidget):  # type: ignore[misc]
    """Numbers, the list of disagreements, and the regions with the most of them.

    Attributes
    ----------
    numbers, table, regions
        The tabs.
    place_chosen
        Signal with a position (y, x) in level-0 pixels and the ids there in A and B.
    box_chosen
        Signal with a box in level-0 pixels.
    """

    place_chosen = Signal(float, float, object)
    box_chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._comparison: Comparison | None = None
        self.numbers, self.table, self.regions = ComparisonNumbers(), DisagreementTable(), QListWidget()
        self.regions.setAccessibleName("Annotate here next")
        self.regions.setToolTip("Regions with the most disagreements, worst first: click one to go there")
        for widget, title, tip in (
            (self.numbers, "Numbers", "Scores, and nuclei by type"),
            (self.table, "Nuclei", "Nuclei on which A and B disagree"),
            (self.regions, "Annotate next", "Regions with the most disagreements"),
        ):
            self.setTabToolTip(self.addTab(widget, title), tip)
        self.setAccessibleName("Results of the comparison")
        self.table.chosen.connect(self.place_chosen)
        self.regions.itemClicked.connect(self._choose_region)
        self.regions.itemActivated.connect(self._choose_region)

    def show_comparison(self, one: Comparison) -> None:
        """Show a comparison in all tabs."""
        self._comparison = one
        self.numbers.show_comparison(one)
        self.table.show_comparison(one)
        self.setTabText(1, f"Nuclei ({len(one.disagreements):,})")
        self.regions.clear()
        for number, region in enumerate(one.worst, 1):
            item = QListWidgetItem(f"{number}. {region.disagreements:,} of {region.nuclei:,} nuclei disagree")
            item.setToolTip("y {0:,} to {2:,}, x {1:,} to {3:,} px of level 0".format(*region.box))
            self.regions.addItem(item)

    def _choose_region(self, item: QListWidgetItem) -> None:
        if self._comparison is not None:
            self.box_chosen.emit(self._comparison.worst[self.regions.row(item)].box)
