"""Limits: checks, names and patterns, rounding."""

import dataclasses
import pickle
from dataclasses import replace

import pytest
import torch
from pruning_nets import Grouped

from napari_pathprune.pruning import ChannelGroup, Limits, trace
from napari_pathprune.pruning.choosing.limits import match_groups, parse_cap

IMAGE = torch.zeros(1, 3, 16, 16)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"max_skip_ratio": 2.0}, "max_skip_ratio=2.0"),
        ({"round_to": 0}, "round_to=0"),
        ({"min_channels": 0}, "min_channels=0"),
        ({"floor": 1.5}, r"floor=1\.5"),
        ({"first": "last"}, "first='last'; give skip or internal, or None"),
        ({"caps": {"d0.*": 2.0}}, r"cap of 2\.0 for 'd0"),
        ({"keep": "d0.shortcut"}, "give a list of names"),
    ],
)
def test_values_out_of_range_are_refused(values, words):
    with pytest.raises(ValueError, match=words):
        Limits(**values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"caps": {"d9.*": 0.5}}, "matches the name of no channel group; see graph"),
        ({"keep": ["d0.units.0.conv3"]}, r"that layer makes channels of 'd0\.shortcut'"),
    ],
)
def test_names_that_match_nothing_are_refused(narrow_graph, values, words):
    with pytest.raises(ValueError, match=words):
        Limits(**values).cap_groups(narrow_graph)


def test_names_with_brackets_are_names():
    group = ChannelGroup("both[0:8]", 8, ())
    graph = replace(trace(Grouped(), IMAGE), groups=(group, replace(group, name="both[8:16]")))
    assert match_groups(graph, "both[8:16]") == ("both[8:16]",)
    assert match_groups(graph, "both*") == ("both[0:8]", "both[8:16]")


def test_the_smallest_cap_counts(narrow_graph):
    caps = Limits(max_skip_ratio=0.4, caps={"d0.*": 0.5, "d0.shortcut": 0.7}, keep=["d1.*"]).cap_groups(narrow_graph)
    assert caps["d0.shortcut"] == 0.4
    assert caps["d0.units.0.conv1"] == 0.5
    assert caps["d1.units.0.conv1"] == 0.0


@pytest.mark.parametrize(
    ("limits", "cap", "ratio", "least"),
    [
        (Limits(), 1.0, 0.5, 4),  # the floor: a tenth of 40
        (Limits(floor=0.5), 1.0, 0.9, 4),  # but not more than the ratio leaves
        (Limits(floor=0.0), 1.0, 0.9, 2),  # one in each split
        (Limits(floor=0.0, min_channels=5), 1.0, 0.9, 6),  # in multiples of the splits
        (Limits(floor=0.0, round_to=8), 1.0, 0.9, 8),
        (Limits(), 0.5, 0.9, 20),
        (Limits(min_channels=100), 1.0, 0.5, 40),
    ],
)
def test_the_least_that_a_group_keeps(limits, cap, ratio, least):
    assert limits.least_channels(ChannelGroup("conv", 40, (), splits=2), 40, cap, ratio) == least


def test_numbers_are_rounded_to_the_unit_within_the_width():
    limits, group = Limits(round_to=8), ChannelGroup("conv", 20, ())
    assert [limits.round_channels(count, group, 8) for count in (1, 11, 13, 19, 20)] == [8, 8, 16, 16, 20]


def test_limits_compare_hash_pickle_and_become_dictionaries():
    limits = Limits(caps={"d0.*": 0.5}, keep=["d3"])
    assert limits == Limits(caps={"d0.*": 0.5}, keep=("d3",)) != Limits()
    assert len({limits, Limits(caps={"d0.*": 0.5}, keep=("d3",))}) == 1
    assert pickle.loads(pickle.dumps(limits)) == limits  # noqa: S301 (our own)
    assert dataclasses.asdict(limits)["caps"] == {"d0.*": 0.5}


@pytest.mark.parametrize("text", ["d0.*", "d0.*=", "d0.*=half"])
def test_caps_without_a_number_are_refused(text):
    with pytest.raises(ValueError, match="give GLOB=R"):
        parse_cap(text)
