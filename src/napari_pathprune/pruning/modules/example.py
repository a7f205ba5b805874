"""Example inputs: the arguments that a model is called with, and their shapes and types."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Final

import torch
from torch import Tensor

from napari_pathprune.pruning.modules.kinds import first_line
from napari_pathprune.pruning.modules.replica import find_tensors

Arguments = tuple[tuple[Any, ...], dict[str, Any]]

_MOST_BYTES: Final = 64 * 2**20


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape and type of a tensor in an example input.

    Attributes
    ----------
    shape, dtype
        Of the tensor.
    values
        Its values, on the CPU; None if it had none (device "meta"), was constant, or is larger than 64 MiB.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    values: Tensor | None = field(default=None, compare=False, repr=False)


def read_arguments(example_input: object) -> Arguments:
    """Return the arguments in an example: a tensor, a tuple of positional or a mapping of keyword arguments.

    A named tuple is one argument.
    """
    if isinstance(example_input, Mapping):
        return (), dict(example_input)
    if isinstance(example_input, (tuple, list)) and not hasattr(example_input, "_fields"):
        return tuple(example_input), {}
    return (example_input,), {}


def word_failure(given: Arguments, error: Exception) -> str:
    """Return the message for a model that does not run on its arguments."""
    shapes = ", ".join(str(tuple(tensor.shape)) for tensor in find_tensors(given)) or "no tensor"
    return f"the model does not run on the example input ({shapes}): {first_line(error)}; give an input that it takes"


def map_tensors(change: Callable[[Any], Any], value: Any) -> Any:  # noqa: ANN401 (arguments are anything)
    """Apply a function to every tensor or `TensorSpec` in nested tuples, lists and mappings."""
    if isinstance(value, (Tensor, TensorSpec)):
        return change(value)
    if isinstance(value, Mapping):
        return {key: map_tensors(change, item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        items = [map_tensors(change, item) for item in value]
        if hasattr(value, "_fields"):  # a named tuple
            return type(value)(*items)
        return tuple(items) if isinstance(value, tuple) else items
    if is_dataclass(value) and not isinstance(value, type):
        changed = copy.copy(value)
        for own in fields(value):
            object.__setattr__(changed, own.name, map_tensors(change, getattr(value, own.name)))
        return changed
    return value


def describe_arguments(given: Arguments) -> tuple[Any, Any]:
    """Replace every tensor in the arguments by its shape, type and values."""
    args, kwargs = map_tensors(_describe_tensor, given)
    return args, kwargs


def _describe_tensor(tensor: Tensor) -> TensorSpec:
    flat = tensor.detach()
    known = not flat.is_meta and not flat.is_sparse and 0 < flat.numel() * flat.element_size() <= _MOST_BYTES
    varies = known and bool((flat != flat.reshape(-1)[0]).any())
    return TensorSpec(tuple(tensor.shape), tensor.dtype, flat.cpu().clone() if varies else None)


def make_example(example: tuple[Any, Any], like: torch.Tensor | None, seed: int = 0) -> Arguments:
    """Make arguments as recorded: the same values, or else normal noise, or zeros and ones for integer types.

    Parameters
    ----------
    example
        Result of `describe_arguments`.
    like
        A parameter of the model, for the device and the floating type.
    seed
        Seed of the noise.
    """
    generator = torch.Generator().manual_seed(seed)
    device = like.device if like is not None else torch.device("cpu")

    def make(spec: TensorSpec) -> Tensor:
        floating = spec.dtype.is_floating_point and like is not None and like.dtype.is_floating_point
        if spec.values is not None:
            return spec.values.to(device, like.dtype if floating and like is not None else spec.dtype, copy=True)
        if not spec.dtype.is_floating_point:
            return torch.randint(0, 2, spec.shape, generator=generator).to(device, spec.dtype)
        dtype = like.dtype if like is not None and like.dtype.is_floating_point else spec.dtype
        return torch.randn(spec.shape, generator=generator).to(device, dtype)

    args, kwargs = map_tensors(make, example)
    return args, kwargs
