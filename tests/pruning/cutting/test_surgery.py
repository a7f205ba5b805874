"""The law: masked and compact model have the same outputs. Also what a cut leaves unchanged."""

import copy

import pytest
import torch
import torchvision
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pruning_nets import NETS, Grouped, random_plan, randomize
from torch import nn

from napari_pathprune.models import build
from napari_pathprune.pruning import (
    ChannelGraph,
    Limits,
    PrunePlan,
    Target,
    choose,
    compact,
    compose,
    cost_after,
    cost_of,
    cost_table,
    gradual,
    identity_plan,
    importance,
    keep_whole,
    latency_of,
    linear_steps,
    mask,
    recalibrate,
    reshape,
    taylor,
    trace,
)

seeds = st.integers(0, 2**31)


def few_examples(count: int):
    return settings(
        max_examples=count, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )


def outputs(model: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    with torch.no_grad():
        found = model(x)
    return list(found.values()) if isinstance(found, dict) else list(found) if isinstance(found, tuple) else [found]


def assert_same(first: nn.Module, second: nn.Module, x: torch.Tensor) -> None:
    for a, b in zip(outputs(first, x), outputs(second, x), strict=True):
        assert a.abs().max() > 0
        assert (a - b).abs().max() <= 1e-4 * a.abs().max()


def silence_by_hand(model: nn.Module, graph: ChannelGraph, plan: PrunePlan) -> nn.Module:
    """Zero only the weights that make and scale removed channels, not those that read them."""
    model = copy.deepcopy(model)
    parameters = dict(model.named_parameters())
    for group in graph.prunable:
        gone = sorted(set(range(group.width)) - set(plan.keep[group.name]))
        for member in group.members:
            if member.role != "in" and member.tensor in parameters:
                assert member.splits == 1
                rows = parameters[member.tensor].detach().movedim(member.axis, 0)
                rows[member.positions(group.width)[gone].ravel()] = 0.0
    return model


def check_law(model: nn.Module, graph: ChannelGraph, x: torch.Tensor, seed: int, *, by_hand: bool) -> None:
    plan = random_plan(graph, seed)
    small = compact(model, graph, plan, verify=False)
    assert_same(mask(model, graph, plan), small, x)
    if by_hand:
        assert_same(silence_by_hand(model, graph, plan), small, x)
    for group in graph.prunable:
        for member in group.producers:
            assert (
                small.get_parameter(member.tensor).shape[member.axis]
                < model.get_parameter(member.tensor).shape[member.axis]
                or len(plan.keep[group.name]) == group.width
            )
    found, predicted = cost_of(small, x), cost_after(graph, plan)
    assert (found.params, found.bytes) == (predicted.params, predicted.bytes)


@few_examples(4)
@given(seeds)
def test_the_law_for_hovernet(narrow_hovernet, narrow_graph, patch, seed):
    check_law(narrow_hovernet, narrow_graph, patch, seed, by_hand=True)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "densenet121", "mobilenet_v3_small"])
def test_the_law_for_torchvision(name):
    torch.manual_seed(0)
    model = randomize(torchvision.models.get_model(name, weights=None, num_classes=10))
    x = torch.randn(1, 3, 64, 64)
    graph = trace(model, x)
    assert set(graph.frozen.values()) <= {"output of the model", *[w for w in graph.frozen.values() if "input" in w]}

    @few_examples(3)
    @given(seeds)
    def law(seed):
        check_law(model, graph, x, seed, by_hand=False)

    law()
    check_law(model, graph, x, 0, by_hand=True)


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "regnet_y_400mf", "convnext_tiny", "squeezenet1_1"])
def test_the_law_for_networks_with_frozen_channels(name):
    torch.manual_seed(0)
    model = randomize(torchvision.models.get_model(name, weights=None, num_classes=10))
    x = torch.randn(1, 3, 64, 64)
    graph = trace(model, x)
    assert len(graph.prunable) >= 10
    check_law(model, graph, x, 1, by_hand=False)


@pytest.mark.parametrize("name", NETS)
@few_examples(15)
@given(seed=seeds)
def test_the_law_for_every_way_to_tie_channels(name, seed):
    torch.manual_seed(seed % 97)
    model, x = randomize(NETS[name](), seed), torch.randn(2, 3, 16, 16)
    check_law(model, trace(model, x), x, seed, by_hand=name in {"concat", "grouped", "shuffle"})


def test_the_identity_plan_keeps_every_bit(narrow_hovernet, narrow_graph):
    plan = identity_plan(narrow_graph)
    state = narrow_hovernet.state_dict()
    for same in (compact(narrow_hovernet, narrow_graph, plan), mask(narrow_hovernet, narrow_graph, plan)):
        assert all(torch.equal(state[name], tensor) for name, tensor in same.state_dict().items())
        assert repr(same) == repr(narrow_hovernet)


def test_a_compact_model_is_rebuilt_from_its_shapes(narrow_hovernet, narrow_graph, patch):
    small = compact(narrow_hovernet, narrow_graph, random_plan(narrow_graph, 5))
    state = small.state_dict()
    dense = build("hovernet", mode="fast", num_types=3, width=0.25)
    rebuilt = reshape(dense, {name: tuple(tensor.shape) for name, tensor in state.items()})
    rebuilt.load_state_dict(state)
    assert repr(rebuilt) == repr(small)
    for a, b in zip(outputs(rebuilt.eval(), patch), outputs(small, patch), strict=True):
        assert torch.equal(a, b)


def test_the_model_is_not_changed_and_its_mode_is_kept(narrow_hovernet, narrow_graph):
    model = copy.deepcopy(narrow_hovernet).train()
    before = copy.deepcopy(model.state_dict())
    small = compact(model, narrow_graph, random_plan(narrow_graph, 3))
    assert small.training
    assert all(module.training for module in [*model.modules(), *small.modules()])
    with torch.no_grad():
        for parameter in small.parameters():
            parameter.zero_()
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_compact_model_trains():
    model, x = Grouped(), torch.randn(2, 3, 16, 16)
    graph = trace(model, x)
    small = compact(model, graph, random_plan(graph, 2))
    small.train()(x).sum().backward()
    assert all(parameter.grad is not None and parameter.is_leaf for parameter in small.parameters())


class WidthDependent(nn.Module):
    """A forward whose values, but not shapes, change at one width of its layer."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 2, 1)

    def forward(self, x):
        return self.last(self.first(x)) * (2.0 if self.first.out_channels == 4 else 1.0)


def test_a_model_that_breaks_the_law_is_not_returned():
    model, x = WidthDependent(), torch.randn(1, 3, 8, 8)
    graph = trace(model, x)
    plan = choose(graph, importance(model, graph), ratio=0.5)
    with pytest.raises(ValueError, match="differs from the masked one"):
        compact(model, graph, plan)
    assert compact(model, graph, plan, verify=False).first.out_channels == 4


@pytest.mark.parametrize(
    ("shapes", "words"),
    [({"nothing": (1,)}, "does not have"), ({"weight": (2,)}, "has 2 axes"), ({"bias": (2, 2)}, "has 1 axes")],
)
def test_shapes_that_do_not_fit_are_refused(shapes, words):
    with pytest.raises(ValueError, match=words):
        reshape(nn.Linear(4, 3), shapes)


def test_another_model_is_refused(narrow_graph):
    model = build("hovernet", mode="fast", num_types=4, width=0.25)
    with pytest.raises(ValueError, match=r"decoder\.tp\.u0\.conv\.weight.*trace this model again"):
        compact(model, narrow_graph, identity_plan(narrow_graph))


def test_only_queries_compensate_for_the_scale_of_attention():
    model, x = NETS["fused"](), torch.randn(1, 3, 16, 16)
    graph = trace(model, x)
    small = compact(model, graph, PrunePlan({"qk": (1,)}, graph.fingerprint()))
    rows = torch.arange(32).reshape(2, 4, 4)[:, :, 1].flatten()
    kept = model.qk.weight[rows]
    assert torch.allclose(small.qk.weight[:4], 0.5 * kept[:4])
    assert torch.equal(small.qk.weight[4:], kept[4:])


def test_channels_last_stays():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 6, 3)).to(memory_format=torch.channels_last)
    graph = trace(model, torch.rand(1, 3, 8, 8))
    plan = random_plan(graph, 1)
    small = compact(model, graph, plan)
    rebuilt = reshape(model, {name: tuple(t.shape) for name, t in small.state_dict().items()})
    for own in (small, mask(model, graph, plan), rebuilt):
        assert all(own[n].weight.is_contiguous(memory_format=torch.channels_last) for n in (0, 2))
        assert not own[2].weight.is_contiguous()


@pytest.mark.parametrize("wrong", [None, "plan", 0.5, {"0": (1,)}])
def test_arguments_of_the_wrong_kind_are_refused(wrong):
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 2, 1))
    graph = trace(model, torch.rand(1, 3, 8, 8))
    scores = importance(model, graph)
    plan = choose(graph, scores)
    calls = [
        lambda: trace(wrong, torch.rand(1, 3, 8, 8)),
        lambda: mask(model, graph, wrong),
        lambda: compact(model, wrong, plan),
        lambda: compact(wrong, graph, plan),
        lambda: importance(model, wrong),
        lambda: importance(wrong, graph),
        lambda: importance(model, graph, wrong),
        lambda: choose(wrong, scores),
        lambda: choose(graph, wrong),
        lambda: choose(graph, scores, limits=wrong),
        lambda: taylor(model, wrong, [], None),
        lambda: cost_after(wrong),
        lambda: keep_whole(graph, wrong, "0"),
        lambda: linear_steps(wrong, 2),
        lambda: recalibrate(wrong, []),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"got .*(expected|give|the criteria are)"):
            call()


@pytest.mark.parametrize("wrong", [None, "0.5", float("nan"), -1, True, [0.5]])
def test_numbers_of_the_wrong_kind_are_refused(wrong):
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 2, 1))
    graph = trace(model, torch.rand(1, 3, 8, 8))
    scores = importance(model, graph)
    calls = [
        lambda: choose(graph, scores, wrong),
        lambda: Target("params", keep=wrong),
        lambda: Limits(max_skip_ratio=wrong),
        lambda: Limits(round_to=wrong),
        lambda: Limits(caps={"0": wrong}),
        lambda: linear_steps(Target("params", keep=0.5), wrong),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"got .*give"):
            call()


class Optional(nn.Module):
    """A head that runs if it is asked for."""

    def __init__(self):
        super().__init__()
        self.a, self.out, self.head = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 2, 1), nn.Conv2d(8, 5, 1)

    def forward(self, x, *, more=False):
        y = torch.relu(self.a(x))
        return (self.out(y), self.head(y)) if more else self.out(y)


def test_layers_that_did_not_run_and_may_no_longer_fit_are_named():
    model, x = Optional().eval(), torch.rand(1, 3, 4, 4)
    graph = trace(model, x)
    with pytest.warns(UserWarning, match=r"head\.weight did not run in the trace"):
        compact(model, graph, random_plan(graph, 0))
    graph = trace(model, {"x": x, "more": True})
    assert compact(model, graph, random_plan(graph, 0))(x, more=True)[1].shape[1] == 5


WRONG = [None, 3, "x", [], (1,), torch.zeros(3), float("nan"), object]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_every_argument_of_the_wrong_kind_ends_in_one_line(wrong):
    model, x = Grouped().eval(), torch.rand(1, 3, 8, 8)
    graph = trace(model, x)
    scores, plan = importance(model, graph), random_plan(graph, 0)
    calls = [
        lambda: reshape(wrong, {}),
        lambda: reshape(model, wrong),
        lambda: compose(plan, wrong),
        lambda: compose(wrong, plan),
        lambda: PrunePlan(wrong, graph.fingerprint()),
        lambda: graph.after(wrong),
        lambda: cost_table(wrong),
        lambda: latency_of(wrong, x),
        lambda: latency_of(model, wrong),
        lambda: taylor(model, graph, [x], wrong),
        lambda: taylor(model, graph, [x], lambda *_: wrong),
        lambda: list(gradual(model, wrong, (Target("channels", keep=0.5),))),
        lambda: list(gradual(model, graph, wrong)),
        lambda: list(gradual(model, graph, (Target("channels", keep=0.5),), criterion=wrong)),
    ]
    if wrong is not WRONG[1]:
        calls += [
            lambda: importance(model, graph, "random", seed=wrong),
            lambda: latency_of(model, x, repeats=wrong),
        ]
    if wrong is not None:
        calls.append(lambda: choose(graph, scores, dense=wrong))
    for call in calls:
        with pytest.raises(ValueError, match=r"^.+$"):  # one line
            call()
