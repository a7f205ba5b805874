"""The files of a job: read back as written, and the last line of a log."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_pathprune.plugin.jobs.processes.job_folder import (
    FIELDS,
    JOB_FILE,
    count_bytes,
    read_last_line,
    read_state,
    write_state,
)


def test_a_state_is_read_back_as_written(tmp_path: Path) -> None:
    state = dict.fromkeys(FIELDS, 1) | {"arguments": ["info", "hovernet-s"], "notes": {"out": "small"}}
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state
    assert [path.name for path in tmp_path.iterdir()] == [JOB_FILE]


@pytest.mark.parametrize("text", ["{", "[]", '{"arguments": []}'])
def test_a_folder_without_a_complete_state_is_no_job(tmp_path: Path, text: str) -> None:
    (tmp_path / JOB_FILE).write_text(text)
    with pytest.raises(ValueError, match="is not the folder of a job"):
        read_state(tmp_path)


def test_the_last_line_of_a_log_is_that_of_the_last_process(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    assert (read_last_line(log), count_bytes(log)) == ("", 0)
    log.write_text("first run\n")
    start = count_bytes(log)
    assert read_last_line(log) == "first run"
    assert read_last_line(log, start) == ""
    log.write_text("first run\nstep  3 of\t5\n \n")
    assert read_last_line(log, start) == "step 3 of 5"
