"""The check that every rule has to pass."""

from __future__ import annotations

from collections.abc import Callable

import torch
from pruning_nets import Between, random_plan, randomize
from torch import Tensor

from napari_pathprune.pruning import compact, mask, trace


def check_rule(operation: Callable[[Tensor], Tensor], reads: int = 8, why: str | None = None) -> None:
    """Assert that an operation freezes the channels before it for a reason, or else that the law holds."""
    torch.manual_seed(0)
    model, x = randomize(Between(operation, reads)), torch.randn(2, 3, 8, 8)
    graph = trace(model, x)
    if why is not None:
        assert any(why in reason for reason in graph.frozen.values()), graph.to_text()
        return
    assert any(member.tensor == "first.weight" for group in graph.prunable for member in group.producers)
    plan = random_plan(graph, 1)
    masked, small = mask(model, graph, plan), compact(model, graph, plan, verify=False)
    assert small.first.out_channels < 8
    with torch.no_grad():
        assert torch.allclose(masked(x), small(x), atol=1e-5)
