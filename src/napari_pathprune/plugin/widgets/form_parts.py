"""Parts of forms: rows, folded settings, drop-down lists, names for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qtpy.QtWidgets import QFormLayout, QLabel, QWidget

from napari_pathprune.plugin.widgets.choosers import Chooser
from napari_pathprune.plugin.widgets.section import Section

if TYPE_CHECKING:
    from collections.abc import Mapping

LABEL_PX: Final = 74
"""So that the fields of the forms above each other are aligned."""


def make_form(*rows: tuple[str, object]) -> QFormLayout:
    """Return a form without margins, whose fields fill the width of a dock."""
    form = QFormLayout()
    form.setContentsMargins(0, 0, 0, 0)
    form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for name, field in rows:
        label = QLabel(name)
        label.setMinimumWidth(LABEL_PX)
        form.addRow(label, field)
    return form


def fold(title: str, form: QFormLayout) -> Section:
    """Return a form that is folded under its title."""
    inside = QWidget()
    inside.setLayout(form)
    return Section(title, inside)


def describe(widget: QWidget, name: str, tip: str) -> None:
    """Set the accessible name and the tooltip of a widget."""
    widget.setAccessibleName(name)
    widget.setToolTip(tip)


def list_choices(choices: Mapping[str, str], name: str, tip: str) -> Chooser:
    """Return a drop-down list of values, each with a text for people."""
    chooser = Chooser()
    for value, text in choices.items():
        chooser.addItem(text, value)
    describe(chooser, name, tip)
    return chooser


def format_count(count: int) -> str:
    """Return a large number with three digits.

    Examples
    --------
    >>> format_count(2_369_624), format_count(1_234_567_890), format_count(950)
    ('2.37 M', '1.23 G', '950')
    """
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return str(count)
