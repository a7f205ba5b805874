"""Any workflow, run in the background: Qt signals out, no event types and no threads in the dock."""

import gc
import itertools
import threading
import time
from types import SimpleNamespace

import pytest
from napari.qt.threading import WorkerBase
from qtpy.QtWidgets import QWidget

from napari_pathprune.plugin.jobs import job_runner as module
from napari_pathprune.plugin.jobs.job import Job, JobCancelled, JobFailed, JobFinished
from napari_pathprune.plugin.jobs.job_runner import JobRunner

pytestmark = pytest.mark.gui


@pytest.fixture
def runner(qtbot):  # noqa: ARG001 - Qt must be running
    runner = JobRunner()
    yield runner
    runner.stop()


class Workflow:
    """Yield three events, each after a permit."""

    def __init__(self):
        self.permits, self.thread, self.closed = threading.Semaphore(0), None, False

    def __call__(self):
        self.thread = threading.current_thread()
        try:
            for done in (1, 2, 3):
                assert self.permits.acquire(timeout=20)
                yield SimpleNamespace(done=done, total=3, line="", is_milestone=False)
        finally:
            self.closed = True


def test_signals_report_start_events_and_end_in_order(runner, qtbot):
    seen = []
    runner.started.connect(lambda job: seen.append(job.name))
    runner.received.connect(lambda event: seen.append((event.done, threading.current_thread())))
    runner.ended.connect(lambda end: seen.append(type(end)))
    workflow = Workflow()
    workflow.permits.release(3)
    with qtbot.waitSignal(runner.ended, timeout=20_000):
        runner.run(Job("counting", workflow))
        assert runner.is_running
    window = threading.main_thread()
    assert seen == ["counting", (1, window), (2, window), (3, window), JobFinished]
    assert workflow.thread is not window
    assert not runner.is_running
    assert runner.job is None


def test_stop_ends_the_job_after_the_current_step(runner, qtbot):
    workflow = Workflow()
    with qtbot.waitSignal(runner.received, timeout=20_000):
        runner.run(Job("counting", workflow))
        workflow.permits.release()
    with qtbot.waitSignal(runner.stopping):
        runner.stop()
    with qtbot.waitSignal(runner.ended, timeout=20_000) as ended:
        workflow.permits.release()
    assert isinstance(ended.args[0], JobCancelled)
    assert ended.args[0].done in {1, 2}  # 1 if the worker had not asked for the next event yet
    assert workflow.closed


def test_stop_without_a_job_does_nothing(runner, qtbot):
    with qtbot.assertNotEmitted(runner.stopping):
        runner.stop()


def test_an_error_is_reported_as_the_end(runner, qtbot):
    def fail():
        raise RuntimeError("no kernel image")  # superqt would take it for the end of its worker
        yield

    with qtbot.waitSignal(runner.ended, timeout=20_000) as ended:
        runner.run(Job("failing", fail))
    assert ended.args == [JobFailed("unexpected RuntimeError: no kernel image")]


def test_a_worker_that_napari_quits_ends_as_cancelled_and_closes_the_workflow(runner, qtbot):
    closed = threading.Event()

    def count_forever():
        try:
            for done in itertools.count():
                time.sleep(0.01)
                yield SimpleNamespace(done=done, total=None, line="", is_milestone=False)
        finally:
            closed.set()

    with qtbot.waitSignal(runner.received, timeout=20_000):
        runner.run(Job("counting", count_forever))
    with qtbot.waitSignal(runner.ended, timeout=20_000) as ended:
        WorkerBase.await_workers(msecs=20_000)
    assert isinstance(ended.args[0], JobCancelled)
    assert closed.is_set()


def test_destroying_the_runner_stops_its_job(qtbot):
    from qtpy.QtCore import QObject

    dock = QObject()
    runner, workflow = JobRunner(dock), Workflow()
    with qtbot.waitSignal(runner.received, timeout=20_000):
        runner.run(Job("counting", workflow))
        workflow.permits.release()
    dock.deleteLater()
    with qtbot.waitSignal(dock.destroyed):
        pass
    workflow.permits.release()
    qtbot.waitUntil(lambda: workflow.closed, timeout=20_000)


class Panel(QWidget):
    """A widget in a circle of references with its runner, as docks are."""

    def __init__(self):
        super().__init__()
        self.runner = JobRunner(self)
        self.runner.ended.connect(self.take)
        self.runner.started.connect(self.take)
        self.circle, self.taken = self, None

    def take(self, event):
        self.taken = event


def test_a_runner_that_is_garbage_before_qt_destroys_it_ends_quietly(qtbot):
    """The garbage collector must not clear what Qt calls later, or the program ends."""
    before = set(module._STOPPERS)
    for _ in range(3):
        panel = Panel()
        panel.deleteLater()
        del panel
        gc.collect()
        qtbot.wait(10)
    assert set(module._STOPPERS) <= before


def test_the_end_of_python_stops_jobs_and_waits_for_their_steps(runner):
    workflow = Workflow()
    runner.run(Job("count", workflow))
    threading.Timer(0.3, workflow.permits.release).start()  # the current step ends while Python waits
    module._stop_at_exit()
    assert workflow.closed
