"""A runner follows a process from its first event to its end, and leaves it running when it goes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from napari_pathprune.base.event_log import LoggedEvent
from napari_pathprune.plugin.jobs.job import JobFinished

pytestmark = pytest.mark.gui


class Process:
    """A job with prepared batches of events, which ends after the last one."""

    def __init__(self, *batches):
        self.batches, self.cancelled, self.last = list(batches), False, None

    @property
    def is_read(self):
        return not self.batches

    def events(self):
        events = self.batches.pop(0) if self.batches else ()
        self.last = events[-1] if events else self.last
        return events

    def end(self):
        return JobFinished("", self.last) if not self.batches else None

    def cancel(self):
        self.cancelled = True


def step(done, *, is_milestone=False):
    return LoggedEvent(done, 10, f"step {done}", is_milestone, "Step")


@pytest.fixture
def runner(qapp):  # noqa: ARG001 - Qt must be running
    from napari_pathprune.plugin.jobs.processes.process_runner import ProcessRunner

    return ProcessRunner()


def test_all_events_come_in_batches_and_the_latest_one_by_one(runner, qtbot):
    seen = SimpleNamespace(batches=[], latest=[], names=[])
    runner.batch.connect(lambda events: seen.batches.append([event.done for event in events]))
    runner.received.connect(lambda event: seen.latest.append(event.done))
    runner.started.connect(lambda job: seen.names.append(job.name))
    process = Process((step(1, is_milestone=True), step(2), step(3)), (step(4),))
    with qtbot.waitSignal(runner.ended) as ended:
        runner.follow(process, "counting")
    assert seen.names == ["counting"]
    assert seen.batches == [[1, 2, 3], [4]]
    assert seen.latest == [1, 3, 4]
    assert ended.args[0].done == 4
    assert not runner.is_running


def test_stop_cancels_the_process_and_leave_does_not(runner, qtbot):
    process = Process(*[(step(number),) for number in range(1000)])
    runner.follow(process, "counting")
    runner.leave()
    assert not process.cancelled
    runner.follow(process, "counting")
    with qtbot.waitSignal(runner.stopping):
        runner.stop()
    assert process.cancelled
    runner.leave()
