"""Scores as they are named and written in tables, plots and reports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

UNKNOWN: Final = "\N{EN DASH}"
"""Stands for a number that is not known."""
_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "pq": "PQ",
        "dq": "DQ",
        "sq": "SQ",
        "aji": "AJI",
        "aji_plus": "AJI+",
        "dice": "Dice",
        "bpq": "bPQ",
        "mpq": "mPQ",
        "mpq_plus": "mPQ+",
        "f1": "F1",
        "boundary_f1": "boundary F1",
        "type_agreement": "type agreement",
    }
)


def score_name(key: str) -> str:
    """Return the usual name of a score; an unknown key is returned as it is.

    Examples
    --------
    >>> score_name("mpq_plus"), score_name("hausdorff")
    ('mPQ+', 'hausdorff')
    """
    return _NAMES.get(key, key)


def format_score(score: float | None) -> str:
    """Return a score with three decimals, or a dash if it is missing or not finite.

    Examples
    --------
    >>> format_score(0.61249)
    '0.612'
    >>> format_score(None) == format_score(float("nan")) == UNKNOWN
    True
    """
    return UNKNOWN if score is None or not math.isfinite(score) else f"{score:.3f}"
