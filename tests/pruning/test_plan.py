"""Prune plans: JSON, composition, and checks against a graph."""

import copy
import pickle

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pruning_nets import Concat, Grouped, random_plan
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
def test_text_that_is_not_a_plan_is_refused(text):
    with pytest.raises(ValueError, match="plan"):
        PrunePlan.from_json(text)


@quick
@given(seeds, st.integers(2, 5))
def test_composed_steps_keep_the_same_indices_as_one_plan(seed, steps):
    torch.manual_seed(0)
    model = nn.ModuleList([Concat(), Grouped()])[seed % 2]
    graph = trace(model, IMAGE)
    now, now_graph, plan = model, graph, identity_plan(graph)
    origin = {group.name: list(range(group.width)) for group in graph.groups}
    for number in range(steps):
        step = random_plan(now_graph, seed + number)
        now, now_graph = compact(now, now_graph, step, verify=False), now_graph.after(step.keep)
        plan = compose(plan, step)
        for name, stay in step.keep.items():
            origin[name] = [origin[name][index] for index in stay]
    assert {name: list(stay) for name, stay in plan.keep.items()} == {name: origin[name] for name in plan.keep}
    plan.check(graph)
    at_once = compact(model, graph, PrunePlan(plan.keep, graph.fingerprint()))
    assert all(torch.equal(a, b) for a, b in zip(now.state_dict().values(), at_once.state_dict().values(), strict=True))
    assert graph.after(plan.keep).fingerprint() == now_graph.fingerprint()


@quick
@given(seeds)
def test_a_composed_plan_equals_two_cuts(seed):
    torch.manual_seed(0)
    model = nn.ModuleList([Concat(), Grouped()])[seed % 2]
    graph = trace(model, IMAGE)
    first = random_plan(graph, seed)
    once = compact(model, graph, first, verify=False)
    after = graph.after(first.keep)
    second = random_plan(after, seed + 1)
    # a group with one channel left is frozen and stays as it is
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
    with pytest.raises(ValueError, match="but the first plan leaves"):
        compose(first, identity_plan(narrow_graph))


def test_groups_that_the_first_plan_does_not_name_are_whole():
    first, second = PrunePlan({"a": (1, 3)}, "x"), PrunePlan({"a": (1,), "b": (0, 4)}, "y")
    assert dict(compose(first, second).keep) == {"a": (3,), "b": (0, 4)}


def test_a_plan_fits_any_checkpoint_of_the_architecture():
    first, second = Grouped(), Grouped()
    graph = trace(first, IMAGE)
    plan = PrunePlan.from_json(choose(graph, importance(first, graph), 0.5).to_json())
    small = compact(second, trace(second, IMAGE), plan)
    assert torch.equal(small.last.bias, second.last.bias[list(plan.keep["first.0"])])


@pytest.mark.parametrize(
    ("keep", "reason"),
    [
        ({"nobody": (0,)}, "it has no channel group 'nobody'"),
        ({"first.0": (0, 9)}, r"its channel group 'first\.0' has 8 channels, and the plan keeps channel 9"),
        ({"first.0": (0, 1)}, r"it has a channel group 'middle\.0' that the plan does not name"),
        ({"first.0": (0, 1), "middle.0": (0,)}, "the same names, but other widths or layers"),
    ],
)
def test_a_plan_for_another_graph_is_refused_with_the_reason(keep, reason):
    plan = PrunePlan(keep, identity_plan(trace(Concat(), IMAGE)).graph)
    graph = trace(Grouped(), IMAGE)
    with pytest.raises(ValueError, match=f"{reason}; choose a plan for this model"):
        plan.check(graph)


def test_a_plan_for_the_dense_model_is_refused_by_the_compact_one():
    model = Grouped()
    graph = trace(model, IMAGE)
    plan = choose(graph, importance(model, graph), 0.5)
    small = compact(model, graph, plan)
    with pytest.raises(ValueError, match="has 4 channels, and the plan keeps channel"):
        compact(small, trace(small, IMAGE), plan)
    again = trace(small, IMAGE)
    smaller = compact(small, again, choose(again, importance(small, again), 0.5))
    assert smaller.middle[0].out_channels == small.middle[0].out_channels / 2 == 4


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        ({"first.0": ()}, "keeps no channel"),
        ({"first.0": (3, 1)}, "are not rising"),
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
