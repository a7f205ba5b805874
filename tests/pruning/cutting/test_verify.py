"""Comparing outputs of a masked and a compact model."""

import copy

import pytest
import torch
import torchvision
from pruning_nets import Grouped, random_plan
from torch import nn

from napari_pathprune.pruning import compact, mask, trace
from napari_pathprune.pruning.cutting.verify import difference, fix_randomness, outputs_of, tolerance_of, verify_equal

IMAGE = torch.zeros(1, 3, 16, 16)


def test_equal_models_differ_by_roundings_only():
    model = Grouped().eval()
    graph = trace(model, IMAGE)
    plan = random_plan(graph, 1)
    assert verify_equal(mask(model, graph, plan), compact(model, graph, plan, verify=False), graph) < 1e-5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_compared_within_its_roundings(dtype):
    model, x = torchvision.models.resnet18(num_classes=5).to(dtype).eval(), torch.rand(1, 3, 64, 64, dtype=dtype)
    graph = trace(model, x)
    plan = random_plan(graph, 3)
    compact(model, graph, plan)
    with pytest.raises(ValueError, match="differs from the masked one"):
        verify_equal(mask(model, graph, plan), compact(model, graph, random_plan(graph, 4)), graph)


def test_a_compact_model_that_does_not_run_is_reported():
    model = Grouped().eval()
    graph = trace(model, IMAGE)
    with pytest.raises(ValueError, match="the compact model does not run"):
        verify_equal(model, nn.Conv2d(5, 2, 1), graph)
    with pytest.raises(ValueError, match="returns 0 tensors, the masked one 1"):
        verify_equal(model, Silent(), graph)


class Silent(nn.Module):
    """Returns nothing."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, x):
        del x


def test_models_without_values_are_refused():
    with torch.device("meta"):
        model = nn.Conv2d(3, 2, 1)
    with pytest.raises(ValueError, match=r"'meta'.*verify=False"):
        verify_equal(model, model, trace(nn.Conv2d(3, 2, 1), IMAGE))


def test_differences_are_shares_of_the_largest_value():
    expected = torch.tensor([4.0, -8.0])
    assert difference(expected, torch.tensor([4.0, -6.0])) == 0.25
    assert difference(expected, torch.zeros(3)) == float("inf")
    assert difference(torch.zeros(2), torch.zeros(2)) == 0.0
    assert difference(torch.zeros(2), torch.ones(2)) == float("inf")
    assert difference(torch.tensor([1]), torch.tensor([2])) == float("inf")


def test_coarse_types_may_differ_by_more():
    assert tolerance_of(torch.float32) == tolerance_of(torch.int64) == 1e-4
    assert tolerance_of(torch.bfloat16) == 0.125


def test_modes_are_restored():
    model = nn.Sequential(nn.Dropout(0.5), nn.Conv2d(3, 2, 1)).train()
    model[1].eval()
    first, second = (outputs_of(model, ((IMAGE + 1,), {}))[0] for _ in range(2))
    assert torch.equal(first, second)
    assert [module.training for module in model.modules()] == [True, True, False]


class Image(nn.Module):
    """A network that does something to its image first, and to its result last."""

    def __init__(self, before, after):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 12, 3), nn.Conv2d(12, 2, 1)
        self.before, self.after = before, after

    def forward(self, x):
        return self.out(self.after(self.b(torch.relu(self.a(self.before(x))))))


def check_range(x):
    if not 0 <= float(x.min()) <= float(x.max()) <= 1:
        raise ValueError("image must be in [0, 1]")
    return x


def same(x):
    return x


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (lambda x: -torch.log((255 * x + 1) / 256), same),
        (check_range, same),
        (same, lambda y: torch.dropout(y, 0.5, True)),
        (same, lambda y: y + torch.randn_like(y)),
        (same, lambda y: y * torch.bernoulli(torch.full_like(y, 0.5))),
    ],
    ids=["optical density", "range", "dropout", "noise", "random mask"],
)
def test_the_check_runs_on_the_traced_image_and_without_noise(before, after):
    model = Image(before, after).eval()
    graph = trace(model, torch.rand(1, 3, 16, 16))
    plan = random_plan(graph, 1)
    small = compact(model, graph, plan)
    masked, broken = mask(model, graph, plan), copy.deepcopy(small)
    with torch.no_grad():
        broken.a.weight += 0.05
    with pytest.raises(ValueError, match="differs from the masked one"):
        verify_equal(masked, broken, graph, dense=model)


class Correction(nn.Module):
    """Corrects an image of 0 to 255: large values, which change little."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = (nn.Conv2d(i, o, 3, padding=1) for i, o in ((3, 16), (16, 16), (16, 3)))

    def forward(self, x):
        return x + 10 * self.out(torch.relu(self.b(torch.relu(self.a(x / 255)))))


def test_faults_do_not_hide_behind_large_outputs():
    torch.manual_seed(0)
    model, x = Correction().eval(), 255 * torch.rand(1, 3, 16, 16)
    graph = trace(model, x)
    plan = random_plan(graph, 1)
    masked, small = mask(model, graph, plan), compact(model, graph, plan)
    with torch.no_grad():
        small.out.weight *= 1.03
    assert verify_equal(masked, small, graph) < 1e-4  # the largest value alone does not tell
    with pytest.raises(ValueError, match="of what the cut changes"):
        verify_equal(masked, small, graph, dense=model)


def test_entries_that_are_not_finite_have_to_be_equal():
    expected = torch.tensor([float("inf"), float("nan"), 2.0])
    assert difference(expected, expected.clone()) == 0.0
    assert difference(expected, torch.tensor([float("inf"), float("nan"), 1.0])) == 0.5
    assert difference(expected, torch.tensor([float("-inf"), float("nan"), 2.0])) == float("inf")
    assert difference(torch.tensor([1.0, 2.0]), torch.tensor([1.0, float("nan")])) == float("inf")


def test_a_model_that_returns_nothing_finite_or_no_tensor_is_not_compared():
    model = Image(lambda x: torch.log(-x), same).eval()
    graph = trace(model, torch.rand(1, 3, 16, 16))
    with pytest.raises(ValueError, match=r"no finite number.*example_input"):
        compact(model, graph, random_plan(graph, 1))
    with pytest.raises(ValueError, match="no tensor to compare"):
        verify_equal(Silent().eval(), Silent().eval(), graph)


def test_random_generators_are_restored():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    with fix_randomness():
        torch.rand(5)
    assert torch.equal(torch.rand(1), expected)


LAYOUTS = {
    "(B, C, H, W)": lambda y: y,
    "(B, H, W, C)": lambda y: y.permute(0, 2, 3, 1),
    "(B, N, C)": lambda y: y.flatten(2).mT,
    "(C, H, W)": lambda y: y[0],
    "(C,)": lambda y: y.mean((0, 2, 3)),
    "(T, B, C, H, W)": lambda y: torch.stack([y, y]),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_faults_of_one_channel_do_not_hide_wherever_channels_lie(name):
    class Beside(Correction):
        def forward(self, x):
            y = self.out(torch.relu(self.b(torch.relu(self.a(x)))))
            return LAYOUTS[name](torch.cat([y[:, :2], y[:, 2:] * 1e4], 1))

    torch.manual_seed(0)
    model, x = Beside().eval(), torch.rand(1, 3, 16, 16)
    graph = trace(model, x)
    plan = random_plan(graph, 1)
    masked, small = mask(model, graph, plan), compact(model, graph, plan)
    with torch.no_grad():
        small.out.weight[:2] *= 1.2
    assert verify_equal(masked, small, graph) < 1e-4
    with pytest.raises(ValueError, match="of what the cut changes"):
        verify_equal(masked, small, graph, dense=model)


def test_an_example_that_the_model_does_not_accept_is_refused():
    model = Grouped().eval()
    graph = trace(model, IMAGE)
    for wrong in (3, "image", torch.zeros(3), ()):
        with pytest.raises(ValueError, match="does not run on this example"):
            compact(model, graph, random_plan(graph, 1), example_input=wrong)


class Picks(nn.Module):
    """Returns the order of many values, in which roundings exchange those of almost equal size."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 32, 3), nn.Conv2d(32, 1, 3)

    def forward(self, x):
        return self.b(torch.relu(self.a(x))).flatten(1).argsort(1)


def test_picks_that_only_roundings_exchange_are_accepted():
    torch.manual_seed(0)
    model, x = Picks().eval(), torch.rand(1, 3, 128, 128)
    graph = trace(model, x)
    plan = random_plan(graph, 0)
    masked, small = mask(model, graph, plan), compact(model, graph, plan)
    with torch.no_grad():
        small.a.weight[0] *= 1.1
    with pytest.raises(ValueError, match="differs from the masked one"):
        verify_equal(masked, small, graph)
