"""A workflow that runs in the background, can be stopped, and always ends with one event."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from napari_pathprune.base.error_line import error_line, is_mistake
from napari_pathprune.base.event import Event
from napari_pathprune.base.plain_text import get_plain_logger
from napari_pathprune.base.time_left import TimeLeft

LOG = get_plain_logger(__name__)


@dataclass(frozen=True, slots=True)
class JobEnd:
    """The last event of a job; an `Event` itself.

    Attributes
    ----------
    line
        One line for the user; may be empty.
    last
        The last event of the workflow, which often carries its result; None if there was none.
    """

    line: str = ""
    last: Event | None = None

    @property
    def done(self) -> int:
        """How much had been done."""
        return 0 if self.last is None else self.last.done

    @property
    def total(self) -> int | None:
        """How much there was to do, if that was known."""
        return None if self.last is None else self.last.total

    @property
    def is_milestone(self) -> bool:
        """Always true."""
        return True


class JobFinished(JobEnd):
    """The workflow has run to its end."""


class JobCancelled(JobEnd):
    """The workflow was stopped on request."""


class JobFailed(JobEnd):
    """The workflow raised an error; `line` describes it."""


class Job:
    """One run of a workflow.

    `events` runs in a worker's thread. `stop` may be called from any thread.

    Parameters
    ----------
    name
        What the job does, as a noun phrase. napari shows it when a window with running jobs is closed.
    workflow
        Returns the events of the workflow. It is called in the worker's thread, so it can import and load there.

    Attributes
    ----------
    seconds_left
        Estimated time until the workflow has finished; None while it cannot be estimated.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> def count_to_two():
    ...     for done in (1, 2):
    ...         yield SimpleNamespace(done=done, total=2, line="", is_milestone=False)
    >>> job = Job("counting", count_to_two)
    >>> [type(event).__name__ for event in job.events()]
    ['SimpleNamespace', 'SimpleNamespace', 'JobFinished']
    """

    def __init__(self, name: str, workflow: Callable[[], Iterator[Event]]) -> None:
        self.name = name
        self.seconds_left: float | None = None
        self._workflow = workflow
        self._source: Iterator[Event] | None = None
        self._last: Event | None = None
        self._stop = threading.Event()

    def __repr__(self) -> str:
        return self.name

    def stop(self) -> None:
        """Request the end of the job. The current step is completed first."""
        self._stop.set()

    def close(self) -> None:
        """Close the workflow, with its files and threads.

        `events` does this itself. It is only needed after napari has quit the worker between two events, and then in
        the worker's thread.
        """
        close = getattr(self._source, "close", None)
        if close is not None:
            close()

    def events(self) -> Iterator[Event]:
        """Run the workflow.

        Errors do not leave this generator: napari would show a traceback, and superqt takes any RuntimeError, such as
        those of torch, for the end of its own worker.

        Yields
        ------
        Event
            The events of the workflow, then exactly one `JobFinished`, `JobCancelled` or `JobFailed`. A workflow whose
            last event reported all work done is not cancelled any more.
        """
        end: JobEnd
        try:
            end = yield from self._run()
        except Exception as error:
            if not is_mistake(error):
                LOG.exception("%s failed", self.name)
            end = JobFailed(error_line(error), self._last)
        yield end

    def _run(self) -> Generator[Event, None, JobEnd]:
        time_left = TimeLeft()
        self._source = self._workflow()
        try:
            for event in self._source:
                self._last = event
                self.seconds_left = time_left.update(event.done, event.total)
                yield event
                if self._stop.is_set() and event.done != event.total:
                    return JobCancelled(last=event)
        finally:
            self.close()
        return JobFinished("" if self._last is None else self._last.line, self._last)
