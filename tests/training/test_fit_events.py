"""Events of the fit loop report how far it is."""

import pytest

from napari_pathprune.training.fit_events import BatchSplit, FitDone, StepDone, Validated


@pytest.mark.parametrize(
    ("event", "done", "line", "is_milestone"),
    [
        (StepDone(3, 8, {"np_ce": 0.5, "hv_mse": 0.25}, 1e-3, 0.1), 3, "loss 0.75", False),
        (BatchSplit(3, 8, 4), 3, "memory ran out at step 3: batches are computed in 4 pieces from here on", True),
        (
            Validated(4, 8, {"pq": 0.5, "dice": 0.75}, best=True, weights={}),
            4,
            "validated at step 4: pq 0.500, dice 0.750, the best so far",
            True,
        ),
        (Validated(6, 8, {"pq": 0.4}, best=False, weights={}), 6, "validated at step 6: pq 0.400", True),
        (FitDone(8, 4, {"pq": 0.5}, 2.0, {}), 8, "", False),
    ],
)
def test_every_event_has_its_progress_and_its_line(event, done, line, is_milestone):
    assert (event.done, event.total, event.line, event.is_milestone) == (done, 8, line, is_milestone)
