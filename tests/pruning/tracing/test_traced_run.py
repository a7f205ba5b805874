"""Runs that a trace watches: with and without values, in training mode, and those that it cannot watch."""

import threading
from typing import NamedTuple

import numpy as np
import pytest
import torch
from pruning_nets import random_plan
from torch import Tensor, nn

from napari_pathprune.pruning import compact, trace

IMAGE = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class TrainingHead(nn.Module):
    """Deep supervision: a second head that runs in training only; with ``needs``, on targets only."""

    def __init__(self, *, needs=False):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 12, 3), nn.Conv2d(12, 2, 1)
        self.aux = nn.Sequential(nn.Conv2d(16, 8, 1), nn.BatchNorm2d(8), nn.Conv2d(8, 2, 1))
        self.needs = needs

    def forward(self, x, targets=None):
        a = self.a(x)
        y = self.out(self.b(a))
        if not self.training:
            return y
        if self.needs and targets is None:
            raise TypeError("training needs targets")
        return y, self.aux(a)


def test_heads_of_training_are_cut_with_the_rest():
    model = TrainingHead().train()
    graph = trace(model, IMAGE)
    assert not graph.unreached
    assert {"a", "b", "aux.0"} == {group.name for group in graph.prunable}
    small = compact(model, graph, random_plan(graph, 0))
    y, aux = small(torch.rand(2, 3, 8, 8))
    assert y.shape[1] == aux.shape[1] == 2
    (y.sum() + aux.sum()).backward()


def test_channels_that_a_head_may_read_stay_if_it_cannot_run():
    model = TrainingHead(needs=True).train()
    graph = trace(model, IMAGE)
    assert graph.frozen["a"] == "may be read by 'aux.0', which did not run"
    assert [group.name for group in graph.prunable] == ["b"]
    small = compact(model, graph, random_plan(graph, 0))
    assert small(torch.rand(2, 3, 8, 8), targets=1)[1].shape[1] == 2


def test_targets_in_the_example_let_the_head_run():
    graph = trace(TrainingHead(needs=True), (IMAGE, torch.zeros(1)))
    assert "a" in {group.name for group in graph.prunable}


def test_a_run_in_training_mode_costs_nothing():
    assert (
        trace(TrainingHead(), IMAGE).sizes.macs.at(
            trace(TrainingHead(), IMAGE).sizes.widths(
                {group.name: group.width for group in trace(TrainingHead(), IMAGE).groups}
            )
        )
        == 16 * 27 * 36 + 12 * 16 * 9 * 16 + 2 * 12 * 16
    )


class Batch(NamedTuple):
    image: Tensor
    number: Tensor


class TakesBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.out, self.lock = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 2, 1), threading.Lock()

    def forward(self, batch):
        return self.out(self.a(batch.image))


def test_named_tuples_and_attributes_that_cannot_be_copied():
    graph = trace(TakesBatch(), (Batch(IMAGE, torch.zeros(1)),))
    assert [group.name for group in graph.prunable] == ["a"]
    compact(TakesBatch(), graph, random_plan(graph, 0))


class Gradients(nn.Module):
    """A forward that differentiates, which a watched run does not allow."""

    def __init__(self):
        super().__init__()
        self.a, self.out = nn.Linear(4, 6), nn.Linear(6, 1)

    def forward(self, x):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return torch.autograd.grad(self.out(torch.tanh(self.a(x))).sum(), x)[0]


def test_what_cannot_be_watched_is_frozen_and_the_model_is_not_blamed():
    graph = trace(Gradients(), torch.rand(2, 4))
    assert not graph.prunable
    assert any("cannot be watched" in why for why in graph.frozen.values())


def test_a_model_that_does_not_run_is_refused():
    with pytest.raises(ValueError, match=r"does not run on the example input \(\(1, 5\)\).*give an input"):
        trace(nn.Linear(4, 2), torch.rand(1, 5))


class Looks(nn.Module):
    """A forward that depends on the mean of the image."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = (nn.Conv2d(i, o, 1) for i, o in ((3, 16), (3, 16), (16, 2)))

    def forward(self, x):
        y = self.a(x) if x.mean() > 0.01 else self.b(x)
        return self.out(y.reshape(*y.shape))


def test_narrower_runs_see_the_values_of_the_example():
    graph = trace(Looks(), IMAGE)
    assert "a" in {group.name for group in graph.prunable}


class Array(nn.Module):
    """Returns an array, as people do who run their models without gradients."""

    def __init__(self, make):
        super().__init__()
        self.a, self.out, self.make = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 2, 1), make

    def forward(self, x):
        return self.make(self.out(self.a(x)))


def test_a_model_that_needs_no_gradients_is_not_blamed():
    graph = trace(Array(lambda y: np.array([y, y.numpy()], dtype=object)), torch.rand(1, 3, 8, 8))
    assert "out" in graph.frozen


def test_an_output_without_end_is_read_in_part():
    def repeat(y):
        while True:
            yield y

    graph = trace(Array(repeat), torch.rand(1, 3, 8, 8))
    assert graph.frozen["out"] == "output of the model"
    assert [group.name for group in graph.prunable] == ["a"]
