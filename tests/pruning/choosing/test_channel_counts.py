"""The number of channels that each group keeps."""

import pytest
import torch
from pruning_nets import Grouped
from torch import nn

from napari_pathprune.pruning import Limits, trace
from napari_pathprune.pruning.choosing.channel_counts import count_channels, least_counts

IMAGE = torch.zeros(1, 3, 16, 16)


@pytest.fixture(scope="module")
def graph():
    model = nn.Sequential(nn.Conv2d(3, 40, 1), nn.ReLU(), nn.Conv2d(40, 20, 1), nn.ReLU(), nn.Conv2d(20, 2, 1))
    return trace(model, IMAGE)


@pytest.fixture(scope="module")
def scores():
    return {"0": torch.arange(1.0, 41), "2": torch.ones(20)}


def test_local_counts_take_the_same_share_of_every_group(graph, scores):
    assert count_channels(graph, scores, 0.25, "local", Limits()) == {"0": 30, "2": 15}


def test_global_counts_take_the_lowest_scores_of_all_groups(graph, scores):
    # the mean score of group 0 is 20.5: its lowest 20 lie below every score of group 2
    assert count_channels(graph, scores, 1 / 3, "global", Limits()) == {"0": 20, "2": 20}


def test_shares_count_from_the_dense_graph(graph, scores):
    narrow = graph.after({"0": tuple(range(30))})
    less = {"0": scores["0"][:30], "2": scores["2"]}
    assert count_channels(narrow, less, 0.5, "local", Limits(), graph) == {"0": 20, "2": 10}


def test_a_kind_that_goes_first_loses_more():
    graph = trace(Grouped(), IMAGE)  # a skip group of 8 and an internal group of 12
    counts = count_channels(graph, {}, 0.4, "local", Limits(first="internal"))
    assert counts == {"first.0": 8, "middle.0": 4}


def test_the_least_is_the_largest_of_all_limits(graph):
    assert least_counts(graph, 0.5, Limits(floor=0.0)) == {"0": 1, "2": 1}
    assert least_counts(graph, 0.9, Limits(floor=0.0, caps={"0": 0.5}, min_channels=3)) == {"0": 20, "2": 3}


def test_an_unknown_scope_is_refused(graph, scores):
    with pytest.raises(ValueError, match="got scope 'universal'; the scopes are local, global"):
        count_channels(graph, scores, 0.5, "universal", Limits())


@pytest.mark.parametrize("ratio", [0.03, 0.05, 0.1, 0.15])
@pytest.mark.parametrize("round_to", [1, 4])
def test_a_small_ratio_of_narrow_groups_is_not_rounded_away(ratio, round_to):
    layers = [layer for _ in range(20) for layer in (nn.Conv2d(8, 8, 1), nn.ReLU())]
    graph = trace(nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), *layers, nn.Conv2d(8, 2, 1)), IMAGE)
    limits = Limits(round_to=round_to)
    counts = count_channels(graph, {}, ratio, "local", limits, is_balanced=True)
    whole = sum(group.width for group in graph.prunable)
    assert abs(whole * (1 - ratio) - sum(counts.values())) <= round_to / 2 + 1e-6
    assert all(abs(count - 8 * (1 - ratio)) < round_to for count in counts.values()), "no group moves by a unit or more"
    assert all(count % round_to == 0 for count in counts.values())
