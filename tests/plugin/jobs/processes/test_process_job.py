"""Jobs in processes of their own: found again, killed, resumed; a job that dies says why."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from napari_pathprune.plugin.jobs.job import JobCancelled, JobFailed, JobFinished
from napari_pathprune.plugin.jobs.processes import process_job as module
from napari_pathprune.plugin.jobs.processes.process_job import ProcessJob, find_jobs, start_process

COUNTER = """
import os, sys, time
from pathlib import Path
from types import SimpleNamespace
from napari_pathprune.base.event_log import ProcessEnded, log_event

state, total = Path(sys.argv[1]), int(sys.argv[2])
done = int(state.read_text()) if state.exists() else 0
print(f"starts at {done}")
while done < total:
    done += 1
    state.write_text(str(done))
    log_event(SimpleNamespace(done=done, total=total, line=f"counted {done}", is_milestone=False))
    if len(sys.argv) > 3 and done == 3:
        print(sys.argv[3])
        time.sleep(60)
log_event(ProcessEnded(0))
"""


@pytest.fixture
def counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replace the command line by a program that counts, and resumes where it was stopped."""
    (tmp_path / "counter.py").write_text(COUNTER)
    monkeypatch.setattr(module, "MODULE", "counter")
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    return tmp_path / "state"


def wait_until(is_true) -> None:
    deadline = time.monotonic() + 30
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for_end(job: ProcessJob):
    wait_until(lambda: not job.is_running)
    while not job.is_read:
        job.events()
    return job.end()


def test_a_job_reports_its_events_and_its_end(counter: Path, tmp_path: Path) -> None:
    job = start_process(tmp_path / "jobs" / "one", (str(counter), "3"), {"out": "small"})
    end = wait_for_end(job)
    assert type(end) is JobFinished
    assert (end.done, end.total) == (3, 3)
    assert job.events() == ()
    assert job.notes == {"out": "small"}
    assert [event.done for event in ProcessJob(job.folder).events()] == [1, 2, 3]


def test_a_job_outlives_its_starter_and_is_found_cancelled_and_resumed(counter: Path, tmp_path: Path) -> None:
    folder = tmp_path / "jobs" / "one"
    start = f"""
from pathlib import Path
from napari_pathprune.plugin.jobs.processes import process_job
process_job.MODULE = "counter"
process_job.start_process(Path({str(folder)!r}), ({str(counter)!r}, "5", "waiting"))
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", start], check=True)
    (job,) = find_jobs(tmp_path / "jobs")
    wait_until(lambda: counter.exists() and counter.read_text() == "3")
    assert job.is_running
    assert job.end() is None
    with pytest.raises(ValueError, match="still running"):
        job.resume()
    with pytest.raises(ValueError, match="still running"):
        start_process(folder, ())
    job.cancel()
    assert type(wait_for_end(job)) is JobCancelled
    (again,) = find_jobs(tmp_path / "jobs")
    again.resume()
    assert type(wait_for_end(again)) is JobFinished
    assert [event.done for event in ProcessJob(folder).events()] == [1, 2, 3, 4, 5]
    assert "starts at 3" in again.log.read_text()


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_a_killed_process_is_explained_by_its_last_line(counter: Path, tmp_path: Path) -> None:
    job = start_process(tmp_path / "jobs" / "one", (str(counter), "5", "step 3  of 5"))
    wait_until(lambda: "of 5" in job.log.read_text())
    os.kill(json.loads((job.folder / "job.json").read_text())["pid"], signal.SIGKILL)
    end = wait_for_end(job)
    assert type(end) is JobFailed
    assert end.line == "the process was ended from outside; its last line: step 3 of 5"
    job.resume()  # its log names the first run, which must not explain the end of the second
    assert type(wait_for_end(job)) is JobFinished


def test_a_mistake_is_the_line_of_the_command_line(tmp_path: Path) -> None:
    job = start_process(tmp_path / "jobs" / "one", ("info", str(tmp_path / "no.safetensors")))
    end = wait_for_end(job)
    assert type(end) is JobFailed
    assert end.line.startswith(f"there is no model '{tmp_path}")


def test_a_job_that_cannot_start_names_the_reason(counter: Path, tmp_path: Path) -> None:
    job = start_process(tmp_path / "jobs" / "one", (str(counter), "many"))
    end = wait_for_end(job)
    assert type(end) is JobFailed
    assert "invalid literal for int() with base 10: 'many'" in end.line


def test_a_process_with_the_same_id_is_not_the_job(counter: Path, tmp_path: Path) -> None:
    job = start_process(tmp_path / "jobs" / "one", (str(counter), "1"))
    wait_for_end(job)
    path = job.folder / "job.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pid": os.getpid()}))
    found = ProcessJob(job.folder)
    assert not found.is_running
    found.cancel()  # would end the tests


def test_dismissed_and_damaged_jobs_are_not_found(counter: Path, tmp_path: Path) -> None:
    jobs = [start_process(tmp_path / "jobs" / name, (str(counter), "1")) for name in ("a", "b")]
    for job in jobs:
        wait_for_end(job)
    (tmp_path / "jobs" / "c").mkdir()
    (tmp_path / "jobs" / "c" / "job.json").write_text("{")
    assert [job.folder.name for job in find_jobs(tmp_path / "jobs")] == ["a", "b"]
    jobs[0].dismiss()
    assert [job.folder.name for job in find_jobs(tmp_path / "jobs")] == ["b"]
    assert find_jobs(tmp_path / "nowhere") == ()
    with pytest.raises(ValueError, match="not the folder of a job"):
        ProcessJob(tmp_path)
