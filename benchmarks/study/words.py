"""Words that tables and plots have for the fields of a run."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "fit_steps": "fine-tuning steps",
    "learning_rate": "learning rate",
    "teacher_share": "teacher's share",
    "recalibrate": "batches for the norms",
    "step_ratio": "removed a cut",
    "max_skip_ratio": "cap on skip groups",
    "round_to": "multiples of",
    "start": "weights of",
}


def worded(name: str) -> str:
    """Give the words for a field; some fields are words already."""
    return WORDS.get(name, name)
