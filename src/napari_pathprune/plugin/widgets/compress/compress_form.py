"""The form of the Compress dock: model, cut, training data, fine-tuning, and the file to write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QStandardPaths, Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from napari_pathprune.plugin.jobs.compress.compress_request import CompressRequest, next_free
from napari_pathprune.plugin.shelf.preferences import read_preferences
from napari_pathprune.plugin.widgets.choosers import Chooser, LayerChooser, ModelChooser
from napari_pathprune.plugin.widgets.compress.compress_cut import CompressCut
from napari_pathprune.plugin.widgets.compress.fit_form import FitForm
from napari_pathprune.plugin.widgets.compress.training_data import TrainingData
from napari_pathprune.plugin.widgets.form_parts import describe, make_form

if TYPE_CHECKING:
    from napari_pathprune.plugin.shelf.shelf import Shelf

DENSE_MODEL: Final = "hovernet-s"
"""Chosen at first: the packaged model that is not compact yet."""


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
    cut, training_data, fit
        The parts of the form.
    """

    changed = Signal()
    model_changed = Signal()

    def __init__(self, shelf: Shelf, slide: LayerChooser) -> None:
        super().__init__()
        self._shelf, self._slide = shelf, slide
        self._is_out_edited = False
        self.model = ModelChooser(shelf, DENSE_MODEL)
        describe(self.model, "Model", "The dense model: packaged, or a file (.safetensors, .tar, .pth)")
        self.task = Chooser()
        self.task.addItem("Cut, then fine-tune", True)
        self.task.addItem("Fine-tune only (no cut)", False)
        describe(self.task, "Task", "Make the model smaller, or only train it further")
        self.cut, self.training_data, self.fit = CompressCut(), TrainingData(slide), FitForm(shelf)
        self.out = QLineEdit()
        describe(self.out, "New model", "File to write the new model to; the report is put beside it")
        self.out_file = QPushButton("...")
        describe(self.out_file, "Choose the file", "Choose the file to write")
        self.out_file.setFixedWidth(32)
        self._arrange()
        self._connect()
        self._show_task()

    @property
    def is_cut(self) -> bool:
        """Whether the model is cut before it is fine-tuned."""
        return bool(self.task.currentData())

    @property
    def is_slide(self) -> bool:
        """Whether to train on a slide without labels."""
        return self.training_data.is_slide

    @property
    def problem(self) -> str | None:
        """What is missing, as a sentence for the user; None if nothing is."""
        if self.model.model is None:
            return "Choose a model"
        if self.is_cut and self.cut.preview is None:
            return self.cut.problem or "The model is being read"
        problem = self.training_data.problem
        if problem is not None:
            return problem
        if self.is_slide and not self.fit.teacher.currentData():
            return "Choose a teacher in the fine-tuning settings: it gives the targets on the slide"
        if not self.out.text().strip():
            return "Choose a file for the new model"
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
        is_cut, drop = self.is_cut, self.fit.allowed_drop.value()
        plan = self.cut.plan() if is_cut else None
        return CompressRequest(
            model=self.model.model,
            data=self.training_data.folder,
            out=Path(self.out.text().strip()).expanduser().absolute(),
            cut=self.cut.settings() if is_cut else None,
            stages=self.cut.stages.value(),
            allowed_drop=drop if is_cut and drop else None,
            fit_steps=self.fit.fit_steps.value() or None,
            learning_rate=round(self.fit.learning_rate.value(), 5) or None,
            teacher=self.fit.teacher.currentData() or "",
            slide=self.training_data.slide_file,
            mpp=self.training_data.mpp,
            plan="" if plan is None else plan.to_json(),
            device=read_preferences().device,
            validate_every=self.fit.steps_between,
        )

    def suggest_next(self) -> None:
        """Suggest a file that does not exist yet, unless the user has chosen one that does not."""
        if not self._is_out_edited or Path(self.out.text()).exists():
            self._is_out_edited = False
            self._suggest_out()

    def disconnect_viewer(self) -> None:
        """Stop following the shelf, and stop measuring."""
        self.cut.speed.close_down()
        self.model.disconnect_viewer()
        self._shelf.models_changed.disconnect(self._show_teachers, missing_ok=True)

    def _connect(self) -> None:
        self.model.chosen.connect(self._change_model)
        self.task.currentIndexChanged.connect(self._show_task)
        self.training_data.changed.connect(self._show_task)
        self._shelf.models_changed.connect(self._show_teachers)
        for signal in (self.cut.changed, self.fit.changed):
            signal.connect(self.changed)
        self.out_file.clicked.connect(self._choose_out)
        self.out.textEdited.connect(self._mark_edited)
        self.out.textChanged.connect(lambda _: self.changed.emit())

    def _change_model(self) -> None:
        self._show_teachers()
        self._suggest_out()
        self.model_changed.emit()

    def _show_task(self, _: object = None) -> None:
        """Show the fields of the chosen task."""
        self.cut.setVisible(self.is_cut)
        self._show_teachers()
        self.fit.show_defaults(is_config=self.training_data.is_config)
        self._suggest_out()
        self.changed.emit()

    def _show_teachers(self) -> None:
        self.fit.show_task(self.model.model, is_cut=self.is_cut, is_slide=self.is_slide)

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

    def _mark_edited(self, _: str) -> None:
        self._is_out_edited = True

    def _choose_out(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "New model", self.out.text(), "Models (*.safetensors)")
        if path:
            self.out.setText(path if path.endswith(".safetensors") else f"{path}.safetensors")
            self._is_out_edited = True

    def _arrange(self) -> None:
        out = QHBoxLayout()
        out.addWidget(self.out, 1)
        out.addWidget(self.out_file)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(make_form(("Model", self.model), ("Slide", self._slide), ("Task", self.task)))
        for widget in (self.cut, self.training_data, self.fit, QLabel("New model")):
            layout.addWidget(widget)
        layout.addLayout(out)
