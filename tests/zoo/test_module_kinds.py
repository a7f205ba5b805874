"""Kinds of modules and outputs: each is cut, or refused with advice in one line."""

from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from pruning_nets import random_plan, randomize
from torch import Tensor, nn

from napari_pathprune.pruning import compact, mask, trace
from napari_pathprune.pruning.modules.replica import find_tensors

IMAGE = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return randomize(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 2, 1)))


@dataclass
class Record:
    maps: Tensor
    rest: tuple[Tensor, None]


class Pair(NamedTuple):
    maps: Tensor
    score: Tensor


class Returns(nn.Module):
    def __init__(self, make):
        super().__init__()
        self.net, self.make = net(), make

    def forward(self, x):
        return self.make(self.net(x))


class Branches(nn.Module):
    """A forward that looks at values of its input and of its activations."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2d(3, 8, 3), nn.Conv2d(3, 8, 3), nn.Conv2d(8, 2, 1)

    def forward(self, x):
        y = self.a(x) if x.sum() > -1e9 else self.b(x)
        if bool((x.max() < -1e9).item()):
            return y
        return self.out(torch.relu(y))


def cut(model: nn.Module, x: Tensor) -> tuple[nn.Module, nn.Module]:
    graph = trace(model, x)
    (group,) = graph.prunable
    assert group.width == 8
    plan = random_plan(graph, 4)
    assert len(plan.keep[group.name]) < 8
    return mask(model, graph, plan), compact(model, graph, plan)


def assert_same(first: nn.Module, second: nn.Module, x: Tensor, tolerance: float = 1e-4) -> None:
    with torch.no_grad():
        ours, theirs = (list(find_tensors(model.eval()(x))) for model in (first, second))
    assert len(ours) == len(theirs) > 0
    for a, b in zip(ours, theirs, strict=True):
        assert (a - b).abs().max() <= tolerance * a.abs().max()


@pytest.mark.parametrize(
    "make",
    [
        lambda y: {"maps": y, "more": [y, None]},
        lambda y: (y, (y, 3)),
        lambda y: Record(y, (y, None)),
        lambda y: Pair(y, y.mean()),
    ],
    ids=["mapping", "tuple", "dataclass", "named tuple"],
)
def test_every_kind_of_output(make):
    assert_same(*cut(Returns(make), IMAGE), IMAGE)


def test_a_forward_that_branches_on_data():
    graph = trace(Branches(), IMAGE)
    assert [group.name for group in graph.prunable] == ["a"]
    assert graph.unreached == ("b.weight", "b.bias")
    assert_same(*cut(Branches(), IMAGE), IMAGE)


def test_a_model_in_training_mode_stays_in_it():
    model = net().train()
    masked, small = cut(model, IMAGE)
    assert all(module.training for own in (model, masked, small) for module in own.modules())
    assert_same(masked, small, IMAGE)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.bfloat16, 3e-2), (torch.float16, 3e-3)]
)
def test_other_floating_types(dtype, tolerance):
    model, x = net().to(dtype), IMAGE.to(dtype)
    graph = trace(model, x)
    plan = random_plan(graph, 4)
    small = compact(model, graph, plan)  # compared within the roundings of the type
    assert {p.dtype for p in small.parameters()} == {dtype}
    assert_same(mask(model, graph, plan), small, x, tolerance)


def test_wrapped_for_many_devices():
    masked, small = cut(nn.DataParallel(net()), IMAGE)
    assert type(small) is nn.DataParallel
    assert_same(masked, small, IMAGE)


def test_a_model_without_values_is_traced_and_cut_but_not_compared():
    with torch.device("meta"):
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 2, 1))
    graph = trace(model, IMAGE)
    plan = random_plan(graph, 4)
    with pytest.raises(ValueError, match=r"'meta'.*verify=False"):
        compact(model, graph, plan)
    small = compact(model, graph, plan, verify=False)
    assert small[0].out_channels == len(plan.keep["0"])


def test_a_model_with_lazy_weights_is_refused():
    with pytest.raises(ValueError, match=r"lazy.*run the model once"):
        trace(nn.Sequential(nn.LazyConv2d(4, 3)), IMAGE)


@pytest.mark.parametrize("x", [torch.zeros(1, 3, 2, 2), torch.zeros(1, 5, 8, 8), None, "image"])
def test_an_example_that_the_model_does_not_accept_is_refused(x):
    with pytest.raises(ValueError, match=r"does not run on the example input.*give an input that it takes"):
        trace(net(), x)
