"""Rules for operations that split and join tensors."""

import pytest
import torch
import torch.nn.functional as F
from pruning_nets import random_plan, randomize
from rule_law import check_rule
from torch import nn

from napari_pathprune.pruning import compact, trace


@pytest.mark.parametrize(
    ("operation", "reads"),
    [
        (lambda y: y[:, :, 1:-1, ::2], 8),
        (lambda y: torch.cat(y.chunk(2, dim=1)[::-1], dim=1), 8),
        (lambda y: F.glu(y, dim=1), 4),
        (lambda y: torch.cat([y, y.relu()], dim=1), 16),
        (lambda y: torch.stack([y, y.relu()], dim=1).sum(dim=1), 8),
        (lambda y: y.index_select(2, torch.tensor([0, 3])), 8),
        (lambda y: y[:, :, [0, 3], [1, 2]].unsqueeze(-1), 8),
        (lambda y: y[:, :, 3].unsqueeze(2), 8),
        (lambda y: torch.stack(y.unbind(2), dim=2), 8),
        (lambda y: torch.cat(y.split(4, dim=2), dim=3), 8),
    ],
    ids=["slice", "chunk", "glu", "cat", "stack", "index_select", "index", "select", "unbind", "split"],
)
def test_channels_are_followed_into_pieces(operation, reads):
    check_rule(operation, reads)


@pytest.mark.parametrize(
    ("operation", "reads", "why"),
    [
        (lambda y: y[:, ::2], 4, "every other channel is picked"),
        (lambda y: y[:, 3].unsqueeze(1).expand(-1, 2, -1, -1), 2, "one channel is picked by its number"),
        (lambda y: y[:, [0, 3]], 2, "channels are picked by their numbers"),
        (lambda y: y.index_select(1, torch.tensor([0, 3])), 2, "channels are picked by their numbers"),
    ],
    ids=["step", "select", "index", "index_select"],
)
def test_channels_picked_by_number_freeze(operation, reads, why):
    check_rule(operation, reads, why)


class ClassToken(nn.Module):
    """A class token is put before the others, and explicit attention follows."""

    def __init__(self, tokens=1):
        super().__init__()
        self.p, self.token = nn.Linear(6, 16), nn.Parameter(torch.randn(1, tokens, 16))
        self.q, self.k, self.v, self.o = (nn.Linear(16, width) for width in (16, 16, 16, 3))

    def forward(self, x):
        x = torch.cat([self.token.expand(len(x), -1, -1), self.p(x)], dim=1)
        return self.o((self.q(x) @ self.k(x).transpose(1, 2) * 0.25).softmax(-1) @ self.v(x))


@pytest.mark.parametrize("tokens", [1, 3])
def test_tokens_are_put_before_others(tokens):
    model, x = randomize(ClassToken(tokens)), torch.randn(2, 5, 6)
    graph = trace(model, x)
    assert {"p", "q", "v"} <= {group.name for group in graph.prunable}
    compact(model, graph, random_plan(graph, 0))
