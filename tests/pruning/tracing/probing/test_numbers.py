"""Numbers that a model's code computes from a width: compensated in the weights, or frozen with the reason."""

import math

import pytest
import torch
from pruning_nets import random_plan, randomize
from torch import nn

from napari_pathprune.pruning import compact, trace

X = torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(0))
SCALES = {
    "root of the last axis": lambda q: q.shape[-1] ** 0.5,
    "size": lambda q: q.size(-1),
    "math.sqrt": lambda q: math.sqrt(q.size(-1)),
    "a tensor": lambda q: torch.sqrt(torch.tensor(float(q.shape[-1]))),
    "a tensor like the input": lambda q: q.new_tensor(q.shape[-1]).sqrt(),
    "a tensor on the device of the input": lambda q: torch.sqrt(torch.tensor(q.shape[-1], device=q.device)),
}


class Attention(nn.Module):
    """Attention of one head, or of four with ``split``; scaled after the product, or before it with ``early``."""

    def __init__(self, scale, *, split=False, early=False, shared=False):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(a, b) for a, b in ((6, 16), (6, 16), (6, 16), (16, 3)))
        self.scale, self.split, self.early, self.shared = scale, split, early, shared

    def forward(self, x):
        q, k, v = self.q(x), self.q(x) if self.shared else self.k(x), self.v(x)
        if self.split:
            q, k, v = (t.view(len(x), -1, 4, t.shape[-1] // 4).transpose(1, 2) for t in (q, k, v))
        scores = q / self.scale(q) @ k.mT if self.early else q @ k.mT / self.scale(q)
        y = scores.softmax(-1) @ v
        return self.o(y.transpose(1, 2).flatten(2) if self.split else y)


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("scale", SCALES)
def test_queries_compensate_for_every_way_to_write_the_scale(scale, split, early):
    torch.manual_seed(0)
    model = randomize(Attention(SCALES[scale], split=split, early=early))
    graph = trace(model, 3 * X)
    assert "q" in {group.name for group in graph.prunable}
    for seed in range(3):
        compact(model, graph, random_plan(graph, seed))


def test_weights_that_make_queries_and_keys_cannot_compensate():
    model = randomize(Attention(SCALES["math.sqrt"], shared=True))
    graph = trace(model, 3 * X)
    assert "a number in the code" in graph.frozen["q"]
    assert [group.name for group in graph.prunable] == ["v"]
    compact(model, graph, random_plan(graph, 0))


class Mean(nn.Module):
    """A mean over channels as a sum that is divided by their number."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.out = (nn.Conv2d(i, o, 1) for i, o in ((3, 8), (8, 10), (10, 6), (1, 2)))

    def forward(self, x):
        y = torch.relu(self.c(torch.relu(self.b(torch.relu(self.a(x))))))
        return self.out(y.sum(1, keepdim=True) / y.shape[1])


def test_one_number_does_not_freeze_other_groups():
    model, x = randomize(Mean()), torch.rand(1, 3, 4, 4)
    graph = trace(model, x)
    assert [group.name for group in graph.prunable] == ["a", "b"]
    assert "a number in the code (div)" in graph.frozen["c"]
    compact(model, graph, random_plan(graph, 0))


class ConstantSplit(nn.Module):
    """A split into constant sizes between two layers, whose first part is not read by a filter."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.out = (nn.Conv2d(i, o, 1) for i, o in ((3, 8), (8, 12), (6, 6), (6, 2)))

    def forward(self, x):
        first, second = self.b(torch.relu(self.a(x))).split(6, dim=1)
        return self.out(torch.relu(self.c(first * second)))


def test_one_constant_split_does_not_freeze_other_groups():
    model, x = randomize(ConstantSplit()), torch.rand(1, 3, 4, 4)
    graph = trace(model, x)
    assert {"a", "c"} == {group.name for group in graph.prunable}
    compact(model, graph, random_plan(graph, 0))


class Numbers(nn.Module):
    """An operation with a number of the model's code between two layers."""

    def __init__(self, operation):
        super().__init__()
        self.a, self.b, self.out, self.operation = (
            nn.Conv2d(3, 16, 3),
            nn.Conv2d(16, 6, 1),
            nn.Conv2d(6, 2, 1),
            operation,
        )

    def forward(self, x):
        return self.out(torch.relu(self.b(self.operation(self.a(x)))))


@pytest.mark.parametrize(
    "operation",
    [
        lambda y: torch.where(y > 0, y, y.shape[1]),
        lambda y: y * y.new_tensor(y.shape[1]),
        lambda y: nn.functional.batch_norm(y, None, None, training=True, eps=1 / y.shape[1]),
        lambda y: nn.functional.interpolate(y, size=y.shape[1]),
        lambda y: y.roll(y.shape[1] // 4, 2),
        lambda y: torch.add(y, y, alpha=y.shape[1]),
        lambda y: y * math.log(y.shape[1]),
    ],
    ids=["where", "new_tensor", "eps", "size of an image", "roll", "alpha", "log"],
)
def test_numbers_that_cannot_be_compensated_freeze_one_group(operation):
    model, x = randomize(Numbers(operation)), torch.rand(1, 3, 10, 10)
    graph = trace(model, x)
    assert "in the code" in graph.frozen["a"]
    assert [group.name for group in graph.prunable] == ["b"]
    compact(model, graph, random_plan(graph, 0))


@pytest.mark.parametrize(
    "score",
    [
        lambda q, k: q @ k.mT * math.log(q.shape[-1]),  # at two of four channels, the same as a power
        lambda q, k: torch.baddbmm(torch.zeros(1, 1, 1), q, k.mT, beta=0.0, alpha=q.shape[-1] ** -0.5),
    ],
    ids=["log", "alpha"],
)
def test_other_numbers_freeze_the_queries(score):
    class Scores(Attention):
        def forward(self, x):
            q, k, v = (layer(x).view(len(x) * 4, x.shape[1], -1) for layer in (self.q, self.k, self.v))
            return self.o((score(q, k).softmax(-1) @ v).view(len(x), x.shape[1], -1))

    model = randomize(Scores(None))
    graph = trace(model, 3 * X)
    for seed in range(3):
        compact(model, graph, random_plan(graph, seed))
