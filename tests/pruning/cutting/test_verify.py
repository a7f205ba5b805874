"""Comparing outputs of a masked and a compact model."""

import pytest
import torch
import torchvision
from pruning_nets import Grouped, random_plan
from torch import nn

from napari_pathprune.pruning import compact, mask, trace
from napari_pathprune.pruning.cutting.verify import difference, outputs_of, tolerance_of, verify_equal

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
