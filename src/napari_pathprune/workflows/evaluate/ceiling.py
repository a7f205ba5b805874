"""The ceiling of agreement: how well a model agrees with itself when the image is shifted by a few pixels.

A network with a stride of 8 px answers slightly differently when the image is moved by 1 to 7 px. No other model can be
expected to agree with it much better than it does with itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from napari_pathprune.base.score_names import format_score
from napari_pathprune.workflows.checkpoint_card import read_card

CARD_KEY: Final = "ceiling of agreement"
_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {"pq": "PQ", "f1": "F1", "dice": "Dice", "type_agreement": "type agreement"}
)
"""Keys of the scores, and their names in the card."""
_SHIFT: Final = "largest shift in px"
_ON: Final = "on"


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Scores of a model against itself, with the image shifted.

    Attributes
    ----------
    model
        Name of the model.
    scores
        ``pq``, ``f1``, ``dice`` and, of a typed model, ``type_agreement``; 0 to 1, means over the shifts.
    shift_px
        Largest shift, in pixels at the model's pixel size.
    phases
        Number of shifts that the maps were averaged over; 1 for maps as they are.
    where
        What it was measured on.

    Examples
    --------
    >>> ceiling = Ceiling("hovernet-s", {"pq": 0.87, "f1": 0.94, "dice": 0.93}, 5, 1, "a.svs (8 windows)")
    >>> ceiling.line
    'ceiling: PQ 0.870, F1 0.940, Dice 0.930 (hovernet-s against itself, shifted by 1 to 5 px)'
    >>> read_ceiling(ceiling.to_card(), "hovernet-s") == ceiling
    True
    """

    model: str
    scores: Mapping[str, float]
    shift_px: int
    phases: int
    where: str

    @property
    def line(self) -> str:
        """The ceiling in words, for reports and terminals."""
        listed = ", ".join(f"{_NAMES[key]} {format_score(value)}" for key, value in self.scores.items())
        return f"ceiling: {listed} ({self.describe_shift()})"

    def describe_shift(self) -> str:
        """Return what was compared with what."""
        shift = f"1 to {self.shift_px} px" if self.shift_px > 1 else "1 px"
        averaged = f", maps averaged over {self.phases} phases" if self.phases > 1 else ""
        return f"{self.model} against itself, shifted by {shift}{averaged}"

    def to_card(self) -> dict[str, Any]:
        """Return the entry for the card of the model."""
        scores = {_NAMES[key]: round(value, 4) for key, value in self.scores.items()}
        return {_make_key(self.phases): {**scores, _SHIFT: self.shift_px, _ON: self.where}}

    def to_dict(self) -> dict[str, Any]:
        """Return the ceiling as JSON values."""
        return {
            "model": self.model,
            **self.scores,
            "shift_px": self.shift_px,
            "phases": self.phases,
            "measured_on": self.where,
        }


def read_ceiling(card: Mapping[str, Any], model: str, phases: int = 1) -> Ceiling | None:
    """Return the ceiling that a card states; None if it states none, or not in the form of `Ceiling.to_card`.

    Parameters
    ----------
    card
        The card of a model; see `Checkpoint.card`.
    model
        Name of the model.
    phases
        The ceiling of maps that are averaged over this number of shifts.
    """
    entry = card.get(_make_key(phases))
    if not isinstance(entry, Mapping):
        return None
    scores = {key: float(entry[name]) for key, name in _NAMES.items() if _is_score(entry.get(name))}
    shift_px = entry.get(_SHIFT)
    if "pq" not in scores or not isinstance(shift_px, int):
        return None
    return Ceiling(model, scores, shift_px, phases, str(entry.get(_ON, "")))


def find_ceiling(model: str, phases: int = 1, fingerprint: str = "") -> Ceiling | None:
    """Return the ceiling in the card of a model; None if there is none, or no such model any more.

    Parameters
    ----------
    model
        Name of a packaged model, or path of a model file.
    phases
        See `read_ceiling`.
    fingerprint
        `Checkpoint.fingerprint` of the model that is meant: a file with other weights does not count. Empty to take
        whatever the file holds.
    """
    try:
        ceiling = read_ceiling(read_card(model), Path(model).name, phases)
        if ceiling is None or not fingerprint:
            return ceiling
        from napari_pathprune.workflows.checkpoint import load  # noqa: PLC0415 - torch, which docks do without

        return ceiling if load(model).fingerprint() == fingerprint else None
    except (ValueError, OSError):
        return None


def advise_on_ceiling(model: str, phases: int = 1) -> str:
    """Return how to measure the ceiling of a model that has none.

    Examples
    --------
    >>> advise_on_ceiling("small.safetensors")
    'ceiling not measured: pathprune evaluate small.safetensors --shift --to-card'
    """
    averaged = f" --phases {phases}" if phases > 1 else ""
    return f"ceiling not measured: pathprune evaluate {model} --shift{averaged} --to-card"


def _make_key(phases: int) -> str:
    return CARD_KEY if phases == 1 else f"{CARD_KEY}, {phases} phases"


def _is_score(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1
