"""Example inputs: the arguments that a model is called with, and their shapes and types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape and type of a tensor in an example input."""

    shape: tuple[int, ...]
    dtype: torch.dtype


def read_arguments(example_input: object) -> Arguments:
    """Return the arguments in an example: a tensor, a tuple of positional or a mapping of keyword arguments."""
    if isinstance(example_input, Mapping):
        return (), dict(example_input)
    if isinstance(example_input, (tuple, list)):
        return tuple(example_input), {}
    return (example_input,), {}


def map_tensors(change: Callable[[Any], Any], value: Any) -> Any:  # noqa: ANN401 (arguments are anything)
    """Apply a function to every tensor or `TensorSpec` in nested tuples, lists and mappings."""
    if isinstance(value, (Tensor, TensorSpec)):
        return change(value)
    if isinstance(value, Mapping):
        return {key: map_tensors(change, item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        items = [map_tensors(change, item) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    return value


def describe_arguments(given: Arguments) -> tuple[Any, Any]:
    """Replace every tensor in the arguments by its shape and type."""
    args, kwargs = map_tensors(lambda tensor: TensorSpec(tuple(tensor.shape), tensor.dtype), given)
    return args, kwargs


def make_random_example(example: tuple[Any, Any], like: torch.Tensor | None, seed: int = 0) -> Arguments:
    """Make arguments of recorded shapes: normal noise, or zeros and ones for integer types.

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
        if not spec.dtype.is_floating_point:
            return torch.randint(0, 2, spec.shape, generator=generator).to(device, spec.dtype)
        dtype = like.dtype if like is not None and like.dtype.is_floating_point else spec.dtype
        return torch.randn(spec.shape, generator=generator).to(device, dtype)

    args, kwargs = map_tensors(make, example)
    return args, kwargs
