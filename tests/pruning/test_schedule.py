"""Schedules: steps of the dense width, chosen anew from trained weights."""

import pytest
import torch
from pruning_nets import Grouped
from torch import nn

from napari_pathprune.pruning import choose, compact, importance, iterative, one_shot, trace

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
def test_without_training_the_steps_end_where_one_shot_does(model, scope):
    graph = trace(model, IMAGE)
    (shot,) = one_shot(model, graph, 0.5, scope=scope, criterion="l1")
    *_, last = iterative(model, graph, 0.5, step_ratio=0.5, scope=scope, criterion="l1")
    assert last.plan == shot.plan == choose(graph, importance(model, graph, "l1"), 0.5, scope, criterion="l1")
    total = sum(len(stay) for stay in last.plan.keep.values())
    *_, slow = iterative(model, graph, 0.5, step_ratio=0.1, scope=scope, criterion="l1")
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


def test_training_between_steps_decides_what_goes_next(model):
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
