"""Every operation that a model executes, one by one.

The model runs on tensors without contents (device "meta"), so nothing is computed; a model whose forward looks
at values is run on real ones. Under inference mode the operations arrive as they were written (``conv2d``,
``linear``, ``chunk``), not in the smaller steps that they are made of.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from napari_pathprune.pruning.modules.replica import tensors_in
from napari_pathprune.pruning.tracing.shapes import result_without_computing


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One executed operation."""

    name: str
    in_place: bool
    func: OpOverload
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 (arguments of operations are anything)
        """Give an argument by its name in the operation's schema."""
        if name in self.kwargs:
            return self.kwargs[name]
        for position, argument in enumerate(self.func._schema.arguments):  # noqa: SLF001 (there is no public way)
            if argument.name == name:
                if position < len(self.args):
                    return self.args[position]
                return argument.default_value if argument.default_value is not None else default
        return default


class Executed(TorchDispatchMode):
    """Runs a model's operations one by one through ``executed``; composite ones it does not want are taken apart."""

    def __init__(self, model: nn.Module, *, empty: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.empty = empty
        self.stack: list[tuple[str, type]] = [("", type(model))]
        for path, module in model.named_modules():
            if path:
                module.register_forward_pre_hook(self._entered(path, type(module)))
                module.register_forward_hook(self._left)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # else torch wraps every operation, and imports its compiler (seconds) at the first
        return False

    @property
    def where(self) -> str:
        """Words for the module that is running."""
        return f"'{self.stack[-1][0]}'" if self.stack[-1][0] else "the model's own forward"

    def wants(self, name: str, func: OpOverload, inputs: Sequence[Tensor]) -> bool:
        """Tell whether an operation is taken as a whole."""
        raise NotImplementedError

    def executed(self, call: Call) -> None:
        """Take note of an operation."""
        raise NotImplementedError

    def __torch_dispatch__(
        self, func: OpOverload, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:  # noqa: ANN401 (operations return anything)
        kwargs = kwargs or {}
        name, in_place = _name_of(func)
        inputs = (
            tuple(tensors_given(args)) + tuple(tensors_given(tuple(kwargs.values())))
            if kwargs
            else tuple(tensors_given(args))
        )
        if not self.wants(name, func, inputs):
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        if self.empty and len(inputs) > 1 and len({tensor.device for tensor in inputs}) > 1:
            args, kwargs = _emptied(args), {key: _emptied(value) for key, value in kwargs.items()}
            inputs = tuple(tensors_given(args)) + tuple(tensors_given(tuple(kwargs.values())))
        result = result_without_computing(name, args, kwargs, inputs, in_place=in_place) if self.empty else None
        if result is None:
            result = func(*args, **kwargs)
        outputs = (result,) if isinstance(result, Tensor) else tuple(tensors_in(result))
        self.executed(Call(name, in_place, func, args, kwargs, inputs, outputs))
        return result

    def entered(self, path: str, given: tuple[Any, ...]) -> None:
        """Take note of what a module is called with."""

    def _entered(self, path: str, kind: type) -> Callable[..., None]:
        def hook(_: nn.Module, given: tuple[Any, ...]) -> None:
            self.stack.append((path, kind))
            self.entered(path, given)

        return hook

    def _left(self, *_: object) -> None:
        self.stack.pop()


@cache
def _name_of(func: OpOverload) -> tuple[str, bool]:
    name = str(func._schema.name).removeprefix("aten::")  # noqa: SLF001 (there is no public way)
    in_place = name.endswith("_") and not name.endswith("__")
    return (name[:-1] if in_place else name), in_place


def tensors_given(values: Sequence[Any]) -> Iterator[Tensor]:
    """Find the tensors among arguments."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from tensors_given(value)


def _emptied(value: Any) -> Any:  # noqa: ANN401 (arguments of operations are anything)
    if isinstance(value, Tensor):
        if value.device.type == "meta" or value.ndim == 0:
            return value
        return torch.empty_like(value, device="meta")
    if isinstance(value, (list, tuple)):
        return type(value)(_emptied(item) for item in value)
    return value


@contextlib.contextmanager
def step_by_step() -> Iterator[None]:
    """Keep torch's own transformer layers from running as one fused operation."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
