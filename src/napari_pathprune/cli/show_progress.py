"""Progress of a workflow: a bar on a terminal, and a line every ten seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from napari_pathprune.base.event import Event
from napari_pathprune.base.event_log import log_event
from napari_pathprune.base.plain_text import escape_controls
from napari_pathprune.base.time_left import TimeLeft, format_duration

AnyEvent = TypeVar("AnyEvent", bound=Event)

err: Final = Console(stderr=True)
PERIOD_S: Final = 10.0
"""Seconds between two lines where there is no terminal."""


def show_progress(events: Iterable[AnyEvent], label: str) -> Iterator[AnyEvent]:
    """Yield the events of a workflow, show its progress on stderr, and log it to the file of ``PATHPRUNE_EVENTS``.

    Parameters
    ----------
    events
        Events of any workflow.
    label
        What the workflow does, in a word or two.

    Yields
    ------
    AnyEvent
        The events, unchanged.
    """
    label = escape_controls(label)
    with _make_bar() as bar:
        task = bar.add_task(label, total=None, left="", line="")
        left, printed = TimeLeft(), _Printed(0, time.monotonic())
        for event in events:
            log_event(event)
            seconds = left.update(event.done, event.total)
            remaining = "" if seconds is None else f"about {format_duration(seconds)} left"
            if event.total is not None:
                note = "" if event.is_milestone else escape_controls(event.line)
                bar.update(task, completed=event.done, total=event.total, left=remaining, line=note)
                if not err.is_terminal and printed.is_due(event.done, event.total):
                    position = f"{label}: {event.done}/{event.total}"
                    _print_line(", ".join(part for part in (position, remaining, note) if part))
            if event.line and event.is_milestone:
                _print_line(event.line)
            yield event


@dataclass(slots=True)
class _Printed:
    """The amount of work and the time of the last line."""

    done: int
    time: float

    def is_due(self, done: int, total: int) -> bool:
        """Return whether the next line is due, and count it as printed: after a while, and once at the end."""
        now = time.monotonic()
        self.done = min(self.done, done)  # lower where the next stage counts anew
        if not done or done == self.done or (now - self.time <= PERIOD_S and done != total):
            return False
        self.done, self.time = done, now
        return True


def _make_bar() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", markup=False),
        TextColumn("{task.fields[line]}", markup=False),
        console=err,
        disable=not err.is_terminal,
    )


def _print_line(line: str) -> None:
    err.print(escape_controls(line), highlight=False, markup=False, soft_wrap=True)
