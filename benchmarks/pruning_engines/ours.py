"""The engine of this package."""

from __future__ import annotations

import safetensors.torch
import torch
from cases import Cut, cpu_seconds
from torch import Tensor, nn

from napari_pathprune.pruning import (
    PrunePlan,
    choose,
    compact,
    identity_plan,
    importance,
    iterative,
    mask,
    reshape,
    trace,
)

NAME = "pathprune"


def prune(model: nn.Module, example: Tensor, ratio: float, steps: int, heads: list[nn.Module]) -> Cut:
    """Remove a share of the channels of every layer by l2, in one step or in several of equal size."""
    del heads  # the graph finds the outputs
    graph_s, graph = cpu_seconds(lambda: trace(model, example))

    def cut() -> tuple[PrunePlan, nn.Module]:
        if steps == 1:
            plan = choose(graph, importance(model, graph, "l2"), ratio)
            return plan, compact(model, graph, plan, verify=False)
        plan, small = identity_plan(graph), model
        for step in iterative(model, graph, ratio, ratio / steps, criterion="l2", verify=False):
            plan, small = step.plan, step.model
        return plan, small

    prune_s, (plan, small) = cpu_seconds(cut)
    content = safetensors.torch.save({name: t.contiguous() for name, t in small.state_dict().items()})
    return Cut(small, mask(model, graph, plan), graph_s, prune_s, len(content), _opens(model, content, small, example))


def _opens(model: nn.Module, content: bytes, small: nn.Module, example: Tensor) -> bool:
    """Rebuild the compact model from the dense architecture and the file alone."""
    weights = safetensors.torch.load(content)
    again = reshape(model, {name: tuple(t.shape) for name, t in weights.items()})
    again.load_state_dict(weights)
    with torch.inference_mode():
        first, second = small(example), again.eval()(example)
    return (
        all(torch.equal(first[k], second[k]) for k in first) if isinstance(first, dict) else torch.equal(first, second)
    )
