"""Small fits for tests: a network of two convolutions, patches and a loss, and a fit that can be interrupted."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import Dataset

from napari_pathprune.training.fit import fit
from napari_pathprune.training.fit_events import StepDone
from napari_pathprune.training.fit_settings import FitSettings

SETTINGS = FitSettings(steps=8, batch=2, learning_rate=0.02, averaging=0.9, save_every=3, accelerator="cpu")


class Points(Dataset):
    """Small pictures whose nuclear map is their own brightness."""

    def __init__(self, length):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        image = torch.rand(3, 6, 7, generator=torch.Generator().manual_seed(index))
        return {"image": image, "nuclear": image.mean(0)}


class SmallNetwork(nn.Module):
    """Two convolutions and a batch norm, whose running statistics must be averaged and restored."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 1))

    def forward(self, images):
        return {"np": self.layers(images)}


def seeded_network(seed=3):
    """Build a network whose initial weights depend on the seed alone."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SmallNetwork()


def squares(maps, batch):
    """Compute the mean squared error of the nuclear map."""
    return {"np_mse": (maps["np"][:, 0] - batch["nuclear"]).square().mean()}


def run_fit(model, settings=SETTINGS, *, until=None, state=None, losses=squares, **more):
    """Fit to the end and return the events, or close the generator after a step, as an interruption does."""
    events = []
    stream = fit(model, Points(settings.steps * settings.batch), losses, settings, state=state, **more)
    for event in stream:
        events.append(event)
        if until is not None and isinstance(event, StepDone) and event.step == until:
            stream.close()
            break
    return events


def step_values(events):
    """Return what a step depends on, without its time: number, losses and learning rate."""
    return [(e.step, dict(e.losses), e.learning_rate) for e in events if isinstance(e, StepDone)]


def have_same_weights(one, other):
    """Return whether two models have bit-equal weights and statistics."""
    ours, theirs = one.state_dict(), other.state_dict()
    return list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)
