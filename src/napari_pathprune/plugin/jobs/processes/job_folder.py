"""The files in the folder of a job that runs in a process of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from napari_pathprune.base.atomic import write_atomically

JOB_FILE: Final = "job.json"
EVENTS_FILE: Final = "events.jsonl"
LOG_FILE: Final = "log.txt"
FIELDS: Final = frozenset(
    {"arguments", "pid", "created", "started", "cancelled", "dismissed", "notes", "events_bytes", "log_bytes"}
)
"""What ``job.json`` states."""
LOG_TAIL_BYTES: Final = 4096


def write_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Write ``job.json``, so that a reader finds either the old state or the new one.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    with write_atomically(folder / JOB_FILE) as part:
        part.write_text(json.dumps(state, indent=1), encoding="utf-8")


def read_state(folder: Path) -> dict[str, Any]:
    """Return what ``job.json`` states.

    Raises
    ------
    ValueError
        If there is no such file, or something in it is missing.
    """
    try:
        state: dict[str, Any] = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
        if state.keys() >= FIELDS:
            return state
    except (OSError, ValueError, AttributeError):
        pass
    raise ValueError(f"{folder} is not the folder of a job: it has no readable {JOB_FILE}")


def count_bytes(path: Path) -> int:
    """Return the size of a file; 0 if it does not exist."""
    return path.stat().st_size if path.exists() else 0


def read_last_line(log: Path, start: int = 0) -> str:
    """Return the last line of a log that is not empty, without repeated spaces; empty if there is none.

    Parameters
    ----------
    log
        The file; it may not exist.
    start
        Where to begin, in bytes; what an earlier process printed comes before.
    """
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - LOG_TAIL_BYTES, start))
            lines = file.read().decode(errors="replace").split("\n")
    except (OSError, ValueError):
        return ""
    return next((" ".join(line.split()) for line in reversed(lines) if line.strip()), "")
