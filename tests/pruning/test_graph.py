"""Channel graphs: members, groups, text, fingerprint, and the graph after a cut."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pruning_nets import Concat, Grouped
from torch import nn

from napari_pathprune.pruning import ChannelGroup, Member, trace
from napari_pathprune.pruning.graph import Rescale, compress_positions, positions_to_cut

IMAGE = torch.zeros(1, 3, 16, 16)


def test_positions_of_members():
    assert Member("fc", "weight", 1, 4, "in", block=2).positions(3).tolist() == [[4, 5], [6, 7], [8, 9]]
    assert Member("fc", "weight", 1, 4, "in", order=(2, 0, 1)).positions(3).tolist() == [[6], [4], [5]]
    assert Member("", "scale", 0, 0, "scale").tensor == "scale"
    assert Member("a.b", "weight", 0, 0, "out").tensor == "a.b.weight"


def test_positions_are_compressed_to_an_offset_if_they_are_consecutive():
    assert compress_positions(np.array([3, 4, 5])) == (3, None)
    assert compress_positions(np.array([5, 3, 4])) == (3, (2, 0, 1))


def test_an_unknown_group_is_refused():
    graph = trace(Grouped(), IMAGE)
    assert graph.group("first.0").width == 8
    with pytest.raises(ValueError, match="channel group 'nobody', which this graph does not have"):
        graph.group("nobody")


def test_prunable_and_frozen_groups_are_all_groups():
    graph = trace(Grouped(), IMAGE)
    assert {group.name for group in graph.prunable} | set(graph.frozen) == {group.name for group in graph.groups}
    assert not {group.name for group in graph.prunable} & set(graph.frozen)


def test_text_has_a_paragraph_for_each_group():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 2, 1))
    model.register_parameter("spare", nn.Parameter(torch.zeros(4)))
    text = trace(model, IMAGE).to_text()
    assert text.splitlines()[:3] == ["0: 8 internal", "    out   0", "    in    1"]
    assert text.endswith("not reached: spare")


def test_the_fingerprint_depends_on_the_structure_only():
    graph = trace(Grouped(), IMAGE)
    assert trace(Grouped(), torch.zeros(2, 3, 32, 32)).fingerprint() == graph.fingerprint()
    wider = replace(graph, groups=(replace(graph.groups[0], width=9), *graph.groups[1:]))
    renamed = replace(graph, groups=(replace(graph.groups[0], name="other"), *graph.groups[1:]))
    assert len({graph.fingerprint(), wider.fingerprint(), renamed.fingerprint()}) == 3


def test_positions_to_cut_count_the_offset_of_a_concatenation():
    graph = trace(Concat(), IMAGE)
    cuts = positions_to_cut(graph, {"b.0": (1, 2, 4)})
    assert cuts["b.0.weight", 0, 1].tolist() == [0, 3]
    assert cuts["norm.weight", 0, 1].tolist() == [6, 9]
    assert cuts["out.weight", 1, 1].tolist() == [6, 9]


def test_members_move_by_what_is_cut_before_them():
    after = trace(Concat(), IMAGE).after({"a.0": (0, 5)})
    offsets = {group.name: {m.offset for m in group.members if m.module == "norm"} for group in after.groups}
    assert (offsets["a.0"], offsets["b.0"], offsets["c"]) == ({0}, {2}, {7})
    assert after.shapes["norm.weight"] == (11,)


def test_a_group_with_one_channel_left_is_frozen():
    after = trace(Concat(), IMAGE).after({"c": (2,)})
    assert after.frozen["c"] == "one channel is left"


def test_the_factor_of_a_rescale_is_a_power_of_the_widths():
    rescale = Rescale("qk.weight", (0, 1), fixed=2, parts=(("qk", 1),), power=-0.5)
    assert rescale.factor({"qk": 14}, {"qk": 2}) == pytest.approx((16 / 4) ** -0.5)


def test_producers_are_the_members_that_make_channels():
    members = tuple(Member(role, "weight", 0, 0, role) for role in ("out", "in", "scale"))
    assert [member.module for member in ChannelGroup("g", 4, members).producers] == ["out"]
