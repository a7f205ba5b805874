"""New names for the types of a model, in a new file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from napari_pathprune.workflows.checkpoint import Checkpoint, load, save
from napari_pathprune.workflows.train.named_types import NAMED


def rename_types(model: str, names: Sequence[str], out: Path) -> Checkpoint:
    """Write a model with other names for its types; the weights and the order of the types stay as they are.

    Parameters
    ----------
    model
        A file, or the name of a packaged model.
    names
        One name for each type, background first.
    out
        The ``.safetensors`` to write; it must not exist.

    Returns
    -------
    Checkpoint
        The model that was written; its lineage records the earlier names.

    Raises
    ------
    ValueError
        If the file exists, a name is missing or occurs twice, or the model cannot be read.
    """
    if out.exists():
        raise ValueError(f"{out.name} exists already and is not overwritten; choose another name")
    before = load(model)
    check_names(names, before.type_names)
    step = {"step": NAMED, "before": list(before.type_names)}
    after = replace(before, type_names=tuple(names), lineage=(*before.lineage, step))
    save(after, out)
    return after


def check_names(names: Sequence[str], before: Sequence[str]) -> None:
    """Raise a ValueError if the names cannot be those of the types of a model.

    Examples
    --------
    >>> check_names(("background", "tumour"), ("background", "type 1"))
    """
    if len(names) != len(before):
        raise ValueError(f"got {len(names)} names; the model has {len(before)} types, {', '.join(before)}")
    if not all(name.strip() for name in names):
        raise ValueError("a type has no name; enter one")
    lowered = [name.strip().lower() for name in names]
    twice = [name for name in lowered if lowered.count(name) > 1]
    if twice:
        raise ValueError(f"two types are named {twice[0]!r}; give each type a name of its own")
