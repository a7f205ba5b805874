"""choose: scopes, limits and targets."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pruning_nets import Attention, Grouped
from torch import nn

from napari_pathprune.pruning import Limits, Target, choose, compact, compose, identity_plan, importance, trace

IMAGE = torch.zeros(1, 3, 16, 16)
quick = settings(
    max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def scores(narrow_hovernet, narrow_graph):
    return importance(narrow_hovernet, narrow_graph)


@quick
@given(
    ratio=st.floats(0, 0.999),
    scope=st.sampled_from(["local", "global"]),
    round_to=st.sampled_from([1, 2, 8]),
    cap=st.floats(0, 1),
)
def test_no_group_and_no_split_is_ever_emptied(narrow_graph, scores, ratio, scope, round_to, cap):
    plan = choose(narrow_graph, scores, ratio, scope, Limits(max_skip_ratio=cap, round_to=round_to))
    plan.check(narrow_graph)
    assert set(plan.keep) == {group.name for group in narrow_graph.prunable}
    for group in narrow_graph.prunable:
        stay, part = plan.keep[group.name], group.width // group.splits
        counts = [sum(index // part == split for index in stay) for split in range(group.splits)]
        assert min(counts) == max(counts) >= 1
        assert len(stay) % round_to == 0 or len(stay) == group.width
        if group.kind == "skip":
            assert len(stay) >= (1 - cap) * group.width - 1e-6


def test_the_local_share_is_taken_from_every_group(narrow_graph, scores):
    plan = choose(narrow_graph, scores, ratio=0.5)
    assert all(len(plan.keep[group.name]) == group.width // 2 for group in narrow_graph.prunable)


def test_the_global_share_is_taken_from_all_channels(narrow_graph, scores):
    plan = choose(narrow_graph, scores, ratio=0.5, scope="global")
    total = sum(group.width for group in narrow_graph.prunable)
    assert sum(map(len, plan.keep.values())) == pytest.approx(total / 2, rel=0.01)
    assert len({len(plan.keep[g.name]) / g.width for g in narrow_graph.prunable}) > 5


def test_the_highest_scores_stay_in_every_split():
    graph = trace(Grouped(), IMAGE)
    scores = {"first.0": torch.tensor([1.0, 2, 4, 3, 5, 6, 8, 7]), "middle.0": torch.arange(12.0)}
    plan = choose(graph, scores, ratio=0.5)
    assert plan.keep["first.0"] == (1, 2, 5, 6)
    assert plan.keep["middle.0"] == (1, 2, 4, 5, 7, 8, 10, 11)


def test_skip_groups_can_be_spared(narrow_graph, scores):
    plan = choose(narrow_graph, scores, ratio=0.75, limits=Limits(max_skip_ratio=0.25))
    for group in narrow_graph.prunable:
        expected = group.width * (0.75 if group.kind == "skip" else 0.25)
        assert len(plan.keep[group.name]) == max(expected, group.splits)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ratio": 1.0}, r"pruning ratio of 1\.0"),
        ({"ratio": -0.1}, "pruning ratio"),
        ({"ratio": float("nan")}, "pruning ratio of nan"),
        ({"scope": "universal"}, "scopes are local, global"),
    ],
)
def test_ratios_and_scopes_out_of_range_are_refused(narrow_graph, scores, options, words):
    with pytest.raises(ValueError, match=words):
        choose(narrow_graph, scores, **options)


def test_a_target_of_channels_is_the_other_side_of_a_ratio(narrow_graph, scores):
    assert choose(narrow_graph, scores, target=Target("channels", keep=0.3)) == choose(narrow_graph, scores, ratio=0.7)


def test_a_target_for_the_latency_needs_the_model(narrow_graph, scores):
    with pytest.raises(ValueError, match="model with choose_for_latency"):
        choose(narrow_graph, scores, target=Target.from_speedup(2.0))


def test_wrong_scores_are_refused(narrow_graph, scores):
    with pytest.raises(ValueError, match="got no scores for channel group"):
        choose(narrow_graph, {})
    name = narrow_graph.prunable[0].name
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        choose(narrow_graph, {**scores, name: torch.ones(3)})
    with pytest.raises(ValueError, match="not finite"):
        choose(narrow_graph, {**scores, name: torch.full_like(scores[name], float("nan"))})
    with pytest.raises(ValueError, match="load its weights"):
        choose(narrow_graph, {**scores, name: scores[name].to("meta")}, ratio=0.5)


def test_one_channel_for_each_of_several_positions():
    graph = trace(Attention(), IMAGE)
    assert len(choose(graph, {g.name: torch.rand(g.width) for g in graph.prunable}, 0.5).keep["qk"]) == 2


def shares_kept(graph, plan) -> dict[str, float]:
    return {group.name: len(plan.keep[group.name]) / group.width for group in graph.prunable}


@pytest.mark.parametrize("scope", ["local", "global"])
def test_caps_and_exclusions_by_name_and_pattern(narrow_graph, scores, scope):
    caps = {"d0.*": 0.25, "d0.units.0.*": 0.5, "decoder.tp.u3.conva": 0.0}
    plan = choose(narrow_graph, scores, 0.75, scope, Limits(caps=caps, keep=["d3.*"]))
    for name, share in shares_kept(narrow_graph, plan).items():
        if name.startswith("d3.") or name == "decoder.tp.u3.conva":
            assert share == 1.0, name
        elif name.startswith("d0."):
            assert share >= 0.75, name  # the smaller of two caps counts
    assert min(shares_kept(narrow_graph, plan).values()) <= 0.25


@pytest.mark.parametrize("scope", ["local", "global"])
@pytest.mark.parametrize(("first", "ratio"), [("internal", 0.3), ("internal", 0.8), ("skip", 0.1), ("skip", 0.5)])
def test_one_kind_can_be_cut_before_the_other(narrow_graph, scores, scope, first, ratio):
    plan = choose(narrow_graph, scores, ratio, scope, Limits(first=first))
    plan.check(narrow_graph)
    total = sum(group.width for group in narrow_graph.prunable)
    ahead = [group for group in narrow_graph.prunable if group.kind == first]
    behind = [group for group in narrow_graph.prunable if group.kind != first]
    removed = total - sum(map(len, plan.keep.values()))
    assert removed == pytest.approx(ratio * total, rel=0.03)
    spared = all(len(plan.keep[group.name]) == group.width for group in behind)
    most = 0.9 * sum(group.width for group in ahead)
    assert spared == (ratio * total < most)
    if not spared:
        assert all(len(plan.keep[g.name]) <= max(g.splits, g.width / 10 + 1) for g in ahead)


@pytest.mark.parametrize(("ratio", "floor"), [(0.5, 0.25), (0.95, 0.25), (0.99, 0.0)])
def test_no_layer_collapses_in_global_scope(narrow_graph, scores, ratio, floor):
    worst = next(group for group in narrow_graph.prunable if group.width >= 64)
    low = {**scores, worst.name: torch.cat([torch.ones(1), torch.full((worst.width - 1,), 1e-6)])}
    plan = choose(narrow_graph, low, ratio, "global", Limits(floor=floor))
    for group in narrow_graph.prunable:
        assert len(plan.keep[group.name]) >= int(min(floor, 1 - ratio) * group.width)
    assert len(plan.keep[worst.name]) == max(1, int(min(floor, 1 - ratio) * worst.width + 1e-9))


@quick
@given(
    ratio=st.floats(0, 0.999),
    scope=st.sampled_from(["local", "global"]),
    round_to=st.sampled_from([8, 16, 32]),
    least=st.integers(1, 40),
    first=st.sampled_from([None, "skip", "internal"]),
)
def test_rounding_never_goes_below_the_least(narrow_graph, scores, ratio, scope, round_to, least, first):
    plan = choose(narrow_graph, scores, ratio, scope, Limits(round_to=round_to, min_channels=least, first=first))
    plan.check(narrow_graph)  # equal numbers in each split
    for group in narrow_graph.prunable:
        count = len(plan.keep[group.name])
        assert count >= min(least, group.width)
        assert count % round_to == 0 or count == group.width


def test_a_ratio_of_zero_keeps_everything(narrow_hovernet, narrow_graph, scores, patch):
    plan = choose(narrow_graph, scores, 0.0, criterion="l2")
    assert plan.keep == identity_plan(narrow_graph).keep
    same = compact(narrow_hovernet, narrow_graph, plan)
    with torch.no_grad():
        assert all(
            torch.equal(a, b) for a, b in zip(same(patch).values(), narrow_hovernet(patch).values(), strict=True)
        )


@pytest.mark.parametrize("scope", ["local", "global"])
def test_a_ratio_near_one_leaves_a_model_that_runs(narrow_hovernet, narrow_graph, scores, scope, patch):
    plan = choose(narrow_graph, scores, 0.999, scope)
    assert sum(map(len, plan.keep.values())) < 2 * sum(group.splits for group in narrow_graph.prunable)
    with torch.no_grad():
        assert compact(narrow_hovernet, narrow_graph, plan)(patch)["np"].shape[1] == 2


def test_groups_of_one_channel_are_kept():
    model = nn.Sequential(nn.Conv2d(3, 1, 1), nn.ReLU(), nn.Conv2d(1, 4, 1), nn.ReLU(), nn.Conv2d(4, 2, 1))
    graph = trace(model, IMAGE)
    for _ in range(2):  # the second time, this group has one channel too
        plan = choose(graph, importance(model, graph, "fpgm"), 0.9, limits=Limits(first="skip"))
        assert set(plan.keep) == {group.name for group in graph.prunable} <= {"2"}
        model, graph = compact(model, graph, plan), graph.after(plan.keep)
        assert [layer.out_channels for layer in model[::2]] == [1, 1, 2]
    assert graph.frozen["2"] == "one channel is left"


def test_a_model_with_nothing_to_cut_has_an_empty_plan():
    model = nn.Conv2d(3, 2, 1)
    graph = trace(model, IMAGE)
    plan = choose(graph, importance(model, graph), 0.5, "global")
    assert dict(compose(plan, plan).keep) == {}
