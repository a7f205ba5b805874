"""Options of a cut, which `prune` and `compress` share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from napari_pathprune.pruning import Target

Params = Annotated[float | None, typer.Option(help="Share of the parameters to keep.")]
Macs = Annotated[float | None, typer.Option(help="Share of the multiply-accumulates to keep.")]
Ratio = Annotated[float | None, typer.Option(help="Share of the channels to remove, from 0 to below 1.")]
Plan = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Channels to keep, as JSON; without a criterion in it, only the widths count.",
        show_default=False,
    ),
]
Faster = Annotated[float | None, typer.Option(help="How many times faster to run, measured on this machine.")]

METAVARS: Final[Mapping[str, str]] = MappingProxyType({"caps": "GLOB=R", "keep": "GLOB"})
"""Placeholders of the limits by name."""
NOTES: Final[Mapping[str, str]] = MappingProxyType({"caps": "Repeatable.", "keep": "Repeatable."})


def find_target(**options: float | None) -> Target | None:
    """Return the target of the only option that was given; None if none was.

    Parameters
    ----------
    options
        Values of ``params``, ``macs``, ``ratio`` and ``faster``, or of some of them.

    Raises
    ------
    ValueError
        If several were given, or the value is out of range.

    Examples
    --------
    >>> find_target(params=None, ratio=0.25)
    Target(measure='channels', keep=0.75)
    """
    from napari_pathprune.pruning import Target

    given = [(name, value) for name, value in options.items() if value is not None]
    if len(given) > 1:
        raise ValueError(f"give one of {list_names(options)}")
    for name, value in given:
        if name == "ratio":
            return Target.from_ratio(value)
        return Target.from_speedup(value) if name == "faster" else Target(name, value)  # type: ignore[arg-type]
    return None


def list_names(names: Iterable[str]) -> str:
    """Return options as a list for a message.

    Examples
    --------
    >>> list_names(["params", "macs", "ratio"])
    '--params, --macs and --ratio'
    """
    *others, last = (f"--{name.replace('_', '-')}" for name in names)
    return f"{', '.join(others)} and {last}"


def parse_caps(texts: Sequence[str]) -> dict[str, float]:
    """Return the caps of ``GLOB=R`` options by pattern."""
    from napari_pathprune.pruning.choosing.limits import parse_cap

    return dict(map(parse_cap, texts))
