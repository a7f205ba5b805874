"""Costs, compared with numbers computed by hand or published."""

import pytest
import torch
from pruning_nets import NETS, random_plan
from torch import nn

from napari_pathprune.models import build
from napari_pathprune.pruning import Cost, compact, cost_after, cost_of, latency_of, trace
from napari_pathprune.pruning.costing.cost import seconds_of


def test_the_full_hovernet():
    with torch.device("meta"):
        model = build("hovernet", mode="fast", num_types=6, width=1.0)
    cost = cost_of(model, torch.zeros(1, 3, 256, 256))
    assert cost.params == 37_639_626
    assert cost.macs / 1e9 == pytest.approx(148.98, rel=5e-4)


@pytest.mark.parametrize(
    ("layer", "shape", "macs"),
    [
        (nn.Conv2d(4, 8, 3, groups=2, padding=1, bias=False), (1, 4, 5, 5), 5 * 5 * 8 * 2 * 9),
        (nn.ConvTranspose2d(4, 8, 2, stride=2, bias=False), (1, 4, 5, 5), 5 * 5 * 4 * 8 * 4),
        (nn.Linear(6, 7, bias=False), (3, 6), 3 * 6 * 7),
    ],
)
def test_single_layers(layer, shape, macs):
    weight = layer.weight.numel()
    assert cost_of(layer, torch.zeros(shape)) == Cost(weight, macs, 4 * weight)


@pytest.mark.parametrize("name", NETS)
def test_costs_from_widths_equal_counted_costs(name):
    model, x = NETS[name](), torch.zeros(2, 3, 16, 16)
    assert cost_after(trace(model, x)) == cost_of(model, x)


def test_an_example_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="give an input that it takes"):
        cost_of(nn.Linear(4, 2), torch.zeros(1, 5))


def test_latency_is_the_median_of_the_runs_after_the_warmup(monkeypatch):
    class Counted(nn.Module):
        runs = 0

        def forward(self, x):
            Counted.runs += 1
            return x

    durations = [90.0, 90.0, 1.0, 5.0, 3.0]
    clock = iter([tick for duration in durations for tick in (0.0, duration)])
    monkeypatch.setattr("napari_pathprune.pruning.costing.cost.time.perf_counter", lambda: next(clock))
    model = Counted().train()
    assert latency_of(model, torch.zeros(1), repeats=3, warmup=2) == 3.0
    assert Counted.runs == 5
    assert model.training
    with pytest.raises(ValueError, match="at least 1 repeat"):
        latency_of(model, torch.zeros(1), repeats=0)


def test_compared_models_take_turns():
    turns = []

    class Turn(nn.Identity):
        def forward(self, x):
            turns.append(self)
            return x

    models = [Turn(), Turn()]
    assert len(seconds_of(models, ((torch.zeros(1),), {}), repeats=2, warmup=1)) == 2
    assert turns == models * 3


class Mixer(nn.Module):
    """A linear layer over tokens, channels on another axis; then attention of several heads."""

    def __init__(self):
        super().__init__()
        self.e, self.t1, self.t2 = nn.Conv2d(3, 32, 4, 4), nn.Linear(16, 24), nn.Linear(24, 16)
        self.qkv, self.o = nn.Linear(32, 96), nn.Linear(32, 3)

    def forward(self, x):
        x = self.e(x).flatten(2)
        x = (x + self.t2(nn.functional.gelu(self.t1(x)))).transpose(1, 2)
        q, k, v = self.qkv(x).reshape(len(x), -1, 3, 4, self.qkv.out_features // 12).permute(2, 0, 3, 1, 4)
        return self.o(nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


def test_costs_of_a_cut_are_predicted_where_channels_lie_on_other_axes():
    model, x = Mixer().eval(), torch.rand(1, 3, 16, 16)
    graph = trace(model, x)
    for seed in range(3):
        plan = random_plan(graph, seed)
        assert cost_after(graph, plan).macs == cost_of(compact(model, graph, plan), x).macs
