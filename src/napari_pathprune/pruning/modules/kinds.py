"""Arguments of the wrong kind, and models that are not plain modules: compiled, scripted, quantised or lazy ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Final

import torch
from torch import nn
from torch.nn.parameter import is_lazy


def check_kind(model: object) -> None:
    """Raise if a model hides its operations or its weights.

    Raises
    ------
    ValueError
        If the model, or a part of it, is compiled, scripted, quantised or lazy, or is not a module at all.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(  # noqa: TRY004 (the user's mistake)
            f"got a {type(model).__name__}; expected an nn.Module: give the network itself"
        )
    for name, module in model.named_modules():
        where = f"part {name!r} of the model" if name else "the model"
        if isinstance(module, torch.jit.ScriptModule):
            raise ValueError(  # noqa: TRY004
                f"got {where} as TorchScript, which cannot be traced; give the module that it was made from"
            )
        if "_orig_mod" in module._modules:  # noqa: SLF001 (how torch.compile wraps)
            raise ValueError(
                f"got {where} compiled; give the original module ('._orig_mod'), and compile after the cut"
            )
        if ".quantized" in type(module).__module__:
            raise ValueError(f"got {where} quantised, whose weights are packed; cut the float model, then quantise it")
        if any(is_lazy(p) for p in module.parameters(recurse=False)):
            raise ValueError(f"got {where} with weights of unknown size (lazy); run the model once, then trace it")


_EXPECTED: Final[Mapping[str, tuple[str, str]]] = {
    "model": ("Module", "give the network itself"),
    "graph": ("ChannelGraph", "make one with trace(model, example_input)"),
    "plan": ("PrunePlan", "make one with choose(graph, scores), or read it with PrunePlan.from_json"),
    "limits": ("Limits", "give Limits(...)"),
    "target": ("Target", 'give a Target, such as Target("params", keep=0.1)'),
    "scores": ("Mapping", "give the scores that importance or taylor return"),
    "dense": ("ChannelGraph", "give the graph of the model before any cut"),
    "shapes": ("Mapping", "give the shape of each weight by its name"),
    "seed": ("whole number", "give one such as 0"),
    "verify": ("bool", "give True or False"),
    "loss": ("Callable", "give a function of a model and a batch that returns a scalar"),
    "batches": ("Iterable", "give several batches, such as a list of tensors"),
    "images": ("Iterable", "give several batches, such as a list of tensors"),
}
_KINDS: Final[Mapping[str, Callable[[object], bool]]] = {
    "Mapping": lambda value: isinstance(value, Mapping),
    "Callable": lambda value: callable(value) and not isinstance(value, (type, nn.Module)),
    "Iterable": lambda value: isinstance(value, Iterable) and not isinstance(value, (torch.Tensor, str, Mapping)),
    "bool": lambda value: isinstance(value, bool),
    "whole number": lambda value: is_count(value, -math.inf),
}


def check_arguments(**given: object) -> None:
    """Raise if an argument is of the wrong kind; the names are those of the public functions.

    Examples
    --------
    >>> check_arguments(graph="model.safetensors")
    Traceback (most recent call last):
    ...
    ValueError: got graph of type str; expected a ChannelGraph: make one with trace(model, example_input)
    """
    for name, value in given.items():
        kind, advice = _EXPECTED[name]
        is_kind = _KINDS[kind](value) if kind in _KINDS else _has_base(value, kind)
        if not is_kind:
            article = "an" if kind[0] in "AEIOU" else "a"
            raise ValueError(f"got {name} of type {type(value).__name__}; expected {article} {kind}: {advice}")


def _has_base(value: object, name: str) -> bool:
    """Return whether a class of this name is among those of a value; this room cannot import all of them."""
    return any(kind.__name__ == name for kind in type(value).__mro__)


def first_line(error: Exception) -> str:
    """Return what an error of a model or of torch says, in one line."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def is_number(value: object, low: float = -math.inf, high: float = math.inf) -> bool:
    """Return whether a value is a number from ``low`` to ``high``; not a truth value, a text or NaN."""
    return type(value) is not bool and isinstance(value, Real) and low <= float(value) <= high


def is_count(value: object, low: float = 0) -> bool:
    """Return whether a value is a whole number of at least ``low``."""
    return is_number(value, low) and isinstance(value, Real) and float(value).is_integer()
