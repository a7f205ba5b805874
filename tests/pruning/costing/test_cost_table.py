"""The table of costs, compared with actual cuts."""

import pytest
import torch
from pruning_nets import NETS, Concat, random_plan

from napari_pathprune.pruning import PrunePlan, choose, compact, cost_of, cost_table, importance, trace

IMAGE = torch.zeros(1, 3, 16, 16)


@pytest.mark.parametrize("name", ["concat", "unet", "depthwise", "grouped", "attention"])
def test_one_channel_costs_what_a_cut_saves(name):
    model = NETS[name]()
    graph = trace(model, IMAGE)
    dense = cost_of(model, IMAGE)
    table = cost_table(graph)
    assert [row.group for row in table] == [group.name for group in graph.prunable]
    for row, group in zip(table, graph.prunable, strict=True):
        part = group.width // group.splits
        stay = tuple(index for index in range(group.width) if index % part)
        small = compact(model, graph, PrunePlan({group.name: stay}, graph.fingerprint()), verify=False)
        less = cost_of(small, IMAGE)
        assert row.params_per_channel * group.splits == pytest.approx(dense.params - less.params)
        assert row.macs_per_channel * group.splits == pytest.approx(dense.macs - less.macs)
        assert (row.width, row.kind) == (group.width, group.kind)


def test_a_plan_gives_the_table_of_the_compact_model(narrow_hovernet, narrow_graph, patch):
    plan = choose(narrow_graph, importance(narrow_hovernet, narrow_graph), 0.5, criterion="l2")
    small = compact(narrow_hovernet, narrow_graph, plan, verify=False)
    rows = {row.group: row for row in cost_table(narrow_graph, plan)}
    again = cost_table(trace(small, patch))
    assert again
    assert all(rows[row.group] == row for row in again)


def test_a_whole_group_costs_all_that_touches_it():
    rows = {row.group: row for row in cost_table(trace(Concat(), IMAGE))}
    # filters of 3 x 3 x 3, their norm, their part of the norm behind the concatenation, what the last layer reads
    assert rows["a.0"].params == 6 * (27 + 2 + 2 + 2)
    assert rows["c"].params == 4 * (5 + 1 + 2 + 2)
    assert rows["c"].macs == 16 * 16 * 4 * (5 + 2)


def test_a_plan_for_another_graph_is_refused(narrow_graph):
    with pytest.raises(ValueError, match="choose a plan for this model"):
        cost_table(narrow_graph, random_plan(trace(Concat(), IMAGE), 0))
