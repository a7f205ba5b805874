"""The tracer, one operation at a time."""

import numpy as np
import torch
from torch import nn

from napari_pathprune.pruning.modules.replica import state_of
from napari_pathprune.pruning.tracing.rules.rule_table import RULES
from napari_pathprune.pruning.tracing.tracer import Tracer


def run(model: nn.Module, x: torch.Tensor) -> tuple[Tracer, torch.Tensor]:
    tracer = Tracer(model, state_of(model), RULES, empty=False)
    tracer.facts.note(x, factors=())
    with torch.inference_mode(), tracer:
        result = model(x)
    return tracer, result


def test_the_channels_of_a_layer_are_those_of_its_weight():
    model = nn.Linear(4, 3)
    tracer, result = run(model, torch.zeros(2, 4))
    (factor,) = tracer.of(result)
    assert factor.shape == (1, 3)
    assert np.array_equal(factor.ravel(), tracer.line(model.weight, 0, ""))
    assert tracer.met == {"weight", "bias"}


def test_steps_are_remembered_with_their_module():
    tracer, _ = run(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), torch.zeros(2, 4))
    assert [(step.name, step.module, step.module_type) for step in tracer.steps] == [
        ("linear", "0", nn.Linear),
        ("relu", "1", nn.ReLU),
    ]
    assert list(tracer.entries) == ["0", "1"]
    assert len(tracer.entries["1"][0]) == 3


def test_operations_without_a_rule_freeze_by_name():
    class Transformed(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(4, 3)

        def forward(self, x):
            return torch.fft.fft(self.first(x)).real

    tracer, _ = run(Transformed(), torch.zeros(2, 4))
    assert any("fft" in why and "the model's own forward" in why for _, why in tracer.ids.frozen)


def test_expanded_axes_may_meet_channels():
    tracer = Tracer(nn.Identity(), {}, RULES, empty=False)
    x = torch.zeros(2, 1)
    tracer.facts.note(x, factors=())
    with torch.inference_mode(), tracer:
        wide = x.expand(2, 5)
    assert tracer.shape_of(wide) == (2, 1)
    assert tracer.shape_of(x) == (2, 1)
    assert tracer.doubt


def test_macs_are_in_proportion_to_the_axes():
    tracer, _ = run(nn.Linear(4, 3, bias=False), torch.zeros(2, 4))
    ((count, lengths),) = tracer.ids.macs
    assert count * np.prod([len(ids) for ids in lengths]) == 2 * 4 * 3
