"""The tools of the Annotate dock: types with their numbers of nuclei, and operations on nuclei."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_pathprune.instances.palette import names_by_number, type_colours
from napari_pathprune.plugin.layers.annotation.annotation_keys import HIGHEST_KEY

if TYPE_CHECKING:
    from napari_pathprune.plugin.layers.annotation.annotation_keys import AnnotationKeys

SWATCH_PX: Final = 12
COLUMNS: Final = 3


class AnnotateTools(QWidget):  # type: ignore[misc]
    """Buttons for all that the keys do, and the number of nuclei of each type.

    Attributes
    ----------
    types
        Buttons of the types by number; the current type is checked.
    counts
        Numbers of nuclei by type, as shown.
    buttons
        Buttons of the operations by name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.types: dict[int, QPushButton] = {}
        self.counts: dict[int, QLabel] = {}
        self.buttons: dict[str, QPushButton] = {}
        self._keys: AnnotationKeys | None = None
        self._grid, operations = QGridLayout(), QGridLayout()
        self._grid.setColumnStretch(0, 1)
        for place, (name, key, tip, act) in enumerate(self._operations()):
            button = QPushButton(name)
            button.setToolTip(f"{tip} ({key})")
            button.setAccessibleName(name)
            button.clicked.connect(partial(self._run, act))
            operations.addWidget(button, *divmod(place, COLUMNS))
            self.buttons[name] = button
        hint = QLabel("Click selects a nucleus, Shift+click adds one")
        hint.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._grid)
        layout.addLayout(operations)
        layout.addWidget(hint)
        self.follow(None)

    def follow(self, keys: AnnotationKeys | None) -> None:
        """Work on an annotation; None if there is none."""
        if self._keys is not None:
            self._keys.annotation.changed.disconnect(self.refresh, missing_ok=True)
        self._keys = keys
        self._show_types(() if keys is None else keys.annotation.type_names)
        self.setVisible(keys is not None)
        if keys is not None:
            keys.annotation.changed.connect(self.refresh)
            self.refresh()

    def refresh(self) -> None:
        """Show the numbers of nuclei, the current type, and which operations are possible."""
        if self._keys is None:
            return
        annotation = self._keys.annotation
        for kind, count in enumerate(annotation.counts()):
            if kind in self.counts:
                self.counts[kind].setText(f"{count:,}")
                is_shown = kind > 0 or count > 0 or len(self.types) == 1
                self.types[kind].setVisible(is_shown)
                self.counts[kind].setVisible(is_shown)
                self.types[kind].setChecked(kind == annotation.current_type)
        selected = len(annotation.selection)
        self.buttons["Delete"].setEnabled(selected > 0)
        self.buttons["Merge"].setEnabled(selected > 1)
        self.buttons["Split"].setEnabled(selected > 0)
        self.buttons["Undo"].setEnabled(annotation.history.can_undo)
        self.buttons["Redo"].setEnabled(annotation.history.can_redo)

    def _operations(self) -> Sequence[tuple[str, str, str, Callable[[AnnotationKeys], object]]]:
        return (
            ("New", "M", "Paint a new nucleus of the current type", lambda keys: keys.annotation.start_new()),
            ("Delete", "Delete", "Delete the selected nuclei", lambda keys: keys.annotation.delete()),
            ("Merge", "J", "Join the selected nuclei", lambda keys: keys.annotation.merge()),
            (
                "Split",
                "S, at the cursor",
                "Divide the selected nucleus at its waist",
                lambda keys: keys.annotation.split(),
            ),
            ("Cut", "C", "Draw a line across nuclei to divide them", lambda keys: keys.start_cut()),
            ("Select", "A", "Select nuclei with the mouse", lambda keys: keys.start_selecting()),
            ("Undo", "Ctrl+Z", "Undo the last edit", lambda keys: keys.annotation.undo()),
            ("Redo", "Ctrl+Shift+Z", "Redo the edit that was undone", lambda keys: keys.annotation.redo()),
        )

    def _run(self, act: Callable[[AnnotationKeys], object]) -> None:
        keys = self._keys
        if keys is not None:
            keys.run(lambda: act(keys))

    def _show_types(self, type_names: Sequence[str]) -> None:
        while self._grid.count():
            widget = self._grid.takeAt(0).widget()
            widget.setParent(None)
            widget.deleteLater()
        self.types, self.counts = {}, {}
        names = names_by_number(type_names)
        for kind, (name, colour) in enumerate(zip(names, type_colours(type_names), strict=False)):
            pixmap = QPixmap(SWATCH_PX, SWATCH_PX)
            pixmap.fill(QColor(*colour))
            has_key = 0 < kind <= HIGHEST_KEY
            button = QPushButton(QIcon(pixmap), f"{kind}  {name}" if has_key else name)
            button.setCheckable(True)
            button.setStyleSheet("text-align: left;")
            button.setAccessibleName(f"Type {name}")
            button.setToolTip(f"Type of the selected nuclei, and of new ones{f' (key {kind})' if has_key else ''}")
            button.clicked.connect(partial(self._run, partial(_set_type, kind)))
            count = QLabel("0")
            count.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._grid.addWidget(button, kind, 0)
            self._grid.addWidget(count, kind, 1)
            self.types[kind], self.counts[kind] = button, count


def _set_type(kind: int, keys: AnnotationKeys) -> None:
    keys.annotation.set_type(kind)
