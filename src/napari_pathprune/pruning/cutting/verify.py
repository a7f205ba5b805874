"""Check the law of the engine on an example: the compact model has the outputs of the masked one."""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.modules.example import Arguments, make_example, map_tensors, read_arguments
from napari_pathprune.pruning.modules.kinds import first_line
from napari_pathprune.pruning.modules.replica import copy_model, find_tensors

TOLERANCE: Final = 1e-4
"""Allowed difference, as a share of the largest value in the masked model's output."""
ROUNDINGS: Final = 16
"""Allowed difference in units of the type's spacing at 1, if that is larger: 0.016 in float16, 0.125 in bfloat16."""
ROUNDING_SHARE: Final = 1e-5
"""Differences below this share of the largest value are roundings."""
SPARED: Final = 0.1
"""Share of these roundings that a channel may have whose own values are small."""
CHANGE_TOLERANCE: Final = 1e-2
"""Allowed difference in a channel, as a share of what the cut changes there, beyond roundings."""


def verify_equal(
    masked: nn.Module,
    small: nn.Module,
    graph: ChannelGraph,
    example_input: object = None,
    dense: nn.Module | None = None,
) -> float:
    """Compare a masked and a compact model in evaluation mode; their modes are restored.

    A difference has to be within the tolerance. In every channel of an output it also has to be rounding alone, or
    small compared with what the cut changes: a network that corrects an image returns large values, and changes little.

    Parameters
    ----------
    masked, small
        The models to compare.
    graph
        Channel graph of the dense model, which holds the example that was traced.
    example_input
        Input for the comparison; None for the traced example, or noise of its shapes if that was constant.
    dense
        The model before the cut; None to compare with the tolerance only.

    Returns
    -------
    float
        Largest difference, as a share of the largest value.

    Raises
    ------
    ValueError
        If the models differ, the compact model does not run, the weights have no values, or the model returns nothing
        to compare.
    """
    if any(tensor.is_meta for tensor in masked.parameters()):
        raise ValueError(
            "got a model on device 'meta', whose weights have no values to compare; load weights first, "
            "or cut with verify=False"
        )
    like = next((p for p in masked.parameters() if p.dtype.is_floating_point), None)
    given = make_example(graph.example, like) if example_input is None else read_arguments(example_input)
    worst, why = _compare(masked, small, given, dense)
    if why and _is_random(masked, given):
        with NoNoise():  # type: ignore[no-untyped-call]
            worst, why = _compare(masked, small, given, dense)
    if why:
        # roundings can change what a model picks, such as boxes of similar scores
        with NoNoise():  # type: ignore[no-untyped-call]
            worst, still = _compare_precisely(masked, small, given, dense)
        if still:
            raise ValueError(why)
    return worst


def _compare_precisely(
    masked: nn.Module, small: nn.Module, given: Arguments, dense: nn.Module | None
) -> tuple[float, str]:
    """Compare in double precision."""
    models = [copy_model(model).double() for model in (masked, small, *(() if dense is None else (dense,)))]
    args, kwargs = map_tensors(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor, given)
    return _compare(models[0], models[1], (args, kwargs), models[2] if dense is not None else None)


def _compare(masked: nn.Module, small: nn.Module, given: Arguments, dense: nn.Module | None) -> tuple[float, str]:
    """Return the largest difference, and what is wrong; empty if nothing is."""
    try:
        expected = outputs_of(masked, given)
    except Exception as error:  # noqa: BLE001 (the model's code may not accept the example, or so few channels)
        return float("inf"), (
            f"the masked model does not run on this example ({first_line(error)}); keep more channels, or give an "
            "example_input that the model accepts"
        )
    try:
        found = outputs_of(small, given)
    except Exception as error:  # noqa: BLE001 (whatever it is, it does not run)
        return float("inf"), (
            f"the compact model does not run ({first_line(error)}): its code relies on the widths of its layers; "
            "leave the groups that it names out of the plan"
        )
    why = _find_nothing_to_compare(expected, found)
    return (float("inf"), why) if why else _compare_outputs(expected, found, given, dense)


def _find_nothing_to_compare(expected: Sequence[Tensor], found: Sequence[Tensor]) -> str:
    """Return why two lists of outputs cannot be compared; empty if they can."""
    if len(expected) != len(found):
        return f"the compact model returns {len(found)} tensors, the masked one {len(expected)}; do not use it"
    if not expected:
        return "the model returns no tensor to compare; return its result, or cut with verify=False"
    if all(t.dtype.is_floating_point and t.numel() and not bool(t.isfinite().any()) for t in expected):
        return (
            "the masked model returns no finite number on this example, so nothing can be compared; "
            "give an image that it accepts as example_input"
        )
    return ""


def _compare_outputs(
    expected: Sequence[Tensor], found: Sequence[Tensor], given: Arguments, dense: nn.Module | None
) -> tuple[float, str]:
    """Return the largest difference, and what is wrong with it; empty if nothing is."""
    worst, before = 0.0, None
    for number, (first, second) in enumerate(zip(expected, found, strict=True)):
        own, allowed = difference(first, second), tolerance_of(first.dtype)
        if not own <= allowed:
            return own, (
                f"the compact model differs from the masked one by {own:.1e} of the largest output, more than "
                f"{allowed:.1e}: its code relies on the widths of its layers; do not use it"
            )
        worst = max(worst, own)
        if dense is not None and own > _rounding_of(first.dtype) * SPARED:
            before = before or outputs_of(dense, given)
            share = _share_of_change(first, second, before[number]) if len(before) == len(expected) else 0.0
            if share > CHANGE_TOLERANCE:
                return own, (
                    f"the compact model differs from the masked one by {share:.1e} of what the cut changes in a "
                    f"channel, more than {CHANGE_TOLERANCE:.1e}: its code relies on the widths of its layers; "
                    "do not use it"
                )
    return worst, ""


def _rounding_of(dtype: torch.dtype) -> float:
    return max(ROUNDING_SHARE, ROUNDINGS * torch.finfo(dtype).eps) if dtype.is_floating_point else 0.0


def _share_of_change(expected: Tensor, found: Tensor, dense: Tensor) -> float:
    """Return the largest difference as a share of the change from the dense model, over all channels; at most 1.

    Channels can lie on any axis. Those that differ by roundings only are left out.
    """
    if expected.shape != dense.shape:
        return 0.0
    size = expected.double().abs().nan_to_num(0.0, 0.0, 0.0)
    wrong, change = ((t.double() - expected.double()).abs().nan_to_num(0.0, 0.0, 0.0) for t in (found, dense))
    rounding = _rounding_of(expected.dtype)
    least = rounding * SPARED * float(size.max())
    worst = 0.0
    for axis in range(max(1, expected.ndim)):
        off, moved, most = (_largest_along(tensor, axis) for tensor in (wrong, change, size))
        shares = torch.where(off > (rounding * most).clamp_min(least), off / moved.maximum(off), torch.zeros_like(off))
        worst = max(worst, float(shares.max()))
    return worst


def _largest_along(tensor: Tensor, axis: int) -> Tensor:
    """Return the largest value at each position of an axis."""
    return tensor.reshape(1) if tensor.ndim == 0 else tensor.movedim(axis, 0).reshape(tensor.shape[axis], -1).amax(1)


def _is_random(model: nn.Module, given: Arguments) -> bool:
    """Return whether a model in evaluation mode returns something else each time."""
    try:
        first, second = outputs_of(model, given, seed=1), outputs_of(model, given, seed=2)
    except Exception:  # noqa: BLE001 (it does not run, which has been reported)
        return False
    return len(first) != len(second) or any(not _is_equal(a, b) for a, b in zip(first, second, strict=True))


def _is_equal(first: Tensor, second: Tensor) -> bool:
    return first.shape == second.shape and bool(torch.equal(first.nan_to_num(), second.nan_to_num()))


class NoNoise(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Replaces random numbers by constants, and switches dropout off."""

    def __torch_dispatch__(
        self, func: OpOverload, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:  # noqa: ANN401 (operations return anything)
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return result
        name = str(func._schema.name).removeprefix("aten::")  # noqa: SLF001 (there is no public way)
        if "dropout" in name:
            if isinstance(result, tuple):
                return (args[0].clone(), torch.ones_like(result[1]))
            return args[0].clone()
        if not isinstance(result, Tensor) or "perm" in name:
            return result
        level = 0.5 if result.dtype.is_floating_point and "randn" not in name and "normal" not in name else 0.0
        return result.fill_(1.0 if "bernoulli" in name else level)


@contextlib.contextmanager
def fix_randomness(seed: int = 0) -> Iterator[None]:
    """Make random numbers in a ``with`` block the same each time, and restore the generators afterwards."""
    plain, arrays = random.getstate(), np.random.get_state()  # noqa: NPY002 (the generator that models' code uses)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(plain)
            np.random.set_state(arrays)  # noqa: NPY002


def tolerance_of(dtype: torch.dtype) -> float:
    """Return the allowed difference for outputs of a type, as a share of the largest value."""
    return max(TOLERANCE, ROUNDINGS * torch.finfo(dtype).eps) if dtype.is_floating_point else TOLERANCE


def outputs_of(model: nn.Module, given: Arguments, seed: int = 0) -> list[Tensor]:
    """Run a model in evaluation mode and return its output tensors; the mode of every module is restored."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), fix_randomness(seed):
            args, kwargs = map_tensors(torch.clone, given)
            return [tensor.clone() for tensor in find_tensors(model(*args, **kwargs))]
    finally:
        for module, training in modes:
            module.training = training


def difference(expected: Tensor, found: Tensor) -> float:
    """Return the largest difference as a share of the largest expected value; infinite if the shapes differ.

    Entries that are not finite have to be equal, and count no further.
    """
    if expected.shape != found.shape:
        return float("inf")
    if expected.numel() == 0 or not expected.dtype.is_floating_point:
        return 0.0 if torch.equal(expected, found) else float("inf")
    scale, worst = float(expected.abs().max()), float((expected - found).abs().max())
    if not math.isfinite(scale) or not math.isfinite(worst):
        finite = expected.isfinite()
        if not _is_equal(expected.masked_fill(finite, 0.0), found.masked_fill(finite, 0.0)):
            return float("inf")
        if not bool(finite.any()):
            return 0.0
        scale, worst = float(expected[finite].abs().max()), float((expected - found)[finite].abs().max())
        if math.isnan(worst):
            return float("inf")
    return worst / scale if scale > 0 else (0.0 if worst == 0 else float("inf"))
