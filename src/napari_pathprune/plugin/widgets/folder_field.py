"""A field for the new folder of a result."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget

from napari_pathprune.plugin.jobs.slide_job import check_folder, suggest_folder

BUTTON_PX: Final = 16
"""Space around the text of a button."""


class FolderField(QWidget):  # type: ignore[misc]
    """The result folder of a slide, which is suggested until the user enters another one.

    Attributes
    ----------
    changed
        Signal without arguments: the path has changed.
    path
        The field.
    browse
        Opens a dialog.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._for: tuple[Path, str] | None = None
        self._suggested = ""
        self.path, self.browse = QLineEdit(), QPushButton("...")
        for widget, name, tip in (
            (self.path, "Result folder", "New folder, which is written while the slide is segmented"),
            (self.browse, "Choose the result folder", "Choose where the result folder is created"),
        ):
            widget.setAccessibleName(name)
            widget.setToolTip(tip)
        self.browse.setMinimumWidth(self.browse.fontMetrics().horizontalAdvance("...") + BUTTON_PX)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.path, 1)
        layout.addWidget(self.browse)
        self.path.textChanged.connect(lambda _: self.changed.emit())
        self.browse.clicked.connect(self._browse)

    @property
    def folder(self) -> Path:
        """The folder.

        Raises
        ------
        ValueError
            If there is no path, or it cannot be written.
        """
        text = self.path.text().strip()
        if not text:
            raise ValueError("Choose a result folder")
        folder = Path(text).expanduser().absolute()
        check_folder(folder)
        return folder

    def suggest(self, slide: Path, model: str) -> None:
        """Suggest a folder for another slide or model, or in place of a suggestion that has been used.

        Parameters
        ----------
        slide
            File of the slide.
        model
            Name of a packaged model, or path of a model file.
        """
        text = self.path.text()
        if self._for == (slide, model) and (text != self._suggested or not Path(text).exists()):
            return
        self._for = slide, model
        self._suggested = str(suggest_folder(slide, Path(model).name.removesuffix(".safetensors")))
        self.path.setText(self._suggested)
        self.path.setToolTip(f"New folder, which is written while the slide is segmented: {self._suggested}")

    def _browse(self) -> None:
        now = Path(self.path.text())
        place = QFileDialog.getExistingDirectory(self, "Where the result folder is created", str(now.parent))
        if place:
            self.path.setText(str(Path(place) / now.name))
