"""Check the law of the engine on an example: the compact model has the outputs of the masked one."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.modules.example import Arguments, make_random_example, map_tensors, read_arguments
from napari_pathprune.pruning.modules.replica import find_tensors

TOLERANCE: Final = 1e-4
"""Allowed difference, as a share of the largest value in the masked model's output."""
ROUNDINGS: Final = 16
"""Allowed difference in units of the type's spacing at 1, if that is larger: 0.016 in float16, 0.125 in bfloat16."""


def verify_equal(masked: nn.Module, small: nn.Module, graph: ChannelGraph, example_input: object = None) -> float:
    """Compare a masked and a compact model in evaluation mode; their modes are restored.

    Returns
    -------
    float
        Largest difference, as a share of the largest value.

    Raises
    ------
    ValueError
        If the difference is above 1e-4 (in half precision, above 16 times the spacing at 1), the compact model does not
        run, or the weights have no values.
    """
    if any(tensor.is_meta for tensor in masked.parameters()):
        raise ValueError(
            "got a model on device 'meta', whose weights have no values to compare; load weights first, "
            "or cut with verify=False"
        )
    like = next((p for p in masked.parameters() if p.dtype.is_floating_point), None)
    given = make_random_example(graph.example, like) if example_input is None else read_arguments(example_input)
    expected = outputs_of(masked, given)
    try:
        found = outputs_of(small, given)
    except Exception as error:
        raise ValueError(
            f"the compact model does not run ({error}): its code relies on the widths of its layers; "
            "leave the groups that it names out of the plan"
        ) from error
    if len(expected) != len(found):
        raise ValueError(
            f"the compact model returns {len(found)} tensors, the masked one {len(expected)}; do not use it"
        )
    worst = 0.0
    for first, second in zip(expected, found, strict=True):
        own, allowed = difference(first, second), tolerance_of(first.dtype)
        if not own <= allowed:
            raise ValueError(
                f"the compact model differs from the masked one by {own:.1e} of the largest output, more than "
                f"{allowed:.1e}: its code relies on the widths of its layers; do not use it"
            )
        worst = max(worst, own)
    return worst


def tolerance_of(dtype: torch.dtype) -> float:
    """Return the allowed difference for outputs of a type, as a share of the largest value."""
    return max(TOLERANCE, ROUNDINGS * torch.finfo(dtype).eps) if dtype.is_floating_point else TOLERANCE


def outputs_of(model: nn.Module, given: Arguments) -> list[Tensor]:
    """Run a model in evaluation mode and return its output tensors; the mode of every module is restored."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            args, kwargs = map_tensors(torch.clone, given)
            return [tensor.clone() for tensor in find_tensors(model(*args, **kwargs))]
    finally:
        for module, training in modes:
            module.training = training


def difference(expected: Tensor, found: Tensor) -> float:
    """Return the largest difference as a share of the largest expected value; infinite if the shapes differ."""
    if expected.shape != found.shape:
        return float("inf")
    if expected.numel() == 0 or not expected.dtype.is_floating_point:
        return 0.0 if torch.equal(expected, found) else float("inf")
    scale = float(expected.abs().max())
    worst = float((expected - found).abs().max())
    return worst / scale if scale > 0 else (0.0 if worst == 0 else float("inf"))
