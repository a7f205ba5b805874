"""The form of the Compress dock: model, cut, training data, fine-tuning, and the file to write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QStandardPaths, Signal
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_pathprune.plugin.jobs.compress.compress_request import CompressRequest, next_free
from napari_pathprune.plugin.layers.slide_from_layer import find_mpp
from napari_pathprune.plugin.widgets.choosers import Chooser, LayerChooser, ModelChooser
from napari_pathprune.plugin.widgets.compress.compress_cut import CompressCut, describe, fold, make_form

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_pathprune.plugin.shelf.shelf import Shelf

DENSE_MODEL: Final = "hovernet-s"
"""Chosen at first: the packaged model that is not compact yet."""
PARENT: Final = "parent"
NO_CHOICE: Final = "?"
FOLDER_DEFAULTS: Final = ("1000 (default)", "0.002 (default)")
FILE_DEFAULTS: Final = ("as in the file", "as in the file")


class CompressForm(QWidget):  # type: ignore[misc]
    """What to compress or to fine-tune, and how.

    Parameters
    ----------
    shelf
        The models to choose from.
    slide
        List of slides, which the form places: for previews, and to train on.

    Attributes
    ----------
    changed
        Signal without arguments: the request or its `problem` may be another one.
    model_changed
        Signal without arguments: another model is chosen.
    """

    changed = Signal()
    model_changed = Signal()

    def __init__(self, shelf: Shelf, slide: LayerChooser) -> None:
        super().__init__()
        self._shelf, self._slide = shelf, slide
        self._is_out_edited, self._chosen_teacher = False, NO_CHOICE
        self.model = ModelChooser(shelf, DENSE_MODEL)
        describe(self.model, "Model", "The dense model: packaged, or a file (.safetensors, .tar, .pth)")
        self.task = Chooser()
        self.task.addItem("Cut, then fine-tune", True)
        self.task.addItem("Fine-tune only (no cut)", False)
        describe(self.task, "Task", "Make the model smaller, or only train it further")
        self.cut = CompressCut()
        self.source = Chooser()
        self.source.addItem("this slide, without labels", True)
        self.source.addItem("annotated images", False)
        describe(
            self.source,
            "Train with",
            "On the slide the dense model teaches, so that no annotation is needed; annotated images teach more",
        )
        self.data = QLineEdit(placeholderText="folder or .toml")
        describe(self.data, "Annotated images", "Folder of annotated images, or a config file (.toml) that names some")
        self.data_folder, self.data_file = QPushButton("Folder..."), QPushButton("File...")
        describe(self.data_folder, "Choose a folder", "Choose a folder of annotated images")
        describe(self.data_file, "Choose a config", "Choose a config file (.toml)")
        self.out = QLineEdit()
        describe(self.out, "New model", "File to write the new model to; the report is put beside it")
        self.out_file = QPushButton("...")
        describe(self.out_file, "Choose the file", "Choose the file to write")
        self.out_file.setFixedWidth(32)
        self.fit_steps = QSpinBox(minimum=0, maximum=1_000_000)
        describe(self.fit_steps, "Steps", "Fine-tuning steps, of all cuts together")
        self.learning_rate = QDoubleSpinBox(decimals=5, minimum=0.0, maximum=1.0, singleStep=0.0005)
        describe(self.learning_rate, "Learning rate", "Largest learning rate of the fine-tuning")
        self.teacher = Chooser()
        describe(self.teacher, "Teacher", "A model whose output the small one learns to reproduce, beside the labels")
        self.allowed_drop = QDoubleSpinBox(decimals=3, minimum=0.0, maximum=1.0, singleStep=0.01)
        self.allowed_drop.setSpecialValueText("any")
        describe(
            self.allowed_drop,
            "Largest loss of PQ",
            "Stop when the score (PQ) falls by more than this; the smallest model before that is kept",
        )
        self._arrange()
        self._connect()
        self._show_task()
        self._suggest_out()
        self._show_defaults()

    @property
    def is_cut(self) -> bool:
        """Whether the model is cut before it is fine-tuned."""
        return bool(self.task.currentData())

    @property
    def is_slide(self) -> bool:
        """Whether to train on a slide without labels."""
        return bool(self.source.currentData())

    @property
    def problem(self) -> str | None:
        """What is missing, as a sentence for the user; None if nothing is."""
        if self.model.model is None:
            return "Choose a model"
        if self.is_cut and self.cut.preview is None:
            return self.cut.problem or "The model is being read"
        problem = self._data_problem
        if problem is not None:
            return problem
        if not self.out.text().strip():
            return "Choose a file for the new model"
        return None

    @property
    def _data_problem(self) -> str | None:
        if not self.is_slide:
            return None if self.data.text().strip() else "Choose a folder of annotated images to train with"
        if find_file(self._slide.layer) is None:
            missing = "Open a slide" if self._slide.layer is None else "This slide has no file: open one that has"
            return f"{missing}, or choose annotated images to train with"
        if not self.teacher.currentData():
            return "Choose a teacher in the fine-tuning settings: it gives the targets on the slide"
        return None

    def request(self) -> CompressRequest:
        """Return what to start.

        Raises
        ------
        ValueError
            If something is missing.
        """
        if self.problem is not None:
            raise ValueError(self.problem)
        assert self.model.model is not None
        is_cut, drop = self.is_cut, self.allowed_drop.value()
        mpp = find_mpp(self._slide.layer) if self.is_slide else None
        return CompressRequest(
            model=self.model.model,
            data=None if self.is_slide else Path(self.data.text().strip()).expanduser().absolute(),
            out=Path(self.out.text().strip()).expanduser().absolute(),
            cut=self.cut.settings() if is_cut else None,
            stages=self.cut.stages.value(),
            allowed_drop=drop if is_cut and drop else None,
            fit_steps=self.fit_steps.value() or None,
            learning_rate=round(self.learning_rate.value(), 5) or None,
            teacher=self.teacher.currentData() or "",
            slide=find_file(self._slide.layer) if self.is_slide else None,
            mpp=None if mpp is None else mpp[0],
        )

    def suggest_next(self) -> None:
        """Suggest a file that does not exist yet, unless the user has chosen one that does not."""
        if not self._is_out_edited or Path(self.out.text()).exists():
            self._is_out_edited = False
            self._suggest_out()

    def disconnect_viewer(self) -> None:
        """Stop following the shelf."""
        self.model.disconnect_viewer()
        self._shelf.models_changed.disconnect(self._show_teachers, missing_ok=True)

    def _connect(self) -> None:
        self.model.chosen.connect(self._change_model)
        self.task.currentIndexChanged.connect(self._show_task)
        self.source.currentIndexChanged.connect(self._show_task)
        self._shelf.models_changed.connect(self._show_teachers)
        self.cut.changed.connect(self.changed)
        self.data_folder.clicked.connect(self._choose_folder)
        self.data_file.clicked.connect(self._choose_config)
        self.out_file.clicked.connect(self._choose_out)
        self.out.textEdited.connect(self._mark_edited)
        self.teacher.activated.connect(self._choose_teacher)
        self.data.textChanged.connect(self._show_defaults)
        for signal in (self.data.textChanged, self.out.textChanged, self.teacher.currentIndexChanged):
            signal.connect(lambda _: self.changed.emit())

    def _change_model(self) -> None:
        self._show_teachers()
        self._suggest_out()
        self.model_changed.emit()

    def _show_task(self, _: object = None) -> None:
        """Show the fields of the chosen task."""
        is_cut = self.is_cut
        self.cut.setVisible(is_cut)
        self.allowed_drop.setVisible(is_cut)
        self._fit_form.labelForField(self.allowed_drop).setVisible(is_cut)
        for widget in (self.data, self.data_folder, self.data_file):
            widget.setVisible(not self.is_slide)
        self._show_teachers()
        self._show_defaults()
        self._suggest_out()
        self.changed.emit()

    def _show_teachers(self) -> None:
        """List the dense model, if there is a cut, and the models of the shelf; what the user chose is kept."""
        self.teacher.blockSignals(True)
        self.teacher.clear()
        if self.is_cut:
            self.teacher.addItem("the dense model", PARENT)
        if not self.is_slide:
            self.teacher.addItem("none, or that of the file", "")
        for model in self._shelf.models:
            if model.source != self.model.model:
                self.teacher.addItem(model.name, model.source)
        self.teacher.setCurrentIndex(max(self.teacher.findData(self._chosen_teacher), 0))
        self.teacher.blockSignals(False)

    def _suggest_out(self) -> None:
        """Suggest a file beside the model; for a packaged one, in the user's documents."""
        if self._is_out_edited or self.model.model is None:
            return
        path = Path(self.model.model)
        folder = path.parent
        if not path.is_absolute():
            location = QStandardPaths.StandardLocation.DocumentsLocation
            folder = Path(QStandardPaths.writableLocation(location) or Path.home())
            folder = folder if folder.is_dir() else Path.home()
        stem = path.name.rsplit(".", 1)[0] if path.is_absolute() else path.name
        suffix = "small" if self.is_cut else "tuned"
        self.out.setText(str(next_free(folder / f"{stem}-{suffix}.safetensors")))

    def _choose_teacher(self, _: int) -> None:
        self._chosen_teacher = self.teacher.currentData()

    def _mark_edited(self, _: str) -> None:
        self._is_out_edited = True

    def _show_defaults(self, _: object = None) -> None:
        """Show what fields that are left alone stand for: defaults, or the settings of a config."""
        is_file = not self.is_slide and self.data.text().strip().endswith(".toml")
        texts = FILE_DEFAULTS if is_file else FOLDER_DEFAULTS
        for field, text in zip((self.fit_steps, self.learning_rate), texts, strict=True):
            field.setSpecialValueText(text)

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder of annotated images", self.data.text())
        if path:
            self.data.setText(path)

    def _choose_config(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Config file", self.data.text(), "Configs (*.toml)")
        if path:
            self.data.setText(path)

    def _choose_out(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "New model", self.out.text(), "Models (*.safetensors)")
        if path:
            self.out.setText(path if path.endswith(".safetensors") else f"{path}.safetensors")
            self._is_out_edited = True

    def _arrange(self) -> None:
        data, out = QHBoxLayout(), QHBoxLayout()
        for row, widgets in ((data, (self.data, self.data_folder, self.data_file)), (out, (self.out, self.out_file))):
            for index, widget in enumerate(widgets):
                row.addWidget(widget, 1 if index == 0 else 0)
        self._fit_form = make_form(
            ("Steps", self.fit_steps),
            ("Learning rate", self.learning_rate),
            ("Teacher", self.teacher),
            ("Largest loss", self.allowed_drop),
        )
        self.fine_tuning = fold("Fine-tuning settings", self._fit_form)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(make_form(("Model", self.model), ("Slide", self._slide), ("Task", self.task)))
        layout.addWidget(self.cut)
        layout.addLayout(make_form(("Train with", self.source)))
        layout.addLayout(data)
        layout.addWidget(self.fine_tuning)
        layout.addWidget(QLabel("New model"))
        layout.addLayout(out)


def find_file(layer: Layer | None) -> Path | None:
    """Return the file of a slide's layer; None if it has none, such as an array from a script."""
    if layer is None:
        return None
    path = layer.metadata.get("path") or layer.source.path
    return Path(path).absolute() if path and Path(path).exists() else None
