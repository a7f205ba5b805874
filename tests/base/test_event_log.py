"""Events written by one process are read by another, also after a process was killed in the middle of a line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from napari_pathprune.base.event_log import EVENTS, ProcessEnded, find_example, log_event, read_events, write_event


@dataclass(frozen=True)
class Step:
    done: int
    total: int | None = 4
    line: str = ""
    is_milestone: bool = False


@dataclass(frozen=True, eq=False)
class Rich(Step):
    losses: Mapping[str, float] | None = None
    inner: Step | None = None
    image: object = None
    path: Path = Path("a")


def test_an_event_comes_back_with_its_protocol_and_its_kind(tmp_path: Path) -> None:
    write_event(tmp_path / "log", Step(1, None, "\u00e4 line\nof two", is_milestone=True))
    (event,), _ = read_events(tmp_path / "log")
    assert (event.done, event.total, event.line, event.is_milestone) == (1, None, "\u00e4 line\nof two", True)
    assert (event.kind, event.facts) == ("Step", {})


def test_facts_are_plain_fields_without_arrays(tmp_path: Path) -> None:
    losses = {"np": np.float32(0.5), "hv": math.inf}
    write_event(tmp_path / "log", Rich(1, losses=losses, inner=Step(3), image=np.zeros((4, 4))))
    (event,), _ = read_events(tmp_path / "log")
    assert event.facts == {"losses": {"np": 0.5, "hv": None}, "inner": {"kind": "Step"}, "path": "a"}


def test_a_mapping_of_arrays_is_empty_and_a_list_of_arrays_is_left_out(tmp_path: Path) -> None:
    write_event(tmp_path / "log", Rich(1, losses={"w": np.zeros(3)}, image=[np.zeros(3)]))  # type: ignore[dict-item]
    (event,), _ = read_events(tmp_path / "log")
    assert event.facts["losses"] == {}
    assert "image" not in event.facts


def test_reading_continues_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert read_events(path) == ((), 0)
    write_event(path, Step(1))
    first, offset = read_events(path)
    assert [event.done for event in first] == [1]
    assert read_events(path, offset) == ((), offset)
    write_event(path, Step(2))
    assert [event.done for event in read_events(path, offset)[0]] == [2]


def test_a_long_log_is_read_in_pieces(tmp_path: Path) -> None:
    path, done, offset = tmp_path / "log", [], 0
    for number in range(20):
        write_event(path, Step(number, line="x" * (300 if number == 7 else 10)))
    pieces = 0
    while (piece := read_events(path, offset, most_bytes=250))[0]:
        pieces, offset = pieces + 1, piece[1]
        done += [event.done for event in piece[0]]
    assert done == list(range(20))
    assert pieces > 5


def test_an_incomplete_line_of_a_killed_process_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "log"
    write_event(path, Step(1))
    with path.open("a") as file:
        file.write('{"done": 2, "tot')
    events, offset = read_events(path)
    assert [event.done for event in events] == [1]
    write_event(path, Step(3))
    assert [event.done for event in read_events(path, offset)[0]] == [3]


def test_the_environment_names_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EVENTS, raising=False)
    log_event(ProcessEnded(0))
    monkeypatch.setenv(EVENTS, str(tmp_path / "log"))
    log_event(ProcessEnded(2, "got ratio=2"))
    (event,), _ = read_events(tmp_path / "log")
    assert (event.kind, event.line, event.facts) == ("ProcessEnded", "got ratio=2", {"code": 2})


def test_the_example_patch_is_beside_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EVENTS, raising=False)
    assert find_example() is None
    monkeypatch.setenv(EVENTS, str(tmp_path / "events.jsonl"))
    assert find_example() == tmp_path / "example.png"
