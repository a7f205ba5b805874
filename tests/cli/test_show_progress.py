"""Without a terminal, progress is a line now and then, and milestones are always printed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from napari_pathprune.base.event_log import EVENTS, read_events
from napari_pathprune.cli import show_progress as module
from napari_pathprune.cli.show_progress import show_progress


@dataclass(frozen=True)
class Step:
    done: int
    total: int | None = 4
    line: str = ""
    is_milestone: bool = False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let six seconds pass between two looks at the clock."""
    now = iter(range(0, 6000, 6))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now))


def test_the_events_pass_unchanged() -> None:
    events = [Step(1), Step(2)]
    assert list(show_progress(events, "testing")) == events


@pytest.mark.usefixtures("clock")
def test_a_line_is_printed_after_ten_seconds_and_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    list(show_progress([Step(done, line=f"loss {done}") for done in range(1, 5)], "testing"))
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(",")[0] for line in lines] == ["testing: 2/4", "testing: 4/4"]
    assert "left" in lines[0]
    assert lines[0].endswith("loss 2")


def test_stages_that_start_anew_are_printed_again(capsys: pytest.CaptureFixture[str]) -> None:
    list(show_progress([Step(4), Step(4), Step(1), Step(4)], "testing"))
    assert capsys.readouterr().err.count("testing: 4/4") == 2


def test_a_milestone_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    list(show_progress([Step(0, None, "stage 1 of 2 [x]", is_milestone=True)], "testing"))
    assert capsys.readouterr().err == "stage 1 of 2 [x]\n"


def test_events_are_logged_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EVENTS, str(tmp_path / "log"))
    list(show_progress([Step(1), Step(2)], "testing"))
    assert [event.done for event in read_events(tmp_path / "log")[0]] == [1, 2]
