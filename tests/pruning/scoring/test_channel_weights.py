"""The weights of each channel, wherever they lie in a tensor."""

import torch

from napari_pathprune.pruning import Member
from napari_pathprune.pruning.scoring.channel_weights import weights_per_channel


def test_rows_columns_and_blocks():
    weight = torch.arange(24.0).reshape(4, 6)
    assert torch.equal(weights_per_channel(weight, Member("", "w", 0, 1, "out"), 2), weight[1:3])
    assert torch.equal(weights_per_channel(weight, Member("", "w", 1, 2, "in"), 3), weight[:, 2:5].T)
    blocks = weights_per_channel(weight, Member("", "w", 1, 0, "in", block=2), 3)
    assert torch.equal(blocks[1], weight[:, 2:4].T.flatten())


def test_scattered_channels():
    weight = torch.arange(5.0)[:, None]
    own = weights_per_channel(weight, Member("", "w", 0, 1, "out", order=(3, 0)), 2)
    assert own.flatten().tolist() == [4.0, 1.0]


def test_channels_of_every_split():
    weight = torch.arange(8.0).reshape(4, 2)  # two conv groups: rows 0 and 1 read the first two channels
    own = weights_per_channel(weight, Member("", "w", 1, 0, "in", splits=2), 4)
    assert own.tolist() == [[0.0, 2.0], [1.0, 3.0], [4.0, 6.0], [5.0, 7.0]]


def test_half_and_integer_types_become_single_and_gradients_flow():
    member = Member("", "w", 0, 0, "out")
    for dtype in (torch.float16, torch.bfloat16, torch.int64):
        assert weights_per_channel(torch.ones(2, 3, dtype=dtype), member, 2).dtype == torch.float32
    weight = torch.ones(2, 3, requires_grad=True)
    weights_per_channel(weight, member, 1).sum().backward()
    assert weight.grad.tolist() == [[1, 1, 1], [0, 0, 0]]
