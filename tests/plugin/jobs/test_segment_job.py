import gc
import logging

import pytest

from napari_pathprune.plugin.jobs.segment_job import (
    Cancelled,
    Failed,
    Finished,
    Loaded,
    Progress,
    SegmentJob,
    SegmentRequest,
    Started,
    duration,
)
from napari_pathprune.slides.reader import slide_from_arrays

REGION = (20, 20, 100, 130)


@pytest.fixture
def request_(tissue):
    return SegmentRequest(slide_from_arrays([tissue], 0.5, "discs"), "none", REGION)


@pytest.fixture
def job(request_, dark_discs):
    dark_discs.gate.set()
    return SegmentJob(request_, dark_discs)


def test_a_run_tells_how_far_it_is_and_paints_as_it_goes(job):
    events, seen = [], []
    for event in job.events():
        events.append(event)
        seen.append(len(job.canvas.table()))
    assert isinstance(events[0], Loaded)
    assert events[1] == Started(6, None)
    progress = events[2:-1]
    assert [event.done for event in progress] == [1, 2, 3, 4, 5, 6]
    assert [event.nuclei for event in progress] == seen[2:-1] == [1, 1, 1, 1, 1, 2]
    assert progress[0].seconds_left >= progress[-1].seconds_left == 0
    assert events[-1] == Finished(2, 2.0, 0.5)
    assert job.canvas.data[40 - 20, 40 - 20] == 1
    assert job.canvas.data[80 - 20, 110 - 20] == 2


def test_stop_ends_after_the_tile_in_work_and_keeps_what_was_found(job, dark_discs):
    events = []
    for event in job.events():
        events.append(event)
        if isinstance(event, Progress) and event.done == 2:
            job.stop()
    assert events[-1] == Cancelled(2, 6, 1)
    assert len(job.canvas.table()) == 1
    assert dark_discs.closed


def test_stop_before_the_model_is_there(job):
    job.stop()
    assert [type(event) for event in job.events()] == [Loaded, Cancelled]


def test_a_worker_that_is_thrown_away_closes_the_workflow(job, dark_discs):
    events = job.events()
    for _ in range(3):
        next(events)
    del events
    gc.collect()
    assert dark_discs.closed


@pytest.mark.parametrize(
    ("error", "message", "logged"),
    [
        (ValueError("the slide is damaged\nmore"), "the slide is damaged", False),
        (FileNotFoundError("gone.svs: there is no such file"), "gone.svs: there is no such file", False),
        (RuntimeError("CUDA error"), "RuntimeError: CUDA error", True),
        (MemoryError(), "there is not enough memory; choose a smaller region or a more compact model", False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_become_one_line(job, dark_discs, caplog, error, message, logged):
    dark_discs.error, dark_discs.error_at = error, 3
    with caplog.at_level(logging.ERROR):
        events = list(job.events())
    assert events[-1] == Failed(message)
    assert bool(caplog.records) == logged
    assert len(job.canvas.table()) == 1


def test_the_job_has_a_name_for_the_question_whether_to_close(job):
    assert repr(job) == "segmentation of discs"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1 s"), (59.4, "59 s"), (59.7, "1 min"), (60, "1 min"), (200, "3 min 20 s"), (3600, "1 h 0 min")],
)
def test_durations_are_said_as_people_do(seconds, text):
    assert duration(seconds) == text
