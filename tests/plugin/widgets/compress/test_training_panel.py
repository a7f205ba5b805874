"""The panel of a training: which buttons are of use, and what becomes of a job that has ended."""

import json

import pytest

from napari_pathprune.base.event_log import ProcessEnded, write_event
from napari_pathprune.plugin.jobs.processes.process_job import ProcessJob, find_jobs

pytestmark = pytest.mark.gui


@pytest.fixture
def panel(qtbot):
    from qtpy.QtWidgets import QPushButton

    from napari_pathprune.plugin.widgets.compress.training_panel import TrainingPanel

    panel = TrainingPanel(QPushButton("Start"))
    qtbot.addWidget(panel)
    panel.show()
    return panel


def end_job(root, name, code=0, line=""):
    """Return a job that has ended."""
    folder = root / name
    folder.mkdir(parents=True)
    out = root / f"{name}.safetensors"
    state = {"arguments": ["finetune"], "pid": 2**22 + 1, "created": 1.0, "started": 1.0, "cancelled": False}
    state |= {"dismissed": False, "notes": {"model": "hovernet-s", "out": str(out)}, "events_bytes": 0, "log_bytes": 0}
    (folder / "job.json").write_text(json.dumps(state))
    write_event(folder / "events.jsonl", ProcessEnded(code, line))
    return ProcessJob(folder), out


def test_a_model_that_was_written_is_reported_and_its_job_forgotten_after_the_next(panel, tmp_path, qtbot):
    job, out = end_job(tmp_path, "one")
    out.touch()
    with qtbot.waitSignal(panel.written) as written:
        panel.follow(job)
    assert written.args == [out]
    assert panel.is_finished
    assert panel.both.isVisible()
    assert not panel.report.isVisible()
    panel.follow(end_job(tmp_path, "two")[0])
    assert [found.folder.name for found in find_jobs(tmp_path)] == ["two"]


def test_a_job_that_failed_can_be_resumed(panel, tmp_path, qtbot):
    job, _ = end_job(tmp_path, "one", 2, "the disk is full")
    with qtbot.waitSignal(panel.changed), qtbot.waitSignal(panel.runner.ended):
        panel.follow(job)
    assert panel.progress.line.text() == "the disk is full"
    assert panel.resume.isVisible()
    assert not panel.both.isVisible()
