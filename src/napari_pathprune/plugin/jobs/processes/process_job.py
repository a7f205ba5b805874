"""Workflows in processes of their own, which survive the window and are found again later."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import psutil
from platformdirs import user_data_path

from napari_pathprune.base.event import Event
from napari_pathprune.base.event_log import EVENTS, LoggedEvent, ProcessEnded, read_events
from napari_pathprune.plugin.jobs.job import JobCancelled, JobEnd, JobFailed, JobFinished
from napari_pathprune.plugin.jobs.processes.job_folder import (
    EVENTS_FILE,
    JOB_FILE,
    LOG_FILE,
    count_bytes,
    read_last_line,
    read_state,
    write_state,
)

MODULE: Final = "napari_pathprune.cli"
STOPPED: Final = 130
"""Exit code of a process that was interrupted."""
KILL_AFTER_S: Final = 1.5
"""How long a process that was asked to terminate may go on."""
SAME_START_S: Final = 1.0
"""Process ids are used again; a process that started at another time than recorded is not the job's."""


def jobs_folder() -> Path:
    """Return the folder that holds the folders of jobs, in the user's data folder."""
    return Path(user_data_path("napari-pathprune", appauthor=False)) / "jobs"


class ProcessJob:
    """A verb of the command line that runs in a process of its own.

    The process does not depend on the one that started it. Its state is in a folder: ``job.json`` (arguments, process
    id, time of the start), ``events.jsonl`` (see `base.event_log`) and ``log.txt`` (what it printed).

    Parameters
    ----------
    folder
        Folder of the job.

    Raises
    ------
    ValueError
        If there is no job in the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._state = read_state(folder)
        self._offset = 0
        self._last: Event | None = None
        self._ended: LoggedEvent | None = None

    def __repr__(self) -> str:
        return f"ProcessJob({str(self.folder)!r})"

    @property
    def arguments(self) -> tuple[str, ...]:
        """The words after ``pathprune``."""
        return tuple(self._state["arguments"])

    @property
    def started(self) -> float:
        """Time of the latest start, in seconds since the epoch."""
        return float(self._state["started"])

    @property
    def notes(self) -> Mapping[str, Any]:
        """What `start_process` was asked to record."""
        return dict(self._state["notes"])

    @property
    def is_dismissed(self) -> bool:
        """Whether `find_jobs` leaves the job out."""
        return bool(self._state["dismissed"])

    @property
    def log(self) -> Path:
        """The file with everything that the process printed."""
        return self.folder / LOG_FILE

    @property
    def is_read(self) -> bool:
        """Whether `events` has returned all that the process has written."""
        return self._offset >= count_bytes(self.folder / EVENTS_FILE)

    @property
    def is_running(self) -> bool:
        """Whether the process is running."""
        return self._process() is not None

    def events(self) -> tuple[LoggedEvent, ...]:
        """Return the events since the last call, from the start of the job on; at most half a megabyte of them.

        The events of a job that was resumed include those before its interruption.
        """
        events, self._offset = read_events(self.folder / EVENTS_FILE, self._offset)
        shown = []
        for event in events:
            if event.kind == ProcessEnded.__name__:
                self._ended = event
            else:
                self._ended, self._last = None, event
                shown.append(event)
        return tuple(shown)

    def end(self) -> JobEnd | None:
        """Return how the process ended; None while it is running.

        Call `events` until `is_read`, after the process has ended, to have the right answer.
        """
        if self.is_running:
            return None
        if self._state["cancelled"]:
            return JobCancelled(last=self._last)
        if self._ended is None or self._offset <= self._state["events_bytes"]:
            return JobFailed(self._explain_death(), self._last)
        if self._ended.facts["code"] == STOPPED:
            return JobCancelled(last=self._last)
        return (JobFailed if self._ended.line else JobFinished)(self._ended.line, self._last)

    def cancel(self) -> None:
        """Terminate the process, within two seconds; return at once. `resume` continues the job."""
        process = self._process()
        if process is None:
            return
        self._write_state(cancelled=True)
        _signal_group(process.pid, signal.SIGTERM)
        threading.Thread(target=_kill_later, args=(process,), name="kill", daemon=True).start()

    def resume(self) -> None:
        """Start the same arguments again. Workflows continue where they were stopped.

        Raises
        ------
        ValueError
            If the process is still running.
        """
        if self.is_running:
            raise ValueError(f"{self.folder} is the folder of a job that is still running; cancel it first")
        self._ended = None
        self._state = _start(self.folder, self.arguments, self.notes)

    def dismiss(self) -> None:
        """Let `find_jobs` leave this job out from now on. Its files stay."""
        self._write_state(dismissed=True)

    def _process(self) -> psutil.Process | None:
        try:
            process = psutil.Process(self._state["pid"])
            is_same = abs(process.create_time() - self._state["created"]) < SAME_START_S
            return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None

    def _write_state(self, **changes: object) -> None:
        self._state = {**self._state, **changes}
        write_state(self.folder, self._state)

    def _explain_death(self) -> str:
        """Return one line about a process that ended without a last event: the last line that it printed."""
        last = read_last_line(self.log, self._state["log_bytes"]).removeprefix("pathprune: ")
        return "the process was ended from outside" + (f"; its last line: {last}" if last else "")


def start_process(folder: Path, arguments: Sequence[str], notes: Mapping[str, Any] | None = None) -> ProcessJob:
    """Start ``pathprune ARGUMENTS`` in a process that does not depend on this one.

    Parameters
    ----------
    folder
        Folder of the job; created if it does not exist. Paths in the arguments have to be absolute.
    arguments
        The words after ``pathprune``.
    notes
        Anything for JSON that the caller wants to find again in `ProcessJob.notes`.

    Raises
    ------
    ValueError
        If another job is running in the folder.
    OSError
        If the folder cannot be written or the process cannot be started.
    """
    if (folder / JOB_FILE).exists() and ProcessJob(folder).is_running:
        raise ValueError(f"{folder} is the folder of a job that is still running; give another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for name in (EVENTS_FILE, LOG_FILE):
        (folder / name).unlink(missing_ok=True)
    _start(folder, arguments, notes or {})
    return ProcessJob(folder)


def find_jobs(root: Path) -> tuple[ProcessJob, ...]:
    """Return the jobs below a folder that were not dismissed, whether they run or have ended; latest start last.

    Parameters
    ----------
    root
        Holds the folders of jobs; it may not exist. Folders without a readable ``job.json`` are skipped.
    """
    jobs = []
    for file in root.glob(f"*/{JOB_FILE}"):
        try:
            job = ProcessJob(file.parent)
        except ValueError:
            continue
        if not job.is_dismissed:
            jobs.append(job)
    return tuple(sorted(jobs, key=lambda job: job.started))


def _start(folder: Path, arguments: Sequence[str], notes: Mapping[str, Any]) -> dict[str, Any]:
    """Start the process and return what ``job.json`` states about it."""
    events, log = folder / EVENTS_FILE, folder / LOG_FILE
    before = {"events_bytes": count_bytes(events), "log_bytes": count_bytes(log)}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, EVENTS: str(events.resolve()), "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    threading.Thread(target=process.wait, name=f"wait for {process.pid}", daemon=True).start()  # leaves no zombie
    try:
        created = psutil.Process(process.pid).create_time()
    except psutil.Error:  # it has ended already
        created = time.time()
    state = {
        "arguments": list(arguments),
        "pid": process.pid,
        "created": created,
        "started": time.time(),
        "cancelled": False,
        "dismissed": False,
        "notes": dict(notes),
        **before,
    }
    write_state(folder, state)
    return state


def _signal_group(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process and its children."""
    try:
        if os.name == "posix":
            os.killpg(pid, number)
        else:
            for process in (*psutil.Process(pid).children(recursive=True), psutil.Process(pid)):
                process.terminate()
    except (ProcessLookupError, psutil.Error):
        pass


def _kill_later(process: psutil.Process) -> None:
    try:
        process.wait(KILL_AFTER_S)
    except psutil.TimeoutExpired:
        _signal_group(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    except psutil.Error:
        pass
