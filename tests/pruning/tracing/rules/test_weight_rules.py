"""Rules for layers and products that read channels and make new ones."""

import pytest
import torch
import torch.nn.functional as F
from rule_law import check_rule
from torch import nn

from napari_pathprune.pruning import trace


@pytest.mark.parametrize(
    ("layer", "reads"),
    [
        (nn.Conv2d(8, 6, 3, padding=1), 6),
        (nn.Conv2d(8, 8, 3, padding=1, groups=8), 8),
        (nn.Conv2d(8, 16, 3, padding=1, groups=8), 16),
        (nn.Conv2d(8, 12, 3, padding=1, groups=2), 12),
        (nn.ConvTranspose2d(8, 6, 2, stride=2), 6),
        (nn.ConvTranspose2d(8, 6, 2, stride=2, groups=2), 6),
    ],
    ids=["plain", "depthwise", "multiplier", "grouped", "transposed", "grouped transposed"],
)
def test_convolutions(layer, reads):
    check_rule(layer, reads)


def test_linear_layers():
    layer = nn.Linear(8, 6)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), layer)
    graph = trace(model, torch.zeros(2, 4))
    assert [(m.module, m.role) for m in graph.group("0").members if m.parameter == "weight"] == [
        ("0", "out"),
        ("2", "in"),
    ]


def test_a_product_reads_the_axis_that_it_sums_over():
    def mix(y):
        flat = y.flatten(2)
        return ((flat.transpose(1, 2) @ flat) @ flat.transpose(1, 2)).transpose(1, 2).unflatten(2, (8, 8))

    check_rule(mix)


def test_a_product_of_loud_channels_freezes():
    def mix(y):
        flat = y.sigmoid().flatten(2)
        return y * (flat.transpose(1, 2) @ flat).mean()

    check_rule(mix, why="are not zero where a filter makes zeros")


def test_attention_over_pixels():
    def attend(y):
        flat = y.flatten(2).transpose(1, 2)
        return F.scaled_dot_product_attention(flat, flat, flat, scale=0.5).transpose(1, 2).unflatten(2, (8, 8))

    check_rule(attend)


def test_rows_of_an_embedding_are_frozen_and_its_channels_are_not():
    model = nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 2))
    graph = trace(model, torch.zeros(2, 3, dtype=torch.int64))
    assert graph.group("0").frozen is None
    assert [(m.axis, m.role) for m in graph.group("0").members if m.module == "0"] == [(1, "out")]
