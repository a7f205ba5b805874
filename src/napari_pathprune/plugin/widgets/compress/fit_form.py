"""The settings of a fine-tuning, folded away: each has a sensible default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QSpinBox, QVBoxLayout, QWidget

from napari_pathprune.plugin.widgets.choosers import Chooser
from napari_pathprune.plugin.widgets.form_parts import describe, fold, make_form

if TYPE_CHECKING:
    from napari_pathprune.plugin.shelf.shelf import Shelf

PARENT: Final = "parent"
NO_CHOICE: Final = "?"
STEPS: Final = 1000
"""Steps of a training without a config, as in `training.fit_settings.FitSettings`."""
VALIDATIONS: Final = 10
"""Validations of a training without a config, evenly spread."""
DEFAULTS: Final = (f"{STEPS} (default)", "0.002 (default)", f"{VALIDATIONS} times (default)")
CONFIG_DEFAULTS: Final = ("as in the file",) * 3


class FitForm(QWidget):  # type: ignore[misc]
    """Steps, learning rate, validations, teacher, and how much may be lost.

    Parameters
    ----------
    shelf
        The models that may teach.

    Attributes
    ----------
    changed
        Signal without arguments: another teacher.
    """

    changed = Signal()

    def __init__(self, shelf: Shelf) -> None:
        super().__init__()
        self._shelf, self._chosen_teacher = shelf, NO_CHOICE
        self._is_config = False
        self.fit_steps = QSpinBox(minimum=0, maximum=1_000_000)
        describe(self.fit_steps, "Steps", "Fine-tuning steps, of all cuts together")
        self.learning_rate = QDoubleSpinBox(decimals=5, minimum=0.0, maximum=1.0, singleStep=0.0005)
        describe(self.learning_rate, "Learning rate", "Largest learning rate of the fine-tuning")
        self.validate_every = QSpinBox(minimum=0, maximum=1_000_000)
        self.validate_every.setPrefix("every ")
        self.validate_every.setSuffix(" steps")
        describe(
            self.validate_every,
            "Validate",
            "How often the model is scored, and the example patch refreshed; the best model is kept",
        )
        self.teacher = Chooser()
        describe(self.teacher, "Teacher", "A model whose output the small one learns to reproduce, beside the labels")
        self.allowed_drop = QDoubleSpinBox(decimals=3, minimum=0.0, maximum=1.0, singleStep=0.01)
        self.allowed_drop.setSpecialValueText("any")
        describe(
            self.allowed_drop,
            "Largest loss of PQ",
            "Stop when the score (PQ) falls by more than this; the smallest model before that is kept",
        )
        self._form = make_form(
            ("Steps", self.fit_steps),
            ("Learning rate", self.learning_rate),
            ("Validate", self.validate_every),
            ("Teacher", self.teacher),
            ("Largest loss", self.allowed_drop),
        )
        self.section = fold("Fine-tuning settings", self._form)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.section)
        self.teacher.activated.connect(self._choose_teacher)
        self.teacher.currentIndexChanged.connect(lambda _: self.changed.emit())

    @property
    def steps_between(self) -> int | None:
        """Steps between two validations; None to leave them to the config."""
        if self.validate_every.value() or self._is_config:
            return self.validate_every.value() or None
        return max(1, (self.fit_steps.value() or STEPS) // VALIDATIONS)

    def show_defaults(self, *, is_config: bool) -> None:
        """Show what fields that are left alone stand for: defaults, or the settings of a config."""
        self._is_config = is_config
        fields = (self.fit_steps, self.learning_rate, self.validate_every)
        for field, text in zip(fields, CONFIG_DEFAULTS if is_config else DEFAULTS, strict=True):
            field.setSpecialValueText(text)

    def show_task(self, model: str | None, *, is_cut: bool, is_slide: bool) -> None:
        """Show the fields of a task, and list its teachers; what the user chose is kept.

        Parameters
        ----------
        model
            The model to compress or to fine-tune, which does not teach itself.
        is_cut
            Whether it is cut first, so that the dense model can teach.
        is_slide
            Whether to train on a slide without labels, which needs a teacher.
        """
        self.allowed_drop.setVisible(is_cut)
        self._form.labelForField(self.allowed_drop).setVisible(is_cut)
        self.teacher.blockSignals(True)
        self.teacher.clear()
        if is_cut:
            self.teacher.addItem("the dense model", PARENT)
        if not is_slide:
            self.teacher.addItem("none, or that of the file", "")
        for other in self._shelf.models:
            if other.source != model:
                self.teacher.addItem(other.name, other.source)
        self.teacher.setCurrentIndex(max(self.teacher.findData(self._chosen_teacher), 0))
        self.teacher.blockSignals(False)

    def _choose_teacher(self, _: int) -> None:
        self._chosen_teacher = self.teacher.currentData()
