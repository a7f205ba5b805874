"""Channel groups from identities."""

import numpy as np
import torch
from pruning_nets import Attention, Grouped, UNet

from napari_pathprune.pruning import trace
from napari_pathprune.pruning.tracing.grouping import group_channels
from napari_pathprune.pruning.tracing.identities import MADE, READ, EvenSplits, Identities

IMAGE = torch.zeros(2, 3, 16, 16)


def two_layers(width: int) -> tuple[Identities, np.ndarray, np.ndarray]:
    """Channels made by one weight and read by another."""
    ids = Identities()
    made, read = ids.number_axis("a.weight", 0, width), ids.number_axis("b.weight", 1, width)
    ids.mark(made, MADE)
    ids.mark(read, READ)
    ids.unite(made, read)
    return ids, made, read


def test_united_axes_are_members_of_one_group():
    ids, made, _ = two_layers(6)
    grouping = group_channels(ids)
    (group,) = grouping.groups
    assert (group.name, group.width, group.kind, group.splits) == ("a", 6, "internal", 1)
    assert [(m.tensor, m.axis, m.role) for m in group.members] == [("a.weight", 0, "out"), ("b.weight", 1, "in")]
    assert grouping.length(made) == (0, ((0, 1),))


def test_channels_that_are_frozen_form_a_group_of_their_own():
    ids, made, _ = two_layers(6)
    ids.freeze(made[:2], "for a reason")
    assert [(g.name, g.width, g.frozen) for g in group_channels(ids).groups] == [
        ("a[0:2]", 2, "for a reason"),
        ("a[2:6]", 4, None),
    ]


def test_joined_channels_make_a_skip_group():
    ids, made, _ = two_layers(6)
    ids.joined.append(made)
    assert group_channels(ids).groups[0].kind == "skip"


def test_even_conv_groups_are_splits_and_uneven_ones_freeze():
    ids, made, _ = two_layers(6)
    ids.even.append(EvenSplits(made.reshape(2, 3), "'conv'"))
    assert group_channels(ids).groups[0].splits == 2
    ids.unite(made[:1], made[5:])
    ids.unite(made[:1], made[1:2])
    frozen = [group.frozen for group in group_channels(ids).groups]
    assert any(why and "spread unevenly over the conv groups of 'conv'" in why for why in frozen)


def test_a_single_channel_is_frozen():
    assert group_channels(two_layers(1)[0]).groups[0].frozen == "one channel is left"


def test_norm_groups_stay_whole():
    group = trace(UNet(), IMAGE).group("down1.0")
    assert (group.width, {m.block for m in group.members}) == (4, {2})


def test_members_of_splits_count_all_of_them():
    group = trace(Grouped(), IMAGE).group("first.0")
    assert {m.splits for m in group.members if m.tensor == "middle.0.weight"} == {4}


def test_a_channel_of_a_head_has_a_place_in_every_head():
    group = trace(Attention(), IMAGE).group("qk")  # 4 heads of 4 dimensions, for queries and keys
    places = [m.positions(group.width) for m in group.members if m.tensor == "qk.weight"]
    assert group.width == 4
    assert sorted(position for own in places for position in own.ravel().tolist()) == list(range(32))
    assert {position % 4 for own in places for position in own[1].tolist()} == {1}
