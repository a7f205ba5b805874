"""The law: the masked and the compact model give the same outputs. And what surgery leaves alone."""

import copy
import time

import pytest
import torch
import torchvision
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pruning_nets import NETS, Grouped, random_plan, shaken
from torch import nn

from napari_pathprune.models import build
from napari_pathprune.pruning import (
    ChannelGraph,
    PrunePlan,
    choose,
    compact,
    cost_after,
    cost_of,
    identity_plan,
    importance,
    mask,
    reshape,
    trace,
)
from napari_pathprune.pruning.cutting.verify import verify_equal

seeds = st.integers(0, 2**31)


def a_few(count: int):
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


def silenced_by_hand(model: nn.Module, graph: ChannelGraph, plan: PrunePlan) -> nn.Module:
    """Zero only what makes and scales removed channels; what reads them stays."""
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
        assert_same(silenced_by_hand(model, graph, plan), small, x)
    for group in graph.prunable:
        for member in group.producers:
            assert (
                small.get_parameter(member.tensor).shape[member.axis]
                < model.get_parameter(member.tensor).shape[member.axis]
                or len(plan.keep[group.name]) == group.width
            )
    found, foretold = cost_of(small, x), cost_after(graph, plan)
    assert (found.params, found.bytes) == (foretold.params, foretold.bytes)


@a_few(4)
@given(seeds)
def test_the_law_for_hovernet(narrow_hovernet, narrow_graph, patch, seed):
    check_law(narrow_hovernet, narrow_graph, patch, seed, by_hand=True)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "densenet121", "mobilenet_v3_small"])
def test_the_law_for_torchvision(name):
    torch.manual_seed(0)
    model = shaken(torchvision.models.get_model(name, weights=None, num_classes=10))
    x = torch.randn(1, 3, 64, 64)
    graph = trace(model, x)
    assert set(graph.frozen.values()) <= {"output of the model", *[w for w in graph.frozen.values() if "input" in w]}

    @a_few(3)
    @given(seeds)
    def law(seed):
        check_law(model, graph, x, seed, by_hand=False)

    law()
    check_law(model, graph, x, 0, by_hand=True)


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "regnet_y_400mf", "convnext_tiny", "squeezenet1_1"])
def test_the_law_holds_for_others_where_something_may_be_frozen(name):
    torch.manual_seed(0)
    model = shaken(torchvision.models.get_model(name, weights=None, num_classes=10))
    x = torch.randn(1, 3, 64, 64)
    graph = trace(model, x)
    assert len(graph.prunable) >= 10
    check_law(model, graph, x, 1, by_hand=False)


@pytest.mark.parametrize("name", NETS)
@a_few(15)
@given(seed=seeds)
def test_the_law_for_every_way_to_tie_channels(name, seed):
    torch.manual_seed(seed % 97)
    model, x = shaken(NETS[name](), seed), torch.randn(2, 3, 16, 16)
    check_law(model, trace(model, x), x, seed, by_hand=name in {"concat", "grouped", "shuffle"})


def test_the_identity_plan_gives_the_same_bits(narrow_hovernet, narrow_graph):
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


def test_depthwise_and_grouped_attributes_follow():
    model, x = NETS["depthwise"](), torch.randn(1, 3, 16, 16)
    graph = trace(model, x)
    small = compact(model, graph, PrunePlan({"expand.0": (1, 4)}, graph.fingerprint()))
    assert (small.depthwise.groups, small.depthwise.in_channels, small.depthwise.out_channels) == (2, 2, 4)
    grouped = Grouped()
    graph = trace(grouped, x)
    small = compact(
        grouped, graph, PrunePlan({"first.0": (0, 2, 5, 7), "middle.0": (2, 3, 7, 10)}, graph.fingerprint())
    )
    middle = small.middle[0]
    assert (middle.groups, middle.in_channels, middle.out_channels) == (4, 4, 4)
    expected = torch.stack([grouped.middle[0].weight[row, column] for row, column in ((2, 0), (3, 0), (7, 1), (10, 1))])
    assert torch.equal(middle.weight[:, 0], expected)


def test_the_given_model_is_left_alone_and_its_mode_is_kept(narrow_hovernet, narrow_graph):
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


def test_the_cut_takes_less_than_the_1_4_seconds_of_others():
    model = build("hovernet", mode="fast", num_types=6, width=1.0)
    graph = trace(model, torch.zeros(1, 3, 128, 128))
    plan = choose(graph, importance(model, graph), ratio=0.5)
    start = time.process_time()
    compact(model, graph, plan, verify=False)
    assert time.process_time() - start < 1.4


class Liar(nn.Module):
    """A forward that changes with the width of its layer, in a way that keeps shapes."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 2, 1)

    def forward(self, x):
        return self.last(self.first(x) * self.first.out_channels)


def test_a_model_that_breaks_the_law_is_not_handed_out():
    model, x = Liar(), torch.randn(1, 3, 8, 8)
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


def test_a_masked_norm_takes_its_mean_over_what_stays():
    model = nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.Linear(8, 2))
    graph = trace(model, torch.zeros(2, 6))
    masked = mask(model, graph, PrunePlan({"0": (1, 2, 6)}, graph.fingerprint()))
    x = torch.randn(4, 8)
    for norm in (masked[1], copy.deepcopy(masked)[1]):
        assert torch.allclose(norm(x)[:, [1, 2, 6]], nn.functional.layer_norm(x[:, [1, 2, 6]], (3,)))
        assert not norm(x)[:, [0, 3, 4, 5, 7]].any()
        norm(x).square().sum().backward()
        assert norm.weight.grad[[1, 2, 6]].all()
    assert type(model[1].weight) is nn.Parameter


def test_queries_make_up_for_the_scale_of_attention_and_nothing_else_does():
    model, x = NETS["fused"](), torch.randn(1, 3, 16, 16)
    graph = trace(model, x)
    small = compact(model, graph, PrunePlan({"qk": (1,)}, graph.fingerprint()))
    rows = torch.arange(32).reshape(2, 4, 4)[:, :, 1].flatten()
    kept = model.qk.weight[rows]
    assert torch.allclose(small.qk.weight[:4], 0.5 * kept[:4])
    assert torch.equal(small.qk.weight[4:], kept[4:])


def test_attributes_of_attention_and_of_modules_around_it_follow():
    model = torchvision.models.VisionTransformer(32, 8, 2, num_heads=4, hidden_dim=32, mlp_dim=64, num_classes=5)
    x = torch.randn(1, 3, 32, 32)
    graph = trace(model, x)
    stream = next(group for group in graph.prunable if group.kind == "skip")
    small = compact(model, graph, PrunePlan({stream.name: (0, 3, 5)}, graph.fingerprint()))
    attention = small.encoder.layers[0].self_attention
    assert (stream.width, small.hidden_dim) == (8, 12)
    assert (attention.embed_dim, attention.head_dim, attention.num_heads, attention.kdim) == (12, 3, 4, 12)
    assert small.encoder.ln.normalized_shape == (12,)
    assert small.train()(x).shape == (1, 5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_compared_within_its_roundings(dtype):
    model, x = torchvision.models.resnet18(num_classes=5).to(dtype).eval(), torch.rand(1, 3, 64, 64, dtype=dtype)
    graph = trace(model, x)
    plan = random_plan(graph, 3)
    compact(model, graph, plan)
    with pytest.raises(ValueError, match="differs from the masked one"):
        verify_equal(mask(model, graph, plan), compact(model, graph, random_plan(graph, 4)), graph)
