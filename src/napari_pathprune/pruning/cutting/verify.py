"""The law of the engine, checked on an example: the compact model gives what the masked one gives."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.modules.example import Arguments, make_random_example, map_tensors, read_arguments
from napari_pathprune.pruning.modules.replica import find_tensors

TOLERANCE: Final = 1e-4
"""Of the largest value of the masked model's output."""
ROUNDINGS: Final = 16
"""Where the outputs are of a coarser type: so many of its smallest steps at 1 (0.016 in float16, 0.125 in bfloat16)."""


def verify_equal(masked: nn.Module, small: nn.Module, graph: ChannelGraph, example_input: object = None) -> float:
    """Compare two models in evaluation mode; their modes stay as they were.

    Returns
    -------
    float
        Largest difference, as a share of the largest value.

    Raises
    ------
    ValueError
        If it is above 1e-4 (above 16 roundings in half precision), or the compact model does not run, or there are no
        weights to run with.
    """
    if any(tensor.is_meta for tensor in masked.parameters()):
        raise ValueError(
            "got a model on device 'meta', whose weights have no values to compare; load weights first, "
            "or cut with verify=False"
        )
    like = next((p for p in masked.parameters() if p.dtype.is_floating_point), None)
    given = make_random_example(graph.example, like) if example_input is None else read_arguments(example_input)
    wanted = outputs_of(masked, given)
    try:
        found = outputs_of(small, given)
    except Exception as error:
        raise ValueError(
            f"the compact model does not run ({error}): its code relies on the widths of its layers; "
            "leave the groups that it names out of the plan"
        ) from error
    if len(wanted) != len(found):
        raise ValueError(f"the compact model gives {len(found)} tensors, the masked one {len(wanted)}; do not use it")
    worst = 0.0
    for expected, got in zip(wanted, found, strict=True):
        own, allowed = difference(expected, got), tolerance_of(expected.dtype)
        if not own <= allowed:
            raise ValueError(
                f"the compact model differs from the masked one by {own:.1e} of the largest output, more than "
                f"{allowed:.1e}: its code relies on the widths of its layers; do not use it"
            )
        worst = max(worst, own)
    return worst


def tolerance_of(dtype: torch.dtype) -> float:
    """Give what an output of this type may differ by, as a share of its largest value."""
    return max(TOLERANCE, ROUNDINGS * torch.finfo(dtype).eps) if dtype.is_floating_point else TOLERANCE


def outputs_of(model: nn.Module, given: Arguments) -> list[Tensor]:
    """Run a model in evaluation mode and give its output tensors; the mode of every module is put back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            args, kwargs = map_tensors(torch.clone, given)
            return [tensor.clone() for tensor in find_tensors(model(*args, **kwargs))]
    finally:
        for module, training in modes:
            module.training = training


def difference(wanted: Tensor, found: Tensor) -> float:
    """Largest difference of two tensors as a share of the largest value; infinite where shapes differ."""
    if wanted.shape != found.shape:
        return float("inf")
    if wanted.numel() == 0 or not wanted.dtype.is_floating_point:
        return 0.0 if torch.equal(wanted, found) else float("inf")
    scale = float(wanted.abs().max())
    worst = float((wanted - found).abs().max())
    return worst / scale if scale > 0 else (0.0 if worst == 0 else float("inf"))
