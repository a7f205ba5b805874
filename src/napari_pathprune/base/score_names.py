"""Scores as they are named and written in tables, plots and reports."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
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
        "agreement_pq": "PQ, agreement with the parent",
        "agreement_f1": "F1, agreement with the parent",
        "agreement_dice": "Dice, agreement with the parent",
        "agreement_types": "types, agreement with the parent",
    }
)


AGREEMENT: Final = "agreement with the parent"
"""What scores measure whose reference is the segmentation of a parent model; it is not accuracy."""
_AGREEMENT_PREFIX: Final = "agreement_"


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


def is_agreement(scores: Iterable[str]) -> bool:
    """Return whether scores, by their keys, are agreement with a parent model.

    Examples
    --------
    >>> is_agreement(["agreement_pq", "agreement_dice"]), is_agreement(["pq", "dice"]), is_agreement([])
    (True, False, False)
    """
    return any(key.startswith(_AGREEMENT_PREFIX) for key in scores)


def format_scores(scores: Mapping[str, float]) -> str:
    """Return scores as one line, which states that agreement is agreement.

    Examples
    --------
    >>> format_scores({"pq": 0.5, "dice": 0.75})
    'pq 0.500, dice 0.750'
    >>> format_scores({"agreement_pq": 0.5, "agreement_types": 0.9})
    'agreement with the parent: PQ 0.500, types 0.900'
    """
    if not is_agreement(scores):
        return ", ".join(f"{key} {value:.3f}" for key, value in scores.items())
    listed = (f"{score_name(key).removesuffix(f', {AGREEMENT}')} {value:.3f}" for key, value in scores.items())
    return f"{AGREEMENT}: {', '.join(listed)}"
