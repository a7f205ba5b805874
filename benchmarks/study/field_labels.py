"""Labels of the fields of a run in tables and plots."""

from __future__ import annotations

from typing import Final

LABELS: Final = {
    "fit_steps": "fine-tuning steps",
    "learning_rate": "learning rate",
    "teacher_share": "teacher's share",
    "recalibrate": "batches for the norms",
    "step_ratio": "removed per cut",
    "max_skip_ratio": "cap on skip groups",
    "round_to": "multiples of",
    "start": "initial weights",
}


def label_field(name: str) -> str:
    """Return the label of a field, by default its name."""
    return LABELS.get(name, name)
