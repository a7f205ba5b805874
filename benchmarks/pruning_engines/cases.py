"""The networks, and the measurements of a compact model; the same for both engines."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
import torchvision
from torch import Tensor, nn

from napari_pathprune.models import build

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Case:
    """A network, an example input, and the layers that make its outputs (which one of the engines needs)."""

    name: str
    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    heads: Callable[[nn.Module], list[nn.Module]]

    def model(self) -> nn.Module:
        """Build the network in evaluation mode, with random norms and no layer that is zero."""
        torch.manual_seed(0)
        model = self.make().eval()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.2)
        for head in self.heads(model):
            nn.init.normal_(head.weight, std=0.05)
        return model

    def example(self) -> Tensor:
        """Return noise of the input's shape, the same each time."""
        return torch.randn(self.shape, generator=torch.Generator().manual_seed(1))


CASES = (
    Case(
        "HoVer-Net (fast, 6 types)",
        lambda: build("hovernet", mode="fast", num_types=6),
        (1, 3, 128, 128),
        lambda model: list(model.output_layers().values()),
    ),
    Case("resnet50", torchvision.models.resnet50, (1, 3, 224, 224), lambda model: [model.fc]),
    Case("densenet121", torchvision.models.densenet121, (1, 3, 224, 224), lambda model: [model.classifier]),
    Case("vit_b_16", torchvision.models.vit_b_16, (1, 3, 224, 224), lambda model: [model.heads.head]),
)


@dataclass(frozen=True, slots=True)
class Cut:
    """The result of an engine, and the CPU seconds of its graph and of its cut."""

    model: nn.Module
    masked: nn.Module | None
    graph_s: float
    prune_s: float
    bytes: int
    opens_without_pickle: bool


def cpu_seconds(work: Callable[[], Result]) -> tuple[float, Result]:
    """Run a function and return the CPU seconds of this process, and the result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def outputs(model: nn.Module, example: Tensor) -> dict[str, Tensor]:
    """Run a model and return its outputs by name."""
    with torch.inference_mode():
        result = model(example)
    return dict(result) if isinstance(result, Mapping) else {"output": result}


def deviation(cut: Mapping[str, Tensor], masked: Mapping[str, Tensor]) -> float:
    """Return the largest difference between outputs, relative to the largest value."""
    return max(float((cut[name] - masked[name]).abs().max() / masked[name].abs().max()) for name in masked)


def thin_layers(model: nn.Module) -> int:
    """Count the convolutions and linear layers with one or two channels."""
    return sum(module.weight.shape[0] <= 2 for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear))
