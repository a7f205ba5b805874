"""Schedules: steps of the dense width, each chosen from the weights at that step."""

from itertools import pairwise

import pytest
import torch
from pruning_nets import Grouped
from torch import nn

from napari_pathprune.pruning import (
    Limits,
    Target,
    choose,
    compact,
    cost_after,
    cost_of,
    cubic_steps,
    fixed_steps,
    gradual,
    importance,
    iterative,
    linear_steps,
    one_shot,
    trace,
)

IMAGE = torch.zeros(1, 3, 16, 16)


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 40, 3), nn.ReLU(), nn.Conv2d(40, 60, 1), nn.ReLU(), nn.Conv2d(60, 2, 1))


def test_steps_are_shares_of_the_dense_width(model):
    steps = list(iterative(model, trace(model, IMAGE), ratio=0.22, step_ratio=0.05))
    assert [step.model[0].out_channels for step in steps] == [38, 36, 34, 32, 31]
    assert [step.ratio for step in steps] == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.22])
    assert [(step.number, step.total) for step in steps] == [(n, 5) for n in range(1, 6)]


@pytest.mark.parametrize("scope", ["local", "global"])
def test_without_training_steps_and_one_shot_end_alike(model, scope):
    graph = trace(model, IMAGE)
    (shot,) = one_shot(model, graph, 0.5, scope, criterion="l1")
    *_, last = iterative(model, graph, 0.5, 0.5, scope, criterion="l1")
    assert last.plan == shot.plan == choose(graph, importance(model, graph, "l1"), 0.5, scope, criterion="l1")
    total = sum(len(stay) for stay in last.plan.keep.values())
    *_, slow = iterative(model, graph, 0.5, 0.1, scope, criterion="l1")
    assert sum(len(stay) for stay in slow.plan.keep.values()) == pytest.approx(total, abs=1)


def test_the_plan_of_a_step_cuts_the_dense_model_to_its_shape():
    model = Grouped()
    graph = trace(model, IMAGE)
    for step in iterative(model, graph, 0.75, step_ratio=0.25):
        at_once = compact(model, graph, step.plan)
        assert all(
            torch.equal(a, b)
            for a, b in zip(at_once.state_dict().values(), step.model.state_dict().values(), strict=True)
        )


def test_training_between_steps_changes_what_is_cut_next(model):
    graph = trace(model, IMAGE)
    kept = []
    for step in iterative(model, graph, 0.1, step_ratio=0.05):
        kept.append(step.plan.keep["0"])
        with torch.no_grad():
            step.model[0].weight[:2] = 0.0
    assert kept[1] == kept[0][2:]


@pytest.mark.parametrize(("ratio", "step"), [(1.0, 0.05), (0.5, 0.0), (0.5, 1.5)])
def test_numbers_out_of_range_are_refused(model, ratio, step):
    with pytest.raises(ValueError, match="got a"):
        list(iterative(model, trace(model, IMAGE), ratio, step_ratio=step))


@pytest.mark.parametrize("steps", [linear_steps, cubic_steps])
@pytest.mark.parametrize("total", [1, 2, 7])
def test_steps_approach_their_target(steps, total):
    targets = steps(Target("macs", keep=0.3), total)
    assert {target.measure for target in targets} == {"macs"}
    ratios = [target.ratio for target in targets]
    assert len(ratios) == total
    assert ratios[-1] == pytest.approx(0.7)
    assert list(ratios) == sorted(ratios)
    assert ratios[0] > 0


def test_cubic_steps_shrink_and_linear_steps_are_equal():
    target = Target.from_ratio(0.6)
    linear, cubic = ([0.0, *(step.ratio for step in steps(target, 4))] for steps in (linear_steps, cubic_steps))
    gains = [[b - a for a, b in pairwise(ratios)] for ratios in (linear, cubic)]
    assert gains[0] == pytest.approx([0.15] * 4)
    assert gains[1] == sorted(gains[1], reverse=True)
    assert cubic[1] == pytest.approx(0.6 * (1 - 0.75**3))


@pytest.mark.parametrize("measure", ["params", "macs"])
def test_a_schedule_can_follow_parameters_or_macs(narrow_hovernet, narrow_graph, patch, measure):
    whole = getattr(cost_after(narrow_graph), measure)
    for step in gradual(narrow_hovernet, narrow_graph, linear_steps(Target(measure, keep=0.2), 3), verify=False):
        assert getattr(cost_of(step.model, patch), measure) / whole == pytest.approx(step.target.keep, rel=0.01)


def test_limits_and_deciders_reach_every_step(model):
    model = Grouped()
    graph = trace(model, IMAGE)
    limits = Limits(keep=["middle.0"], first="internal")
    steps = list(iterative(model, graph, 0.6, 0.2, "local", limits, decider="convolved"))
    assert all(len(step.plan.keep["middle.0"]) == 12 for step in steps)
    scores = importance(model, graph, decider="convolved")
    assert steps[-1].plan.keep["first.0"] == choose(graph, scores, 0.6, limits=limits).keep["first.0"]
    with pytest.raises(ValueError, match="the deciders are"):
        next(one_shot(model, graph, 0.5, decider="nobody"))


def test_fixed_steps_end_at_the_ratio():
    nothing, paper = Target.from_ratio(0.0), Target.from_ratio(0.68)
    assert fixed_steps(nothing) == (nothing,)
    assert fixed_steps(paper)[-1] == paper
    assert len(fixed_steps(paper)) == 14  # as in the paper, for a tenth of the parameters


@pytest.mark.parametrize(
    "targets",
    [
        (),
        (Target("channels", keep=0.5), Target("channels", keep=0.8)),
        (Target("channels", keep=0.5), Target("params", keep=0.2)),
    ],
)
def test_rising_and_mixed_targets_are_refused(model, targets):
    with pytest.raises(ValueError, match="give at least one, all of one measure, and none that keeps more"):
        gradual(model, trace(model, IMAGE), targets)


def test_a_schedule_without_steps_is_refused():
    for steps in (linear_steps, cubic_steps):
        with pytest.raises(ValueError, match="got 0 steps"):
            steps(Target.from_ratio(0.5), 0)
