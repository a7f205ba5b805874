"""Weights determine the widths of a model, and weights that do not fit are refused with the names of their keys."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn
from two_convolutions import random_two_convolutions

from napari_pathprune.workflows.checkpoint import load
from napari_pathprune.workflows.load_weights import load_weights


def make_net(width: int = 8, kernel: int = 3) -> nn.Module:
    layers = {"first": nn.Conv2d(3, width, kernel), "norm": nn.BatchNorm2d(width), "last": nn.Conv2d(width, 2, 1)}
    return nn.Sequential(OrderedDict(layers)).eval()


@pytest.fixture
def weights() -> dict[str, Tensor]:
    return dict(make_net().state_dict())


@pytest.mark.parametrize("width", [8, 5, 1])
def test_the_shapes_are_the_widths(width: int) -> None:
    source = make_net(width)
    model = load_weights(make_net(), source.state_dict(), "net")
    image = torch.rand(1, 3, 9, 9)
    assert not model.training
    with torch.inference_mode():
        assert torch.equal(model(image), source(image))


def test_missing_and_unknown_keys_are_named(weights: dict[str, Tensor]) -> None:
    weights["head.weight"] = weights.pop("last.weight")
    expected = r"not those of a net: 1 keys are missing \(last\.weight\), 1 are unknown \(head\.weight\)"
    with pytest.raises(ValueError, match=expected):
        load_weights(make_net(), weights, "net")


def test_many_keys_are_counted_and_some_are_named(weights: dict[str, Tensor]) -> None:
    extra = {f"x{number}": torch.zeros(1) for number in range(5)}
    with pytest.raises(ValueError, match=r"0 keys are missing, 5 are unknown \(x0, x1, x2, \.\.\.\)"):
        load_weights(make_net(), weights | extra, "net")


@pytest.mark.parametrize("shape", [(2, 8, 3, 3), (2, 8), (2, 9, 1, 1), (0, 8, 1, 1)])
def test_a_weight_of_another_shape_is_named_with_both(weights: dict[str, Tensor], shape: tuple[int, ...]) -> None:
    expected = rf"1 have another shape \(last\.weight\); last\.weight is {re.escape(str(shape))}, not \(2, 8, 1, 1\)"
    with pytest.raises(ValueError, match=expected):
        load_weights(make_net(), weights | {"last.weight": torch.zeros(shape)}, "net")


@pytest.mark.parametrize(
    ("cut", "words"),
    [
        ({"features.first.weight": (4, 3, 5, 5)}, "features.first_norm takes 8 channels, but gets 4"),
        ({"features.second.weight": (8, 5, 3, 3)}, "features.second takes 5 channels, but gets 8"),
        ({"features.first.weight": (8, 2, 5, 5)}, "features.first takes 2 channels, but gets 3"),
        ({"features.second_norm.running_var": (3,)}, "at features.second_norm, "),
        (
            {"heads.np.weight": (1, 8, 1, 1), "heads.np.bias": (1,)},
            "heads.np.weight has 1 channels, but the map 'np' has 2",
        ),
    ],
)
def test_weights_that_do_not_fit_each_other_are_refused(cut: dict[str, tuple[int, ...]], words: str) -> None:
    net = random_two_convolutions()
    given = dict(net.state_dict())
    for name, shape in cut.items():
        given[name] = given[name][tuple(map(slice, shape))].clone()
    with pytest.raises(ValueError, match=re.escape(words)):
        load_weights(random_two_convolutions(), given, "net")


def test_a_weight_of_the_packaged_model_that_is_narrower_than_its_norm_is_refused() -> None:
    found = load("hovernet-s-compact")
    narrow = {**found.weights, "conv0./.weight": found.weights["conv0./.weight"][:4].clone()}
    with pytest.raises(ValueError, match=r"do not fit each other: conv0\.bn takes 6 channels, but gets 4; the file is"):
        dataclasses.replace(found, weights=narrow).model()


def test_a_model_loads_without_the_compiler_of_torch() -> None:
    """It imports triton, whose LLVM crashes a process in which Mesa draws with another one, as napari may do."""
    code = "import sys; from napari_pathprune.workflows.checkpoint import load; load('hovernet-s-compact').model()"
    process = subprocess.run(
        [sys.executable, "-c", f"{code}; print([name for name in ('torch._dynamo', 'triton') if name in sys.modules])"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.strip() == "[]"
