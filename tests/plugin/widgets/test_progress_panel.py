import threading
from types import SimpleNamespace

import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QPushButton

from napari_pathprune.plugin.jobs.job import Job, JobCancelled, JobFailed, JobFinished
from napari_pathprune.plugin.jobs.job_runner import JobRunner
from napari_pathprune.plugin.widgets.progress_panel import ProgressPanel

pytestmark = pytest.mark.gui


@pytest.fixture
def panel(qtbot):
    widget = ProgressPanel(QPushButton("Run"), unit="image")
    qtbot.addWidget(widget)
    return widget


def event(done, total, line="", *, is_milestone=False):
    return SimpleNamespace(done=done, total=total, line=line, is_milestone=is_milestone)


def test_a_made_up_workflow_of_three_events_reaches_the_progress_bar(panel, qtbot):
    """All that a new dock needs: a generator of events, a runner, a panel."""

    def three_events():
        yield event(0, 1200, "reading images", is_milestone=True)
        yield event(600, 1200, "loss 0.31")
        yield event(1200, 1200, "loss 0.25")

    runner = JobRunner()
    panel.follow(runner)
    seen = []
    runner.received.connect(lambda _: seen.append((panel.bar.value(), panel.bar.maximum())))
    with qtbot.waitSignal(runner.ended, timeout=20_000):
        runner.run(Job("counting", three_events))
        assert panel.cancel.isEnabled()
        assert panel.line.text() == "Starting counting ..."
    assert seen == [(0, 1200), (600, 1200), (1200, 1200)]
    assert panel.bar.format() == "1,200 of 1,200 images"
    assert panel.detail.text() == "loss 0.25"
    assert panel.line.text() == "loss 0.25"
    assert not panel.cancel.isEnabled()


def test_milestones_stay_and_other_lines_replace_each_other(panel):
    panel.show_event(event(0, 3, "reading 3 images", is_milestone=True))
    panel.show_event(event(1, 3, "first"))
    panel.show_event(event(2, 3, "second"))
    panel.show_event(event(2, 3))
    assert panel.line.text() == "reading 3 images"
    assert panel.detail.text() == "second"


def test_the_bar_is_busy_until_the_total_is_known(panel):
    panel.start(Job("counting", list))
    panel.show_event(event(0, None, "loading"))
    assert (panel.bar.minimum(), panel.bar.maximum()) == (0, 0)
    panel.show_event(event(1, 4))
    assert (panel.bar.value(), panel.bar.maximum()) == (1, 4)


def test_the_bar_shows_the_time_left(panel):
    job = SimpleNamespace(seconds_left=100.0)
    panel._runner = SimpleNamespace(job=job)
    panel.show_event(event(3, 12))
    assert panel.bar.format() == "3 of 12 images, about 1 min 40 s left"
    job.seconds_left = None
    panel.show_event(event(4, 12))
    assert panel.bar.format() == "4 of 12 images"


def test_cancel_stops_the_job_of_the_runner(panel, qtbot):
    runner = JobRunner()
    panel.follow(runner)
    gate = threading.Event()

    def wait():
        yield event(1, 2)
        gate.wait(20)
        yield event(1, 2)

    with qtbot.waitSignal(runner.ended, timeout=20_000):
        runner.run(Job("waiting", wait))
        panel.cancel.click()
        gate.set()
        assert panel.line.text() == "Stopping after the current image ..."
        assert not panel.cancel.isEnabled()
    assert panel.line.text() == "Cancelled after 1 of 2 images."


@pytest.mark.parametrize(
    ("end", "line"),
    [
        (JobFinished("wrote small.safetensors"), "wrote small.safetensors"),
        (JobFinished(), "Finished."),
        (JobCancelled(), "Cancelled."),
        (JobCancelled(last=event(1, 1)), "Cancelled after 1 of 1 image."),
    ],
)
def test_each_end_has_a_line(panel, end, line):
    panel.show_end(end)
    assert panel.line.text() == line
    assert not panel.line.styleSheet()


def test_an_error_is_coloured_and_a_notification(panel):
    panel.show_end(JobFailed("the slide is damaged"))
    assert panel.line.text() == notification_manager.records[-1].message == "the slide is damaged"
    assert "color" in panel.line.styleSheet()
    panel.show_line("next")
    assert not panel.line.styleSheet()


def test_a_dock_can_describe_the_end_in_its_own_words(panel, qtbot):
    runner = JobRunner()
    panel.follow(runner, lambda end: f"counted to {end.done}")
    with qtbot.waitSignal(runner.ended, timeout=20_000):
        runner.run(Job("counting", lambda: iter([event(2, 2)])))
    assert panel.line.text() == "counted to 2"
