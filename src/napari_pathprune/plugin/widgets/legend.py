"""The legend of nucleus types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from napari_pathprune.instances.palette import names_by_number, type_colours
from napari_pathprune.plugin.layers.nuclei_layer import hide_types, read_type_counts
from napari_pathprune.plugin.shelf.shelf import unwrap
from napari_pathprune.plugin.widgets.plain_label import PlainLabel, make_plain_tip

if TYPE_CHECKING:
    from napari.components import ViewerModel

SWATCH_PX: Final = 12


class Legend(QWidget):  # type: ignore[misc]
    """Colour, name and number of nuclei of each type of the selected result, and a box that hides the type.

    While another layer is selected, the legend stays with the result that was selected last.

    Parameters
    ----------
    viewer
        The viewer with the results.

    Attributes
    ----------
    layer
        The result; None if there is none.
    title
        The name of the result.
    boxes
        The boxes that show or hide a type, by the number of the type.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self.layer: Any = None
        self.boxes: dict[int, QCheckBox] = {}
        self._numbers: dict[int, QLabel] = {}
        self._shown: tuple[Any, ...] = ()
        self.title = PlainLabel()
        self.title.setWordWrap(True)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(0, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.title)
        layout.addLayout(self._grid)
        for event in self._events():
            event.connect(self.refresh)
        self.refresh()

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Name and number of nuclei as shown, from top to bottom."""
        return [(box.text(), self._numbers[kind].text()) for kind, box in self.boxes.items()]

    def refresh(self, event: object = None) -> None:
        """Show the selected result as it is now."""
        del event
        self._follow(self._find_result())
        counts = () if self.layer is None else read_type_counts(self.layer)
        names = names_by_number(() if self.layer is None else self.layer.metadata["type_names"])
        kinds = [kind for kind, count in enumerate(counts) if kind or count or len(names) == 1]
        state = (id(self.layer), names, tuple(kinds))
        if state != self._shown:
            self._shown = state
            self._rebuild(names, kinds)
        for kind in kinds:
            self._numbers[kind].setText(f"{counts[kind]:,}")
        self.title.setText("" if self.layer is None else self.layer.name)
        self.setVisible(bool(kinds))

    def disconnect_viewer(self) -> None:
        """Stop following the viewer."""
        for event in self._events():
            event.disconnect(self.refresh)
        self._follow(None)

    def _find_result(self) -> Any:  # noqa: ANN401 - napari has no types
        active = unwrap(self._viewer.layers.selection.active)
        if isinstance(active, Labels) and "is_finished" in active.metadata and "type_names" in active.metadata:
            return active
        return self.layer if self.layer in self._viewer.layers else None

    def _follow(self, layer: Any) -> None:  # noqa: ANN401 - napari has no types
        if layer is self.layer:
            return
        if self.layer is not None:
            for event in (self.layer.events.features, self.layer.events.name):
                event.disconnect(self.refresh)
        self.layer = layer
        if layer is not None:
            for event in (layer.events.features, layer.events.name):
                event.connect(self.refresh)

    def _rebuild(self, names: tuple[str, ...], kinds: list[int]) -> None:
        while self._grid.count():
            self._grid.takeAt(0).widget().deleteLater()
        self.boxes, self._numbers = {}, {}
        colours = type_colours(names)
        hidden = () if self.layer is None else self.layer.metadata.get("hidden_types", ())
        for row, kind in enumerate(kinds):
            swatch = QPixmap(SWATCH_PX, SWATCH_PX)
            swatch.fill(QColor(*colours[kind]))
            box, number = QCheckBox(names[kind]), QLabel()
            box.setIcon(QIcon(swatch))
            box.setChecked(kind not in hidden)
            box.setToolTip(make_plain_tip(f"Show or hide the nuclei of the type {names[kind]!r} in this result"))
            box.setAccessibleName(f"Show {names[kind]}")
            box.toggled.connect(self._hide)
            number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            number.setAccessibleName(f"Number of nuclei: {names[kind]}")
            self._grid.addWidget(box, row, 0)
            self._grid.addWidget(number, row, 1)
            self.boxes[kind], self._numbers[kind] = box, number

    def _hide(self) -> None:
        hide_types(self.layer, [kind for kind, box in self.boxes.items() if not box.isChecked()])

    def _events(self) -> tuple[Any, ...]:
        layers = self._viewer.layers
        return layers.selection.events.active, layers.events.removed
