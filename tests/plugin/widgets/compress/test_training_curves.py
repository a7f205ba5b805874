"""Curves of losses and scores grow with the events, also of a resumed run."""

import pytest

from napari_pathprune.base.event_log import LoggedEvent

pytestmark = pytest.mark.gui


def step(done, **losses):
    return LoggedEvent(done, 9, "", False, "StepDone", {"losses": losses})


@pytest.fixture
def curves(qtbot):
    from napari_pathprune.plugin.widgets.compress.training_curves import TrainingCurves

    curves = TrainingCurves()
    qtbot.addWidget(curves)
    return curves


def test_losses_are_summed_and_a_repeated_step_replaces_its_value(curves):
    curves.add_events([step(1, np=1.0, hv=2.0), step(2, np=0.5, hv=1.0)])
    curves.add_events([step(2, np=0.25, hv=1.0), step(3, np=None, hv=1.0)])
    assert curves.losses["loss"] == {1: 3.0, 2: 1.25, 3: 1.0}
    assert curves.losses["np"] == {1: 1.0, 2: 0.25}
    assert curves.loss_plot.accessibleDescription() == "loss 1, np 0.25, hv 1"
    assert not curves.score_plot.isVisibleTo(curves)


def test_events_of_a_stage_count_all_stages_and_scores_have_their_own_plot(curves):
    fit = {"kind": "Validated", "step": 4, "scores": {"pq": 0.5}}
    curves.add_events([LoggedEvent(14, 20, "", True, "StageFit", {"fit": fit})])
    assert curves.scores == {"pq": {14: 0.5}}
    assert curves.score_plot.isVisibleTo(curves)
    curves.clear()
    assert not curves.score_plot.isVisibleTo(curves)


def test_the_terms_of_a_head_are_one_curve(curves):
    curves.add_events([step(1, np_ce=0.5, np_dice=0.25, hv_mse=1.0)])
    assert {name: points[1] for name, points in curves.losses.items()} == {"loss": 1.75, "np": 0.75, "hv": 1.0}
