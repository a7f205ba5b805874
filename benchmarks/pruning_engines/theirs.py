"""Torch-Pruning (Fang et al. 2023, arXiv 2301.12900), used as its documentation describes."""

from __future__ import annotations

import copy
import io
import pickle
from importlib.metadata import version

import torch
import torch_pruning as tp
from cases import Cut, cpu_seconds
from torch import Tensor, nn

NAME = f"Torch-Pruning {version('torch-pruning')}"


def prune(model: nn.Module, example: Tensor, ratio: float, steps: int, heads: list[nn.Module]) -> Cut:
    """Remove a share of the channels of every layer by l2, in one step or in several."""
    graph_s, _ = cpu_seconds(lambda: tp.DependencyGraph().build_dependency(copy.deepcopy(model), example))
    names = {module: name for name, module in model.named_modules()}
    small = copy.deepcopy(model)
    pruner = _pruner(small, example, ratio, steps, [small.get_submodule(names[head]) for head in heads])

    def cut() -> None:
        for _ in range(steps):
            pruner.step()

    prune_s, _ = cpu_seconds(cut)
    masked = None if _has_layer_norm(model) else _masked(model, small, example, pruner.pruning_history())
    file = io.BytesIO()
    torch.save(small, file)  # the whole model: the documented way
    return Cut(small, masked, graph_s, prune_s, file.tell(), _opens(file.getvalue()))


def prunes_outputs(model: nn.Module, example: Tensor) -> bool:
    """Return whether outputs are cut if the layers that make them are not listed."""
    small = copy.deepcopy(model)
    before = [tuple(p.shape) for p in _flat(model(example))]
    _pruner(small, example, 0.5, 1, []).step()
    return before != [tuple(p.shape) for p in _flat(small(example))]


def _flat(result: object) -> list[Tensor]:
    return list(result.values()) if isinstance(result, dict) else [result]  # type: ignore[list-item]


def _pruner(model: nn.Module, example: Tensor, ratio: float, steps: int, heads: list[nn.Module]) -> tp.BasePruner:
    attention = {module: module.num_heads for module in model.modules() if isinstance(module, nn.MultiheadAttention)}
    return tp.pruner.BasePruner(
        model,
        example,
        importance=tp.importance.MagnitudeImportance(p=2),
        pruning_ratio=ratio,
        iterative_steps=steps,
        ignored_layers=heads,
        num_heads=attention,
    )


def _has_layer_norm(model: nn.Module) -> bool:
    """Return whether silenced channels would still count in a norm, so that outputs cannot be compared."""
    return any(isinstance(module, nn.LayerNorm) for module in model.modules())


def _masked(model: nn.Module, small: nn.Module, example: Tensor, history: list[object]) -> nn.Module:
    """Silence the removed channels in the dense model; the history is replayed on a twin whose weights are indices."""
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in twin.parameters():
            index = torch.arange(len(parameter), dtype=parameter.dtype)
            parameter.copy_(index.reshape(-1, *[1] * (parameter.ndim - 1)).expand_as(parameter))
    graph = tp.DependencyGraph().build_dependency(twin, example)
    graph.load_pruning_history(history)
    kept, expected = dict(twin.named_parameters()), dict(small.named_parameters())
    masked = copy.deepcopy(model)
    with torch.no_grad():
        for name, parameter in masked.named_parameters():
            if kept[name].shape != expected[name].shape:
                raise RuntimeError(f"the replayed history gives {name} another shape than the cut model has")
            stays = torch.zeros(len(parameter))
            stays[kept[name].flatten(1)[:, 0].long() if parameter.ndim > 1 else kept[name].long()] = 1.0
            parameter.mul_(stays.reshape(-1, *[1] * (parameter.ndim - 1)))
    return masked


def _opens(content: bytes) -> bool:
    try:
        torch.load(io.BytesIO(content), weights_only=True)
    except pickle.UnpicklingError:
        return False
    return True
