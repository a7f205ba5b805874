"""Watch every operation that a model executes, one by one.

The model runs on tensors without values (device "meta"), so nothing is computed. A model whose forward looks at
values runs on real ones. Under inference mode the operations arrive as they were written (``conv2d``, ``linear``,
``chunk``), not as the smaller operations they consist of.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from napari_pathprune.pruning.modules.replica import find_tensors
from napari_pathprune.pruning.tracing.call import Call, find_inputs, name_operation
from napari_pathprune.pruning.tracing.shapes import make_empty_result

_Arguments = tuple[tuple[Any, ...], Mapping[str, Any]]
_FUSED_LAYERS = threading.RLock()
_CONVERTS = frozenset({"to", "_to_copy"})
_MAKES_CONSTANTS = frozenset({torch.tensor, torch.as_tensor})


class OperationWatcher(TorchDispatchMode):
    """Passes each executed operation to `on_operation`; composite ones that `takes_whole` declines are decomposed."""

    def __init__(self, model: nn.Module, *, empty: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.empty = empty
        self.stack: list[tuple[str, type]] = [("", type(model))]
        for path, module in model.named_modules():
            if path:
                module.register_forward_pre_hook(self._make_enter_hook(path, type(module)))
                module.register_forward_hook(self._leave)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # otherwise torch wraps every operation, and imports its compiler (seconds) at the first one
        return False

    @property
    def where(self) -> str:
        """The module that is running, for messages."""
        return f"'{self.stack[-1][0]}'" if self.stack[-1][0] else "the model's own forward"

    def takes_whole(self, name: str, func: OpOverload, inputs: Sequence[Tensor]) -> bool:
        """Return whether an operation is passed on as a whole."""
        raise NotImplementedError

    def on_operation(self, call: Call) -> None:
        """Handle an executed operation."""
        raise NotImplementedError

    def on_module(self, path: str, given: tuple[Any, ...]) -> None:
        """Handle the positional arguments that a module is called with."""

    def __torch_dispatch__(
        self, func: OpOverload, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:  # noqa: ANN401 (operations return anything)
        kwargs = kwargs or {}
        name, in_place = name_operation(func)
        inputs = _find_all_inputs((args, kwargs))
        if not self.takes_whole(name, func, inputs):
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        result = _skip_computation(name, args, kwargs, inputs, in_place=in_place) if self.empty else None
        if result is None:
            if self.empty and len(inputs) > 1 and len({tensor.device for tensor in inputs}) > 1:
                result = func(*_move_to_meta(args), **{key: _move_to_meta(value) for key, value in kwargs.items()})
            else:
                result = func(*args, **kwargs)
            if self.empty and name in _CONVERTS and not inputs[0].is_meta and inputs[0].numel() == 1:
                result = inputs[0].to(result.dtype)  # a constant of the code keeps its value
        outputs = (result,) if isinstance(result, Tensor) else tuple(find_tensors(result))
        self.on_operation(Call(name, in_place, func, args, kwargs, inputs, outputs, not self.empty))
        return result

    def _make_enter_hook(self, path: str, kind: type) -> Callable[..., None]:
        def enter(_: nn.Module, given: tuple[Any, ...]) -> None:
            self.stack.append((path, kind))
            self.on_module(path, given)

        return enter

    def _leave(self, *_: object) -> None:
        self.stack.pop()


def _skip_computation(
    name: str, args: Sequence[Any], kwargs: Mapping[str, Any], inputs: Sequence[Tensor], *, in_place: bool
) -> Tensor | None:
    """Return the result of a common operation without asking torch, as `make_empty_result` does."""
    try:
        return make_empty_result(name, args, kwargs, inputs, in_place=in_place)
    except Exception:  # noqa: BLE001 (arguments of an unforeseen kind: torch knows what to do with them)
        return None


class KeepConstants(TorchFunctionMode):
    """Lets single numbers that a model's code turns into tensors keep their values in a run without values."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 (functions return anything)
        kwargs = kwargs or {}
        if func in _MAKES_CONSTANTS and len(args) == 1 and isinstance(args[0], (int, float)):
            kwargs = {name: value for name, value in kwargs.items() if name != "device"}
        if func is Tensor.new_tensor and len(args) == 2 and isinstance(args[1], (int, float)):
            return torch.tensor(args[1], dtype=kwargs.get("dtype", args[0].dtype))
        return func(*args, **kwargs)


def _find_all_inputs(given: _Arguments) -> tuple[Tensor, ...]:
    args, kwargs = given
    found = tuple(find_inputs(args))
    return found + tuple(find_inputs(tuple(kwargs.values()))) if kwargs else found


def _move_to_meta(value: Any) -> Any:  # noqa: ANN401 (arguments of operations are anything)
    """Replace tensors with values by empty ones, for operations that mix the two; numbers stay."""
    if isinstance(value, Tensor):
        if value.device.type == "meta" or value.ndim == 0:
            return value
        return torch.empty_like(value, device="meta")
    if isinstance(value, (list, tuple)):
        return type(value)(_move_to_meta(item) for item in value)
    return value


@contextlib.contextmanager
def disable_fused_layers() -> Iterator[None]:
    """Prevent torch's transformer layers from running as one fused operation.

    torch has one such setting for the whole process, so threads take turns.
    """
    with _FUSED_LAYERS:
        fused = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fused)
