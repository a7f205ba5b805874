import gc
import logging
from types import SimpleNamespace

import pytest

from napari_pathprune.plugin.jobs.job import Job, JobCancelled, JobEnd, JobFailed, JobFinished


def event(done, total=3, line=""):
    """An event of a made-up workflow: no type of its own, only the four properties."""
    return SimpleNamespace(done=done, total=total, line=line, is_milestone=False)


class Workflow:
    """Yield three events, or raise an error before one of them."""

    def __init__(self, error=None, error_at=2):
        self.error, self.error_at, self.closed = error, error_at, False

    def __call__(self):
        try:
            for done in (1, 2, 3):
                if self.error is not None and done == self.error_at:
                    raise self.error
                yield event(done, line=f"step {done}")
        finally:
            self.closed = True


def test_a_job_passes_on_the_events_of_its_workflow_and_then_finishes():
    *events, end = Job("counting", Workflow()).events()
    assert [each.done for each in events] == [1, 2, 3]
    assert end == JobFinished("step 3", events[-1])
    assert (end.done, end.total, end.is_milestone) == (3, 3, True)


def test_a_workflow_without_events_finishes():
    [end] = Job("nothing", lambda: iter(())).events()
    assert end == JobFinished()
    assert (end.done, end.total) == (0, None)


def test_a_stopped_job_completes_its_step_and_closes_the_workflow():
    workflow = Workflow()
    job = Job("counting", workflow)
    events = []
    for each in job.events():
        events.append(each)
        if each.done == 2:
            job.stop()
    assert [each.done for each in events[:-1]] == [1, 2]
    assert events[-1] == JobCancelled(last=events[-2])
    assert workflow.closed


def test_a_job_that_is_stopped_before_it_starts_ends_at_its_first_event():
    job = Job("counting", Workflow())
    job.stop()
    assert [type(each) for each in job.events()] == [SimpleNamespace, JobCancelled]


def test_a_job_that_has_done_everything_is_not_cancelled():
    job = Job("counting", Workflow())
    ends = []
    for each in job.events():
        if each.done == 3:
            job.stop()
        ends.append(each)
    assert isinstance(ends[-1], JobFinished)


@pytest.mark.parametrize(
    ("error", "line", "is_logged"),
    [
        (ValueError("the slide is damaged\nread it again"), "the slide is damaged read it again", False),
        (FileNotFoundError("gone.svs: there is no such file"), "gone.svs: there is no such file", False),
        (RuntimeError("no kernel image"), "unexpected RuntimeError: no kernel image", True),
        (MemoryError(), "not enough memory: take a smaller region or a more compact model", False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_ends_the_job_with_the_line_of_the_shell(caplog, error, line, is_logged):
    workflow = Workflow(error)
    with caplog.at_level(logging.ERROR):
        events = list(Job("counting", workflow).events())
    assert events[-1] == JobFailed(line, events[0])
    assert [isinstance(each, JobEnd) for each in events] == [False, True]
    assert bool(caplog.records) == is_logged
    assert workflow.closed


def test_an_error_before_the_first_event_ends_the_job():
    def fail():
        raise ValueError("no such model")

    assert list(Job("failing", fail).events()) == [JobFailed("no such model")]


def test_an_error_while_the_workflow_is_closed_ends_the_job():
    def workflow():
        try:
            yield event(1)
        finally:
            raise ValueError("the file cannot be closed")

    job = Job("closing", workflow)
    job.stop()
    assert [type(each) for each in job.events()] == [SimpleNamespace, JobFailed]


def test_an_abandoned_job_closes_its_workflow():
    workflow = Workflow()
    events = Job("counting", workflow).events()
    next(events)
    del events
    gc.collect()
    assert workflow.closed


def test_close_closes_a_workflow_between_two_events():
    workflow = Workflow()
    job = Job("counting", workflow)
    events = job.events()
    next(events)
    job.close()
    assert workflow.closed


def test_the_time_left_is_estimated_from_the_second_step_on():
    job = Job("counting", Workflow())
    seconds = [job.seconds_left for _ in job.events()]
    assert seconds[0] is None
    assert seconds[1] > 0
    assert seconds[2] == 0


def test_napari_shows_the_name_of_a_job():
    assert repr(Job("segmentation of discs", Workflow())) == "segmentation of discs"
