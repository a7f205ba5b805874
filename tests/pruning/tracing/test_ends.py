"""Outputs that cannot be seen in what a model returns: no output, no cut."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from napari_pathprune.pruning import choose, compact, importance, trace

IMAGE = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@dataclass(slots=True)
class Maps:
    maps: Tensor


@dataclass(slots=True)
class Scored(Maps):
    score: Tensor


class Holder:
    def __init__(self, tensor):
        self.tensor, self.me = tensor, self


class Ends(nn.Module):
    def __init__(self, end):
        super().__init__()
        self.body, self.head, self.end = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 6, 1), end
        self.kept = []

    def forward(self, x):
        return self.end(self, self.head(torch.relu(self.body(x))))


def keep(model, y):
    model.kept = [y]
    return y.mean()


KINDS = {
    "numpy": lambda _, y: y.numpy(),
    "generator": lambda _, y: (t for t in (y,)),
    "inherited slots": lambda _, y: Scored(y, y.mean((1, 2, 3))),
    "an object that holds itself": lambda _, y: Holder(y),
    "attribute": keep,
    "function": lambda _, y: (y.mean(), lambda: y),
    "number": lambda _, y: (y.mean(), y.flatten().tolist()),
    "values of a dictionary": lambda _, y: {"maps": y}.values(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_head_stays_whole_and_the_rest_is_cut(kind):
    model = Ends(KINDS[kind]).eval()
    graph = trace(model, IMAGE)
    small = compact(model, graph, choose(graph, importance(model, graph), 0.5))
    assert (small.body.out_channels, small.head.out_channels) == (4, 6)


def test_nothing_is_cut_if_nothing_is_returned():
    model = Ends(lambda model, y: setattr(model, "kept", [y])).eval()
    graph = trace(model, IMAGE)
    assert set(graph.frozen.values()) >= {"the model returns no tensor"}
    assert not graph.prunable
    compact(model, graph, choose(graph, importance(model, graph), 0.5))


def test_what_nothing_reads_may_be_an_output():
    class Unused(nn.Sequential):
        def forward(self, x):
            y = self[0](x)
            self[1](y)
            return self[2](y)

    graph = trace(Unused(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 5, 1), nn.Conv2d(8, 2, 1)), IMAGE)
    assert graph.frozen["1"] == "no operation reads it, so it may be an output"
    assert [group.name for group in graph.prunable] == ["0"]
