"""Options of a cut, which `prune` and `compress` share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Final, get_args

import typer

Params = Annotated[float | None, typer.Option(help="Share of the parameters to keep.")]
Macs = Annotated[float | None, typer.Option(help="Share of the multiply-accumulates to keep.")]
Ratio = Annotated[float | None, typer.Option(help="Share of the channels to remove, from 0 to below 1.")]
Faster = Annotated[float | None, typer.Option(help="How many times faster to run, measured on this machine.")]

METAVARS: Final[Mapping[str, str]] = MappingProxyType({"caps": "GLOB=R", "keep": "GLOB"})
"""Placeholders of the limits by name."""
NOTES: Final[Mapping[str, str]] = MappingProxyType({"caps": "Repeatable.", "keep": "Repeatable."})


def pick_one(**options: float | None) -> tuple[str, float] | None:
    """Return the name and the value of the only option that was given; None if none was.

    Raises
    ------
    ValueError
        If several were given.

    Examples
    --------
    >>> pick_one(params=0.1, macs=None)
    ('params', 0.1)
    """
    given = [(name, value) for name, value in options.items() if value is not None]
    if len(given) > 1:
        *names, last = (f"--{name.replace('_', '-')}" for name in options)
        raise ValueError(f"give one of {', '.join(names)} and {last}")
    return given[0] if given else None


def list_choices() -> dict[str, Sequence[str]]:
    """Return the words that the settings of a cut allow, by field."""
    from napari_pathprune.pruning.choosing.limits import Scope
    from napari_pathprune.pruning.scoring.criteria import CRITERIA
    from napari_pathprune.pruning.scoring.deciders import Decider

    return {"criterion": tuple(CRITERIA), "decider": get_args(Decider), "scope": get_args(Scope)}
