"""The recorder: sees every operation a model executes and carries channel identities along.

The model runs on tensors without contents (device "meta"), so nothing is computed; a model whose forward looks
at values is run on real ones. Under inference mode the operations arrive as they were written (``conv2d``,
``linear``, ``chunk``), not in the smaller steps that they are made of.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from napari_pathprune.pruning.identities import Factors, Identities, Ids
from napari_pathprune.pruning.macs import macs_of_call
from napari_pathprune.pruning.replica import tensors_in
from napari_pathprune.pruning.shapes import result_without_computing

Rule = Callable[["Tracer", "Call"], "Factors | list[Factors] | None"]
_MARK = "_pathprune_factors"


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


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What is remembered of an operation, to be compared with the same operation of a smaller model."""

    name: str
    module_type: type
    module: str
    given: tuple[Ids, ...]
    shapes: tuple[tuple[tuple[int, ...], Factors], ...]


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
        inputs = tuple(_tensors(args)) + tuple(_tensors(tuple(kwargs.values()))) if kwargs else tuple(_tensors(args))
        if not self.wants(name, func, inputs):
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        if self.empty and len(inputs) > 1 and len({tensor.device for tensor in inputs}) > 1:
            args, kwargs = _emptied(args), {key: _emptied(value) for key, value in kwargs.items()}
            inputs = tuple(_tensors(args)) + tuple(_tensors(tuple(kwargs.values())))
        result = result_without_computing(name, args, kwargs, inputs, in_place=in_place) if self.empty else None
        if result is None:
            result = func(*args, **kwargs)
        outputs = (result,) if isinstance(result, Tensor) else tuple(tensors_in(result))
        self.executed(Call(name, in_place, func, args, kwargs, inputs, outputs))
        return result

    def _entered(self, path: str, kind: type) -> Callable[..., None]:
        def hook(*_: object) -> None:
            self.stack.append((path, kind))

        return hook

    def _left(self, *_: object) -> None:
        self.stack.pop()


class Tracer(Executed):  # type: ignore[no-untyped-call]
    """Carries identities through a run of a model."""

    def __init__(self, model: nn.Module, state: Mapping[str, Tensor], rules: dict[str, Rule], *, empty: bool) -> None:
        super().__init__(model, empty=empty)
        self.ids = Identities()
        self.steps: list[Step] = []
        self.met: set[str] = set()
        self.doubt = False
        self.rules = rules
        self._names = {id(tensor): name for name, tensor in state.items()}

    def of(self, tensor: Tensor) -> Factors:
        """Give the factors of a tensor; a parameter that is met for the first time gets its own."""
        factors: Factors | None = getattr(tensor, _MARK, None)
        if factors is None:
            name = self._names.get(id(tensor))
            if name is None:
                self.doubt = True  # where it comes from was not seen
                return ()
            self.met.add(name)
            made = []
            for axis, length in enumerate(tensor.shape):
                if length > 1:
                    shape = [1] * tensor.ndim
                    shape[axis] = length
                    made.append(self.ids.fresh(name, axis, length).reshape(shape))
            factors = tuple(made)
            setattr(tensor, _MARK, factors)
        return factors

    def give(self, tensor: Tensor, factors: Factors) -> None:
        """Say which channels a tensor carries."""
        setattr(tensor, _MARK, factors)

    def name_of(self, tensor: Tensor) -> str | None:
        """Name of a parameter or buffer; None for any other tensor."""
        return self._names.get(id(tensor))

    def freeze(self, factors: Factors, why: str) -> None:
        """Freeze all channels of these factors; ``why`` is followed by the module's name."""
        for factor in factors:
            self.ids.freeze(factor, f"{why} in {self.where}")

    def count(self, call: Call, *lengths: Ids) -> None:
        """Count the MACs of an operation, in proportion to the lengths of these axes."""
        macs = macs_of_call(call.name, call.args, call.outputs)
        if macs:
            self.ids.macs.append((macs / math.prod(len(ids) for ids in lengths), lengths))

    def line(self, tensor: Tensor, axis: int, why: str) -> Ids | None:
        """Give the identities along one axis; freeze channels that lie on this axis together with others."""
        found: Ids | None = None
        for factor in self.of(tensor):
            if factor.shape[axis] > 1:
                if factor.size == factor.shape[axis]:
                    found = factor.ravel()
                else:
                    self.freeze((factor,), why)
        return found

    def wants(self, name: str, func: OpOverload, inputs: Sequence[Tensor]) -> bool:
        """Take whole what there is a rule for, and what carries no channels."""
        return name in self.rules or torch.Tag.pointwise in func.tags or not any(self.of(t) for t in inputs)

    def executed(self, call: Call) -> None:
        """Apply the rule; without one, freeze."""
        given = [self.of(tensor) for tensor in call.inputs]
        counted = len(self.ids.macs)
        result: Factors | list[Factors] = ()
        if any(given):
            rule = self.rules.get(call.name) or (self.rules["pointwise"] if _pointwise(call) else None)
            known = rule(self, call) if rule else None
            if known is None:
                for factors in given:
                    self.freeze(factors, f"reaches {call.func}, for which there is no rule,")
            else:
                result = known
        for number, output in enumerate(call.outputs):
            factors = result[number] if isinstance(result, list) else result
            fits = all(_fits(factor, output) for factor in factors)
            assert fits or not isinstance(result, list), f"a rule for {call.func} gave factors of a wrong shape"
            self.give(output, factors if fits else ())
        if len(self.ids.macs) == counted:
            self.count(call)
        self.steps.append(
            Step(
                call.name,
                self.stack[-1][1],
                self.stack[-1][0],
                tuple(factor for factors in given for factor in factors),
                tuple((tuple(output.shape), self.of(output)) for output in call.outputs),
            )
        )


@cache
def _name_of(func: OpOverload) -> tuple[str, bool]:
    name = str(func._schema.name).removeprefix("aten::")  # noqa: SLF001 (there is no public way)
    in_place = name.endswith("_") and not name.endswith("__")
    return (name[:-1] if in_place else name), in_place


def _pointwise(call: Call) -> bool:
    return torch.Tag.pointwise in call.func.tags


def _fits(factor: Ids, tensor: Tensor) -> bool:
    return factor.ndim == tensor.ndim and all(
        n in (1, length) for n, length in zip(factor.shape, tensor.shape, strict=True)
    )


def _tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)


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
