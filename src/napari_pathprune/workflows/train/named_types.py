"""The types of a model that is trained on: named as its user says, and known again by the names they had before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from napari_pathprune.datasets.type_names import UNKNOWN_TYPE, find_type, normalise_name, number_types
from napari_pathprune.workflows.checkpoint import Checkpoint

NAMED: Final = "types named"
"""The step of a lineage; its ``before`` are the names that were there."""


def named(checkpoint: Checkpoint, names: Sequence[str]) -> Checkpoint:
    """Give a model with its types named, which its lineage tells.

    Parameters
    ----------
    checkpoint
        Its weights and the order of its types stay.
    names
        As many as it has types, background first; it keeps its own if there are none.

    Raises
    ------
    ValueError
        If there are more or fewer, or a name is that of another of its types.

    Examples
    --------
    >>> imported = Checkpoint("hovernet", {}, {}, type_names=("background", "type 1"))
    >>> named(imported, ["background", "neoplastic"]).type_names
    ('background', 'neoplastic')
    """
    own = checkpoint.type_names
    if not names or tuple(names) == own:
        return checkpoint
    if not own:
        raise ValueError(f"[model] has {len(names)} type_names, but the model is untyped: remove type_names")
    if len(names) != len(own):
        raise ValueError(
            f"[model] has {len(names)} type_names, but the model has {len(own)} types, {', '.join(own)}: "
            "name as many, in this order, or remove type_names to keep these"
        )
    numbers = number_types(own)
    for number, name in enumerate(names):
        before = find_type((name,), numbers)
        if before not in {number, UNKNOWN_TYPE}:  # else a config that was made for another model would mix them up
            raise ValueError(
                f"[model] names type {number} {name!r}, but that is type {before} of the model: "
                f"keep its order, {', '.join(own)}, or remove type_names to keep these"
            )
    step = {"step": NAMED, "before": list(own)}
    return replace(checkpoint, type_names=tuple(names), lineage=(*checkpoint.lineage, step))


def same_types(one: Checkpoint, other: Checkpoint) -> bool:
    """Tell whether two models have the same types in the same order, be it that those of one were named since.

    Names of before count where one model came of the other: two imported ones may both have had a ``type 1``.
    """
    ours, theirs = _names_over_time(one), _names_over_time(other)
    if ours[-1] == theirs[-1]:
        return True
    earlier, later = sorted((one.lineage, other.lineage), key=len)
    return later[: len(earlier)] == earlier and (ours[-1] in theirs or theirs[-1] in ours)


def identity(checkpoint: Checkpoint) -> str:
    """Tell a model from others: by its weights, and by the names of its types where somebody gave them."""
    return " ".join([checkpoint.fingerprint(), *(checkpoint.type_names if _naming(checkpoint) else ())])


def _naming(checkpoint: Checkpoint) -> list[Sequence[str]]:
    return [step["before"] for step in checkpoint.lineage if step["step"] == NAMED]


def _names_over_time(checkpoint: Checkpoint) -> list[tuple[str, ...]]:
    """Give the plain names of the types, those of today last."""
    return [tuple(map(normalise_name, names)) for names in (*_naming(checkpoint), checkpoint.type_names)]
