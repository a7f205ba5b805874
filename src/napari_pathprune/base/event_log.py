"""Events of a workflow in a file, one JSON object a line, so that another process can follow them."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Final

from napari_pathprune.base.event import Event

EVENTS: Final = "PATHPRUNE_EVENTS"
"""Environment variable with the path of the log that a process writes its events to."""
EXAMPLE: Final = "example.png"
"""Name of the example patch that a training draws beside its log."""
MOST_ENTRIES: Final = 256
"""Longest sequence or mapping that is written."""
CHUNK_BYTES: Final = 1 << 19
"""How much `read_events` reads at a time; parsing it takes about 10 ms."""
_PROTOCOL: Final = frozenset({"done", "total", "line", "is_milestone"})
_SKIP: Final = object()


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event as read from a log; an `Event` itself.

    Attributes
    ----------
    done, total, line, is_milestone
        See `base.event.Event`.
    kind
        Name of the class of the event.
    facts
        The other fields of the event that are numbers, texts, or small collections of those. A dataclass in a field
        is a mapping with its own ``kind``. Numbers that are not finite are None.
    """

    done: int
    total: int | None
    line: str
    is_milestone: bool
    kind: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProcessEnded:
    """The last event of a process.

    Attributes
    ----------
    code
        Exit code of the process.
    line
        What went wrong; empty if nothing did.
    done, total, is_milestone
        See `base.event.Event`.
    """

    code: int
    line: str = ""
    done: int = 0
    total: int | None = None
    is_milestone: bool = True


def write_event(path: Path, event: Event) -> None:
    r"""Append an event to a log.

    Parameters
    ----------
    path
        The log; created if it does not exist.
    event
        Arrays and tensors in its fields are left out.

    Raises
    ------
    OSError
        If the log cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "events.jsonl"
    >>> write_event(path, ProcessEnded(0))
    >>> path.read_text()
    '{"done": 0, "total": null, "line": "", "is_milestone": true, "kind": "ProcessEnded", "facts": {"code": 0}}\n'
    """
    entry = {
        "done": event.done,
        "total": event.total,
        "line": event.line,
        "is_milestone": event.is_milestone,
        "kind": type(event).__name__,
        "facts": _list_facts(event),
    }
    with path.open("ab+") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":  # the process before this one was killed in the middle of a line
                file.write(b"\n")
        file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")


def log_event(event: Event) -> None:
    """Append an event to the log that `EVENTS` names; do nothing if it names none."""
    path = os.environ.get(EVENTS)
    if path:
        write_event(Path(path), event)


def find_example() -> Path | None:
    """Return the file for the example patch of a training, beside the log that `EVENTS` names; None without a log."""
    path = os.environ.get(EVENTS)
    return Path(path).with_name(EXAMPLE) if path else None


def read_events(path: Path, offset: int = 0, most_bytes: int = CHUNK_BYTES) -> tuple[tuple[LoggedEvent, ...], int]:
    """Read the next events of a log.

    Parameters
    ----------
    path
        The log; it may not exist yet.
    offset
        Where to start, in bytes.
    most_bytes
        How much to read at most, or one line if that is longer.

    Returns
    -------
    events
        Complete lines only; lines that a killed process left incomplete are skipped.
    offset
        Where to continue. It equals the given offset when there is nothing new.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            chunk = file.read(most_bytes)
            while b"\n" not in chunk and (more := file.read(most_bytes)):
                chunk += more
    except FileNotFoundError:
        return (), offset
    complete = chunk[: chunk.rfind(b"\n") + 1]
    parsed = (_parse_line(line) for line in complete.splitlines())
    return tuple(event for event in parsed if event is not None), offset + len(complete)


def _parse_line(line: bytes) -> LoggedEvent | None:
    try:
        return LoggedEvent(**json.loads(line))
    except (ValueError, TypeError):
        return None


def _list_facts(event: object) -> dict[str, Any]:
    if not dataclasses.is_dataclass(event):
        return {}
    values = ((one.name, getattr(event, one.name)) for one in dataclasses.fields(event))
    facts = {name: _simplify(value) for name, value in values if name not in _PROTOCOL}
    return {name: value for name, value in facts.items() if value is not _SKIP}


def _simplify(value: object) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return a value for JSON; `_SKIP` if it is an array, too long, or of an unknown type."""
    if dataclasses.is_dataclass(value):
        return {"kind": type(value).__name__, **_list_facts(value)}
    if isinstance(value, Mapping) and len(value) <= MOST_ENTRIES:
        entries = {str(key): _simplify(one) for key, one in value.items()}
        return {key: one for key, one in entries.items() if one is not _SKIP}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) <= MOST_ENTRIES:
        parts = [_simplify(one) for one in value]
        return _SKIP if any(part is _SKIP for part in parts) else parts
    return _simplify_scalar(value)


def _simplify_scalar(value: object) -> Any:  # noqa: ANN401 - whatever JSON holds
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else _SKIP
