"""The recorder: carries channel identities through all operations that a model executes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload

from napari_pathprune.pruning.tracing.executed import Call, Executed, step_by_step, tensors_given
from napari_pathprune.pruning.tracing.identities import MADE, Factors, Identities, Ids
from napari_pathprune.pruning.tracing.macs import macs_of_call
from napari_pathprune.pruning.tracing.origins import Rows, carry_rows, rows_of
from napari_pathprune.pruning.tracing.silence import carry_sound

__all__ = ["Call", "Executed", "Rule", "Step", "Tracer", "number_in", "step_by_step"]

Rule = Callable[["Tracer", "Call"], "Factors | list[Factors] | None"]
_MARK = "_pathprune_factors"
_BEFORE = "_pathprune_before_expand"


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What is remembered of an operation, to be compared with the same operation of a smaller model."""

    name: str
    module_type: type
    module: str
    given: tuple[Ids, ...]
    shapes: tuple[tuple[tuple[int, ...] | None, Factors], ...]
    number: float | None
    rows: Rows


class Tracer(Executed):  # type: ignore[no-untyped-call]
    """Carries identities through a run of a model."""

    def __init__(self, model: nn.Module, state: Mapping[str, Tensor], rules: dict[str, Rule], *, empty: bool) -> None:
        super().__init__(model, empty=empty)
        self.ids = Identities()
        self.steps: list[Step] = []
        self.met: set[str] = set()
        self.doubt = False
        self.entries: dict[str, list[Ids]] = {}
        self.tied: set[tuple[str, type]] = set()
        self.followed: dict[int, float] = {}
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

    def shape_of(self, tensor: Tensor) -> tuple[int, ...]:
        """Give the shape of a tensor, with 1 where it only repeats itself: there it may meet channels."""
        before: tuple[int, ...] | None = getattr(tensor, _BEFORE, None)
        return tuple(tensor.shape) if before is None else before

    def name_of(self, tensor: Tensor) -> str | None:
        """Name of a parameter or buffer; None for any other tensor."""
        return self._names.get(id(tensor))

    def freeze(self, factors: Factors, why: str) -> None:
        """Freeze all channels of these factors; ``why`` is followed by the module's name."""
        for factor in factors:
            self.ids.freeze(factor, f"{why} in {self.where}")

    def rescale(self, tensor: Tensor, ids: Ids, power: float) -> bool:
        """Undo in the weights that made a tensor that it is multiplied by ``len(ids) ** power``; tell if that can be.

        It can where the tensor is what rows of weights gave, only moved around since.
        """
        rows = rows_of(self, tensor)
        if rows:
            self.ids.rescaled.append((rows, ids, power))
        return bool(rows)

    def entered(self, path: str, given: tuple[Any, ...]) -> None:
        """Remember the channels that a module reads."""
        first = next(tensors_given(given), None)
        if first is not None and path not in self.entries:
            lines = [f for f in self.of(first) if f.size in {f.shape[-1], f.shape[min(1, f.ndim - 1)]}]
            self.entries[path] = [factor.ravel() for factor in lines]

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

    def _freeze_unknown(self, call: Call) -> None:
        for tensor in call.inputs:
            if self.name_of(tensor) is not None:  # so that weights that are worked out from parameters are named
                for factor in self.of(tensor)[:1]:
                    self.ids.mark(factor, MADE)
            self.freeze(self.of(tensor), f"reaches {call.func}, for which there is no rule,")

    def executed(self, call: Call) -> None:
        """Apply the rule; without one, freeze."""
        given = [self.of(tensor) for tensor in call.inputs]
        counted = len(self.ids.macs)
        result: Factors | list[Factors] = ()
        if any(given):
            rule = self.rules.get(call.name) or (self.rules["pointwise"] if _pointwise(call) else None)
            known = rule(self, call) if rule else None
            if known is None:
                self._freeze_unknown(call)
            else:
                result = known
        for number, output in enumerate(call.outputs):
            factors = result[number] if isinstance(result, list) else result
            fits = all(_fits(factor, output) for factor in factors)
            assert fits or not isinstance(result, list), f"a rule for {call.func} gave factors of a wrong shape"
            self.give(output, factors if fits else ())
        if len(self.ids.macs) == counted:
            self.count(call)
        if call.name in {"expand", "expand_as"} and call.outputs[0].shape != call.inputs[0].shape:
            x, expanded = call.inputs[0], call.outputs[0]
            setattr(expanded, _BEFORE, (1,) * (expanded.ndim - x.ndim) + tuple(x.shape))
            self.doubt = True
        if any(given):
            carry_rows(self, call)
            carry_sound(self, call)
        self.steps.append(
            Step(
                call.name,
                self.stack[-1][1],
                self.stack[-1][0],
                tuple(factor for factors in given for factor in factors),
                tuple(
                    # how often a tensor is repeated shows where it meets another
                    (None if hasattr(output, _BEFORE) else tuple(output.shape), self.of(output))
                    for output in call.outputs
                ),
                number_in(call),
                rows_of(self, call.inputs[0]) if number_in(call) is not None else (),
            )
        )


def number_in(call: Call) -> float | None:
    """Give the number that an operation multiplies or divides by, as a factor."""
    number = call.args[1] if call.name in {"mul", "div"} and len(call.args) > 1 else None
    if not isinstance(number, float):
        return None
    return number if call.name == "mul" else 1.0 / number if number else None


def _pointwise(call: Call) -> bool:
    return torch.Tag.pointwise in call.func.tags


def _fits(factor: Ids, tensor: Tensor) -> bool:
    return factor.ndim == tensor.ndim and all(
        n in (1, length) for n, length in zip(factor.shape, tensor.shape, strict=True)
    )
