"""Events of a compression name their stage and count the steps of all stages."""

from __future__ import annotations

from napari_pathprune.base.event import Event
from napari_pathprune.training.fit_events import FitDone, StepDone, Validated
from napari_pathprune.workflows.compress.compress_events import CompressDone, StageDone, StageFit, StageStarted
from napari_pathprune.workflows.compress.compress_report import CompressReport, Stage

STAGE = Stage(2, 0.6, 100, 1000, {"pq": 0.5}, {}, fit_steps=10, seconds=1.0)


def test_the_start_of_a_stage_states_its_size() -> None:
    event: Event = StageStarted(2, 3, params=400, dense_params=1000, done=10, total=40)
    assert event.line == "stage 2 of 3: 400 parameters, 40.0% of the dense model's"
    assert event.is_milestone


def test_a_step_is_placed_within_the_whole_compression() -> None:
    step = StepDone(5, 10, {"np_ce": 0.5}, learning_rate=0.1, seconds=1.0)
    event: Event = StageFit(2, 3, step, steps_before=10, total=40)
    assert (event.done, event.total) == (15, 40)
    assert event.line == "stage 2 of 3: loss 0.50"
    assert not event.is_milestone


def test_a_validation_is_a_milestone_and_the_end_of_a_fit_is_silent() -> None:
    validated = StageFit(1, 3, Validated(5, 10, {"pq": 0.5}, best=True, weights={}), steps_before=0, total=40)
    assert validated.is_milestone
    assert validated.line.startswith("stage 1 of 3: validated at step 5")
    done = StageFit(1, 3, FitDone(10, 10, {}, 1.0, {}), steps_before=0, total=40)
    assert done.line == ""


def test_only_a_stage_that_lost_too_much_is_a_milestone() -> None:
    within, lost = (StageDone(STAGE, is_within, done=20, total=40) for is_within in (True, False))
    assert (within.line, within.is_milestone) == ("", False)
    assert lost.line == "stage 2 lost more than allowed: the model before it is kept"
    assert lost.is_milestone


def test_the_end_is_complete_even_if_stages_were_left_out() -> None:
    report = CompressReport("big", "small", {}, (STAGE,), 0, 256, ())
    event: Event = CompressDone(report, total=40)
    assert (event.done, event.total) == (40, 40)
