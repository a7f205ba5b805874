"""Progress of a workflow: a bar on a terminal, and a line every ten seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from napari_pathprune.base.event import Event
from napari_pathprune.base.time_left import TimeLeft, format_duration

AnyEvent = TypeVar("AnyEvent", bound=Event)

err: Final = Console(stderr=True)
PERIOD_S: Final = 10.0
"""Seconds between two lines where there is no terminal."""


def show_progress(events: Iterable[AnyEvent], label: str) -> Iterator[AnyEvent]:
    """Yield the events of a workflow, and show its progress on stderr.

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
    with _make_bar() as bar:
        task = bar.add_task(label, total=None, left="", line="")
        left, shown = TimeLeft(), time.monotonic()
        for event in events:
            seconds = left.update(event.done, event.total)
            remaining = "" if seconds is None else f"about {format_duration(seconds)} left"
            if event.total is not None:
                note = "" if event.is_milestone else event.line
                bar.update(task, completed=event.done, total=event.total, left=remaining, line=note)
                now = time.monotonic()
                if not err.is_terminal and event.done and (now - shown > PERIOD_S or event.done == event.total):
                    position = f"{label}: {event.done}/{event.total}"
                    _print_line(", ".join(part for part in (position, remaining, note) if part))
                    shown = now
            if event.line and event.is_milestone:
                _print_line(event.line)
            yield event


def _make_bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[line]}"),
        console=err,
        disable=not err.is_terminal,
    )


def _print_line(line: str) -> None:
    err.print(line, highlight=False, soft_wrap=True)
