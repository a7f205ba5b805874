"""Plans: choosing, limits, JSON, composing, refusing."""

import copy
import pickle

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pruning_nets import Attention, Concat, Grouped, random_plan
from torch import nn

from napari_pathprune.pruning import (
    PrunePlan,
    choose,
    compact,
    compose,
    identity_plan,
    importance,
    trace,
)

IMAGE = torch.zeros(1, 3, 16, 16)
seeds = st.integers(0, 2**31)
quick = settings(
    max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def scores(narrow_hovernet, narrow_graph):
    return importance(narrow_hovernet, narrow_graph)


@quick
@given(seeds)
def test_plans_survive_json_and_pickle(narrow_graph, seed):
    plan = random_plan(narrow_graph, seed)
    for again in (PrunePlan.from_json(plan.to_json()), pickle.loads(pickle.dumps(plan)), copy.deepcopy(plan)):  # noqa: S301
        assert again == plan
        assert hash(again) == hash(plan)
        assert again.to_json() == plan.to_json()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "x", "keep": {}}', "3", '{"format": "pathprune-plan-1"}'])
def test_what_is_no_plan_is_refused(text):
    with pytest.raises(ValueError, match="plan"):
        PrunePlan.from_json(text)


@quick
@given(
    ratio=st.floats(0, 0.999),
    scope=st.sampled_from(["local", "global"]),
    round_to=st.sampled_from([1, 2, 8]),
    cap=st.none() | st.floats(0, 1),
)
def test_no_group_and_no_split_is_ever_emptied(narrow_graph, scores, ratio, scope, round_to, cap):
    plan = choose(narrow_graph, scores, ratio, scope, max_skip_ratio=cap, round_to=round_to)
    plan.check(narrow_graph)
    assert set(plan.keep) == {group.name for group in narrow_graph.prunable}
    for group in narrow_graph.prunable:
        stay, part = plan.keep[group.name], group.width // group.splits
        counts = [sum(index // part == split for index in stay) for split in range(group.splits)]
        assert min(counts) == max(counts) >= 1
        assert len(stay) % round_to == 0 or len(stay) == group.width
        if cap is not None and group.kind == "skip":
            assert len(stay) + max(group.splits, round_to) >= (1 - cap) * group.width


def test_the_local_share_is_taken_from_every_group(narrow_graph, scores):
    plan = choose(narrow_graph, scores, ratio=0.5)
    assert all(len(plan.keep[group.name]) == group.width // 2 for group in narrow_graph.prunable)


def test_the_global_share_is_taken_from_all_channels(narrow_graph, scores):
    plan = choose(narrow_graph, scores, ratio=0.5, scope="global")
    total = sum(group.width for group in narrow_graph.prunable)
    assert sum(map(len, plan.keep.values())) == pytest.approx(total / 2, rel=0.01)
    assert len({len(plan.keep[g.name]) / g.width for g in narrow_graph.prunable}) > 5


def test_the_best_stay_and_each_split_chooses_its_own():
    graph = trace(Grouped(), IMAGE)
    scores = {"first.0": torch.tensor([1.0, 2, 4, 3, 5, 6, 8, 7]), "middle.0": torch.arange(12.0)}
    plan = choose(graph, scores, ratio=0.5)
    assert plan.keep["first.0"] == (1, 2, 5, 6)
    assert plan.keep["middle.0"] == (1, 2, 4, 5, 7, 8, 10, 11)


def test_skip_groups_can_be_spared(narrow_graph, scores):
    plan = choose(narrow_graph, scores, ratio=0.75, max_skip_ratio=0.25)
    for group in narrow_graph.prunable:
        wanted = group.width * (0.75 if group.kind == "skip" else 0.25)
        assert len(plan.keep[group.name]) == max(wanted, group.splits)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ratio": 1.0}, r"pruning ratio of 1\.0"),
        ({"ratio": -0.1}, "pruning ratio"),
        ({"ratio": float("nan")}, "pruning ratio of nan"),
        ({"scope": "universal"}, "scopes are local, global"),
        ({"max_skip_ratio": 2.0}, "max_skip_ratio=2.0"),
        ({"round_to": 0}, "round_to=0"),
        ({"min_channels": 0}, "min_channels=0"),
    ],
)
def test_wrong_numbers_are_refused(narrow_graph, scores, options, words):
    with pytest.raises(ValueError, match=words):
        choose(narrow_graph, scores, **options)


def test_wrong_scores_are_refused(narrow_graph, scores):
    with pytest.raises(ValueError, match="got no scores for channel group"):
        choose(narrow_graph, {})
    name = narrow_graph.prunable[0].name
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        choose(narrow_graph, {**scores, name: torch.ones(3)})
    with pytest.raises(ValueError, match="not finite"):
        choose(narrow_graph, {**scores, name: torch.full_like(scores[name], float("nan"))})


@quick
@given(seeds)
def test_composing_two_plans_is_cutting_twice(seed):
    torch.manual_seed(0)
    model = nn.ModuleList([Concat(), Grouped()])[seed % 2]
    graph = trace(model, IMAGE)
    first = random_plan(graph, seed)
    once = compact(model, graph, first, verify=False)
    after = graph.after(first.keep)
    second = random_plan(after, seed + 1)
    # a group of which one channel is left is frozen afterwards and stays as it is
    twice = compact(once, after, second, verify=False)
    together = compact(model, graph, compose(first, second), verify=False)
    assert all(
        torch.equal(a, b) for a, b in zip(twice.state_dict().values(), together.state_dict().values(), strict=True)
    )
    assert repr(twice) == repr(together)


def test_the_graph_after_a_cut_is_the_graph_of_the_compact_model(narrow_hovernet, narrow_graph, scores, patch):
    plan = choose(narrow_graph, scores, ratio=0.3)
    small = compact(narrow_hovernet, narrow_graph, plan, verify=False)
    assert trace(small, patch).to_text() == narrow_graph.after(plan.keep).to_text()
    assert trace(small, patch).fingerprint() == narrow_graph.after(plan.keep).fingerprint()


def test_a_second_plan_that_does_not_fit_is_refused(narrow_graph, scores):
    first = choose(narrow_graph, scores, ratio=0.5)
    with pytest.raises(ValueError, match="of which the first plan leaves"):
        compose(first, identity_plan(narrow_graph))


def test_a_plan_for_another_graph_is_refused(narrow_graph):
    plan = identity_plan(trace(Concat(), IMAGE))
    with pytest.raises(ValueError, match="choose a plan for this model"):
        plan.check(narrow_graph)


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        ({"first.0": ()}, "keeps nothing"),
        ({"first.0": (3, 1)}, "do not rise"),
        ({"first.0": (0, 1, 2, 8)}, "does not have"),
        ({"nobody": (0,)}, "does not have"),
        ({"first.0": (0, 1, 2, 4)}, "unequal numbers"),
        ({"out": (0,)}, "cannot be cut: output of the model"),
    ],
)
def test_plans_that_break_a_rule_are_refused(keep, words):
    graph = trace(Grouped(), IMAGE)
    with pytest.raises(ValueError, match=words):
        PrunePlan(keep, graph.fingerprint()).check(graph)


def test_one_channel_for_each_of_several_positions():
    graph = trace(Attention(), IMAGE)
    assert len(choose(graph, {g.name: torch.rand(g.width) for g in graph.prunable}, 0.5).keep["qk"]) == 2
