"""The protocol of workflow events, which report progress."""

from __future__ import annotations

from typing import Protocol


class Event(Protocol):
    """An event of a workflow: all that the command line and the docks need in order to show progress.

    Workflows are generators of small frozen dataclasses that have these four attributes beside fields of their own.

    Attributes
    ----------
    done
        Amount of work done, in units of the workflow: tiles, optimiser steps, images.
    total
        Amount of work in all, in the same units; None while it is unknown.
    line
        One line for the user; empty if there is nothing to report.
    is_milestone
        Whether the line stays on the screen, rather than being replaced by the next one.

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
        """Amount of work done."""

    @property
    def total(self) -> int | None:
        """Amount of work in all; None while it is unknown."""

    @property
    def line(self) -> str:
        """One line for the user; may be empty."""

    @property
    def is_milestone(self) -> bool:
        """Whether the line stays on the screen."""


class QuietEvent:
    """Base of events that show no line, or one that need not stay on the screen.

    Examples
    --------
    >>> QuietEvent().line, QuietEvent().is_milestone
    ('', False)
    """

    __slots__ = ()

    @property
    def line(self) -> str:
        """See `Event`."""
        return ""

    @property
    def is_milestone(self) -> bool:
        """See `Event`."""
        return False
