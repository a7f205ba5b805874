"""Batches are computed in pieces where memory runs out."""

import copy

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from napari_pathprune.training.backward import Backward
from napari_pathprune.training.fit import fit
from napari_pathprune.training.fit_events import BatchSplit, StepDone
from napari_pathprune.training.fit_settings import FitSettings


class LimitedNetwork(nn.Module):
    """A network without batch norms that runs out of memory above a number of patches."""

    def __init__(self, limit):
        super().__init__()
        self.layer, self.limit, self.seen = nn.Conv2d(3, 1, 1), limit, []

    def forward(self, images):
        self.seen.append(len(images))
        if len(images) > self.limit:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: 1 bytes")
        return {"np": self.layer(images)}


def mean_square(maps, batch):
    return {"np": (maps["np"][:, 0] - batch["nuclear"]).square().mean()}


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(5)
    return {
        "image": torch.rand(5, 3, 4, 4, generator=generator),
        "nuclear": torch.rand(5, 4, 4, generator=generator),
    }


def make_backward(model):
    fabric = Fabric(accelerator="cpu", devices=1)
    model, optimizer = fabric.setup(model, torch.optim.SGD(model.parameters(), lr=1.0))
    return Backward(fabric, model, mean_square), optimizer


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_pieces_give_the_gradient_of_the_whole_batch(batch, limit):
    roomy, small = LimitedNetwork(5), LimitedNetwork(limit)
    small.load_state_dict(roomy.state_dict())
    one, optimizer = make_backward(roomy)
    expected = one(optimizer, batch)
    assert one.pieces == 1
    two, optimizer = make_backward(small)
    found = two(optimizer, batch)
    assert found == pytest.approx(expected)
    assert torch.allclose(small.layer.weight.grad, roomy.layer.weight.grad, atol=1e-6)
    assert two.pieces > 1
    small.seen.clear()
    two(optimizer, batch)
    assert max(small.seen) <= limit


def test_a_size_that_ran_out_of_memory_is_not_tried_again(batch):
    model = LimitedNetwork(2)
    backward, optimizer = make_backward(model)
    backward(optimizer, batch)
    model.seen.clear()
    backward(optimizer, batch)
    assert model.seen == [2, 2, 1]


def test_a_single_patch_that_is_too_large_is_reported_with_a_remedy(batch):
    backward, optimizer = make_backward(LimitedNetwork(0))
    with pytest.raises(ValueError, match="with one patch of 4 px; take smaller patches"):
        backward(optimizer, batch)


def test_other_errors_are_not_mistaken_for_memory(batch):
    backward, optimizer = make_backward(nn.Conv2d(7, 1, 1))
    with pytest.raises(RuntimeError, match="expected input"):
        backward(optimizer, batch)


def test_a_fit_continues_in_pieces_and_reports_it(batch):
    class Patches(torch.utils.data.Dataset):
        def __len__(self):
            return 8

        def __getitem__(self, index):
            return {name: value[index % 5] for name, value in batch.items()}

    roomy, small = LimitedNetwork(4), LimitedNetwork(1)
    small.load_state_dict(copy.deepcopy(roomy.state_dict()))
    settings = FitSettings(steps=2, batch=4, accelerator="cpu")
    expected = [e.losses["np"] for e in fit(roomy, Patches(), mean_square, settings) if isinstance(e, StepDone)]
    events = list(fit(small, Patches(), mean_square, settings))
    assert [(e.step, e.pieces) for e in events if isinstance(e, BatchSplit)] == [(1, 4)]
    assert [e.losses["np"] for e in events if isinstance(e, StepDone)] == pytest.approx(expected, rel=1e-5)
