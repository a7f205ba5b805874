"""Rules for operations that treat each entry alone."""

import pytest
import torch
import torch.nn.functional as F
from pruning_nets import Between
from rule_law import check_rule
from torch import nn

from napari_pathprune.pruning import trace


@pytest.mark.parametrize(
    "operation",
    [torch.relu, torch.sigmoid, F.gelu, lambda y: 2 * y + 1, lambda y: y * y.sigmoid(), lambda y: y.clone().mul_(3)],
    ids=["relu", "sigmoid", "gelu", "numbers", "gate", "in place"],
)
def test_each_channel_stays_by_itself(operation):
    check_rule(operation)


def test_channels_that_meet_positions_freeze():
    check_rule(lambda y: y + torch.arange(8.0)[None, :, None, None], why="meets an axis that is no channel axis")


def test_tensors_that_are_repeated_along_channels_do_not_freeze():
    check_rule(lambda y: y + torch.arange(8.0)[None, None, :, None])


class Twice(nn.Module):
    """Joins a tensor with a convolution of it."""

    def __init__(self, join):
        super().__init__()
        self.second, self.join = nn.Conv2d(8, 8, 1), join

    def forward(self, x):
        return self.join(x, self.second(torch.relu(x)))


@pytest.mark.parametrize(("join", "kind"), [(torch.add, "skip"), (torch.mul, "internal")])
def test_only_an_addition_of_two_producers_makes_a_skip_group(join, kind):
    (group,) = trace(Between(Twice(join)), torch.zeros(1, 3, 8, 8)).prunable
    assert group.kind == kind
    assert {member.module for member in group.producers} == {"first", "operation.second"}
    check_rule(Twice(join))


@pytest.mark.parametrize(
    "operation",
    [
        lambda y: y + torch.arange(8.0).type_as(y),
        lambda y: y + torch.arange(8).to(y),
        lambda y: y * torch.ones(5, 5, 5, 5).type_as(y).mean(),
    ],
    ids=["type_as", "to", "type_as of another shape"],
)
def test_a_tensor_that_only_lends_its_type_has_no_channels(operation):
    check_rule(operation)
