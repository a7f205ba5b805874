"""Names of the types of a model that is trained on: given by the user, and recognised by their earlier names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from napari_pathprune.datasets.type_names import UNKNOWN_TYPE, find_type, normalise_name, number_types
from napari_pathprune.workflows.checkpoint import Checkpoint

NAMED: Final = "types named"
"""Step of a lineage; its ``before`` holds the earlier names."""


def name_types(checkpoint: Checkpoint, names: Sequence[str]) -> Checkpoint:
    """Return a model with new names for its types, recorded in its lineage.

    Parameters
    ----------
    checkpoint
        Its weights and the order of its types stay as they are.
    names
        One name for each type, background first. If empty, the model keeps its own names.

    Raises
    ------
    ValueError
        If the number of names differs, or one is the name of another type of the model.

    Examples
    --------
    >>> imported = Checkpoint("hovernet", {}, {}, type_names=("background", "type 1"))
    >>> name_types(imported, ["background", "neoplastic"]).type_names
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
            "give as many names, in this order, or remove type_names to keep these"
        )
    numbers = number_types(own)
    for number, name in enumerate(names):
        before = find_type((name,), numbers)
        if before not in {number, UNKNOWN_TYPE}:  # a config that was made for another model would mix them up
            raise ValueError(
                f"[model] names type {number} {name!r}, but that is type {before} of the model: "
                f"keep its order, {', '.join(own)}, or remove type_names to keep these"
            )
    step = {"step": NAMED, "before": list(own)}
    return replace(checkpoint, type_names=tuple(names), lineage=(*checkpoint.lineage, step))


def have_same_types(one: Checkpoint, other: Checkpoint) -> bool:
    """Return whether two models have the same types in the same order, by their names today or earlier.

    Earlier names count only if one model descends from the other: two imported models may both have had a ``type 1``.
    """
    ours, theirs = _names_over_time(one), _names_over_time(other)
    if ours[-1] == theirs[-1]:
        return True
    earlier, later = sorted((one.lineage, other.lineage), key=len)
    return later[: len(earlier)] == earlier and (ours[-1] in theirs or theirs[-1] in ours)


def identify(checkpoint: Checkpoint) -> str:
    """Return a text that identifies a model by its weights and, if they were given, by the names of its types."""
    return " ".join([checkpoint.fingerprint(), *(checkpoint.type_names if _earlier_names(checkpoint) else ())])


def _earlier_names(checkpoint: Checkpoint) -> list[Sequence[str]]:
    return [step["before"] for step in checkpoint.lineage if step["step"] == NAMED]


def _names_over_time(checkpoint: Checkpoint) -> list[tuple[str, ...]]:
    """Return the normalised names of the types, oldest first and today's last."""
    return [tuple(map(normalise_name, names)) for names in (*_earlier_names(checkpoint), checkpoint.type_names)]
