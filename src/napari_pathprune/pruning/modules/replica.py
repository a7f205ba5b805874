"""Copies of a module with other tensors, which leave the original unchanged; and the tensors in a module."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, ValuesView
from collections.abc import Set as AbstractSet
from itertools import islice
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_PLAIN = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, torch.Size)
_CONTAINERS = frozenset({dict, list, tuple})
_MOST_ITEMS = 1000
"""Items that are taken from an iterator, which may have no end."""
_NO_HOLDERS = (*_PLAIN, type, nn.Module, ModuleType, FunctionType, MethodType, BuiltinFunctionType)


def state_of(model: nn.Module) -> dict[str, Tensor]:
    """Return every parameter and buffer by its first name, each tensor once."""
    state: dict[str, Tensor] = {}
    seen: set[int] = set()
    for tensors in (model.named_parameters(), model.named_buffers()):
        for name, tensor in tensors:
            if id(tensor) not in seen:
                seen.add(id(tensor))
                state[name] = tensor
    return state


def split_name(name: str) -> tuple[str, str]:
    """Split the name of a parameter into the path of its module and its own name."""
    module, _, parameter = name.rpartition(".")
    return module, parameter


def replicate(model: nn.Module, change: Callable[[str, Tensor], Tensor]) -> nn.Module:
    """Copy a module with ``change(name, tensor)`` in place of each parameter and buffer.

    Structure, settings and hooks are copied as by `copy.deepcopy`, but faster; gradients are not copied. Tied
    parameters stay tied and keep their ``requires_grad``.
    """
    memo: dict[int, Any] = {}
    for name, tensor in state_of(model).items():
        changed = change(name, tensor)
        if isinstance(tensor, nn.Parameter) and not isinstance(changed, nn.Parameter):
            changed = nn.Parameter(changed, requires_grad=tensor.requires_grad)
        memo[id(tensor)] = changed
    modules = [module for module in model.modules() if _is_plain_module(module)]
    for module in modules:
        memo[id(module)] = object.__new__(type(module))
    for module in modules:
        memo[id(module)].__dict__.update(
            {key: _copy_value(value, memo) for key, value in module.__dict__.items() if key != "_compiled_call_impl"}
        )
    replica: nn.Module = copy.deepcopy(model, memo)
    return replica


def copy_model(model: nn.Module) -> nn.Module:
    """Copy a model with its weights, without gradients."""
    return replicate(model, lambda _, tensor: tensor.detach().clone())


def copy_empty(model: nn.Module) -> nn.Module:
    """Copy a model without the values of its parameters and buffers."""
    return replicate(model, lambda _, tensor: empty_like(tensor))


def empty_like(tensor: Tensor) -> Tensor:
    """Return a tensor of the same shape and strides without values."""
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


def _is_plain_module(module: nn.Module) -> bool:
    kind = type(module)
    return (
        not hasattr(kind, "__deepcopy__")
        and _is_from_torch(kind.__getstate__)
        and kind.__reduce_ex__ is object.__reduce_ex__
        and _is_from_torch(kind.__setstate__)
        and not isinstance(module, torch.jit.ScriptModule)
    )


def _is_from_torch(method: object) -> bool:
    return str(getattr(method, "__module__", None) or "torch").partition(".")[0] == "torch"


def _copy_value(value: Any, memo: dict[int, Any]) -> Any:  # noqa: ANN401 (attributes of modules are anything)
    if isinstance(value, _PLAIN):
        return value
    kind = type(value)
    if isinstance(value, dict) and not value and not getattr(kind, "default_factory", None):
        return kind()
    if kind in _CONTAINERS and id(value) not in memo:
        return _copy_container(value, memo)
    if isinstance(value, Tensor) and id(value) not in memo:
        # tensors that are not leaves, such as a weight computed by weight norm, cannot be deep-copied
        return memo.setdefault(id(value), value.detach().clone())
    try:
        return copy.deepcopy(value, memo)
    except (TypeError, AttributeError, NotImplementedError, RuntimeError):
        return value  # locks, open files, handles: what cannot be copied is shared


def _copy_container(value: Any, memo: dict[int, Any]) -> Any:  # noqa: ANN401 (as above)
    """Copy a plain dictionary, list or tuple, whose items may be anything."""
    if isinstance(value, dict):
        filled: dict[Any, Any] = {}
        memo[id(value)] = filled  # before its items, which may hold it
        filled.update({key: _copy_value(item, memo) for key, item in value.items()})
        return filled
    if isinstance(value, tuple):
        return (
            value
            if all(isinstance(item, _PLAIN) for item in value)
            else tuple(_copy_value(item, memo) for item in value)
        )
    items: list[Any] = []
    memo[id(value)] = items
    items.extend(_copy_value(item, memo) for item in value)
    return items


def find_tensors(value: object) -> Iterator[Tensor]:
    """Yield the tensors in a model's output, whatever holds them.

    Mappings, sequences, sets, iterators (which are used up), numpy arrays, and objects with attributes or slots, their
    own and inherited ones, are searched. An object that holds itself is visited once.
    """
    yield from _find_below(value, ())


def _find_below(value: object, above: tuple[int, ...]) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, np.ndarray):
        if value.dtype.kind in "biuf":
            yield torch.tensor(value)
    elif not isinstance(value, _NO_HOLDERS) and id(value) not in above:
        for item in _list_items(value):
            yield from _find_below(item, (*above, id(value)))


def _list_items(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, Iterator):
        return islice(value, _MOST_ITEMS)
    if isinstance(value, (list, tuple, AbstractSet, deque, ValuesView)):
        return value
    slots = [name for kind in type(value).__mro__ for name in _slots_of(kind)]
    return [*getattr(value, "__dict__", {}).values(), *(getattr(value, name, None) for name in slots)]


def _slots_of(kind: type) -> tuple[str, ...]:
    slots = kind.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)
