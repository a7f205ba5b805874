"""Rules for operations that change shapes."""

import pytest
import torch
from rule_law import check_rule


@pytest.mark.parametrize(
    "operation",
    [
        lambda y: y.flatten(2).unflatten(2, (8, 8)),
        lambda y: y.unsqueeze(2).squeeze(2),
        lambda y: y.permute(0, 2, 3, 1).permute(0, 3, 1, 2),
        lambda y: y.transpose(1, 2).transpose(1, 2),
        lambda y: y.flip((2, 3)),
        lambda y: y.repeat(1, 1, 2, 1),
        lambda y: y.unsqueeze(2).expand(-1, -1, 2, -1, -1).mean(dim=2),
        lambda y: y.view(2, 2, y.shape[1] // 2, 8, 8).transpose(1, 2).reshape(2, y.shape[1], 8, 8),
    ],
    ids=["flatten", "squeeze", "permute", "transpose", "flip", "repeat", "expand", "shuffle"],
)
def test_channels_move_with_the_entries(operation):
    check_rule(operation)


def test_pixel_shuffle_cuts_the_channels_of_a_block_together():
    check_rule(lambda y: torch.pixel_shuffle(y, 2), reads=2)


def test_repeated_channels_are_cut_together():
    check_rule(lambda y: y.repeat(1, 2, 1, 1), reads=16)


def test_sizes_in_the_code_freeze():
    check_rule(lambda y: y.view(2, 8, 64).view(2, 8, 8, 8), why="sizes in the code (view)")
