"""What every event of every workflow says of itself."""

from __future__ import annotations

from typing import Protocol


class Event(Protocol):
    """How far a workflow is; what the shell and the docks need to know to show progress.

    Workflows are generators of small frozen dataclasses that have these four properties beside fields of their own.

    Attributes
    ----------
    done
        How much is done, in units of the workflow: tiles, optimiser steps, images.
    total
        How much there is to do, in the same units; None while that is not known.
    line
        One line for people; empty where there is nothing to say.
    is_milestone
        Whether the line is worth keeping on the screen, rather than replaced by the next one.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class TileRead:
    ...     done: int
    ...     total: int
    ...     line: str = ""
    ...     is_milestone: bool = False
    >>> event: Event = TileRead(3, 8)
    >>> event.done / (event.total or 1)
    0.375
    """

    @property
    def done(self) -> int:
        """How much is done."""

    @property
    def total(self) -> int | None:
        """How much there is to do, if that is known."""

    @property
    def line(self) -> str:
        """One line for people, or nothing."""

    @property
    def is_milestone(self) -> bool:
        """Whether the line stays on the screen."""
