"""The tracer: carries channel identities through all operations that a model executes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload

from napari_pathprune.pruning.tracing.axes import place_on_axis
from napari_pathprune.pruning.tracing.call import Call, find_inputs
from napari_pathprune.pruning.tracing.facts import FactsTable, Rows
from napari_pathprune.pruning.tracing.identities import MADE, Factors, Identities, Ids
from napari_pathprune.pruning.tracing.macs import macs_of_call
from napari_pathprune.pruning.tracing.operation_watcher import OperationWatcher
from napari_pathprune.pruning.tracing.origins import carry_rows, rows_of
from napari_pathprune.pruning.tracing.silence import carry_loudness

Rule = Callable[["Tracer", Call], "Factors | list[Factors] | None"]
"""Returns the factors of the results: the same for all, or a list with one entry for each.

None freezes the channels of the inputs, as for an operation without a rule.
"""


@dataclass(frozen=True, slots=True, eq=False)
class TracedStep:
    """An executed operation, as it is compared with the same operation of a narrower model.

    Attributes
    ----------
    name, module, module_type
        Of the operation, and of the module that executed it.
    given
        Factors of all inputs.
    shapes
        Shape and factors of each result. The shape is None for expanded tensors: their number of repetitions shows
        where they meet another tensor.
    number
        See `Call.multiplier`.
    rows
        Where there is a number, the rows of weights that the input was made by.
    """

    name: str
    module_type: type
    module: str
    given: tuple[Ids, ...]
    shapes: tuple[tuple[tuple[int, ...] | None, Factors], ...]
    number: float | None
    rows: Rows


class Tracer(OperationWatcher):  # type: ignore[no-untyped-call]
    """Carries channel identities through one run of a model.

    Attributes
    ----------
    ids
        The identities, and what was found out about them.
    facts
        What is known of each tensor.
    steps
        All executed operations.
    met
        Names of the parameters and buffers that were used.
    doubt
        Whether sizes in the model's code may have to be checked by a run of a narrower model.
    entries
        Module to the channels that it reads.
    """

    def __init__(self, model: nn.Module, state: Mapping[str, Tensor], rules: dict[str, Rule], *, empty: bool) -> None:
        super().__init__(model, empty=empty)
        self.ids = Identities()
        self.facts = FactsTable(state)
        self.steps: list[TracedStep] = []
        self.met: set[str] = set()
        self.doubt = False
        self.entries: dict[str, list[Ids]] = {}
        self.rules = rules

    def of(self, tensor: Tensor) -> Factors:
        """Return the factors of a tensor; those of a parameter are made when it is first used."""
        factors = self.facts.of(tensor).factors
        if factors is None:
            name = self.facts.name_of(tensor)
            if name is None:
                self.doubt = True  # its origin was not seen
                return ()
            self.met.add(name)
            factors = tuple(
                place_on_axis(self.ids.number_axis(name, axis, length), axis, tensor.ndim)
                for axis, length in enumerate(tensor.shape)
                if length > 1
            )
            self.facts.note(tensor, factors=factors)
        return factors

    def shape_of(self, tensor: Tensor) -> tuple[int, ...]:
        """Return the shape of a tensor, with 1 on axes that are only repeated: these may meet channels."""
        before = self.facts.of(tensor).shape_before
        return tuple(tensor.shape) if before is None else before

    def name_of(self, tensor: Tensor) -> str | None:
        """Return the name of a parameter or buffer; None for any other tensor."""
        return self.facts.name_of(tensor)

    def freeze(self, factors: Factors, why: str) -> None:
        """Freeze all channels of these factors; the name of the module is appended to ``why``."""
        for factor in factors:
            self.ids.freeze(factor, f"{why} in {self.where}")

    def line(self, tensor: Tensor, axis: int, why: str) -> Ids | None:
        """Return the identities along one axis; freeze channels that lie on this axis together with others."""
        found: Ids | None = None
        for factor in self.of(tensor):
            if factor.shape[axis] > 1:
                if factor.size == factor.shape[axis]:
                    found = factor.ravel()
                else:
                    self.freeze((factor,), why)
        return found

    def rescale(self, tensor: Tensor, ids: Ids, power: float) -> bool:
        """Compensate in the weights for a tensor being multiplied by ``len(ids) ** power``.

        That is possible if the tensor was made by rows of weights and has only been moved around since.

        Returns
        -------
        bool
            Whether it is possible.
        """
        rows = rows_of(self.facts, tensor)
        if rows:
            self.ids.rescaled.append((rows, ids, power))
        return bool(rows)

    def count_macs(self, call: Call, *lengths: Ids) -> None:
        """Count the MACs of an operation, in proportion to the lengths of these axes."""
        macs = macs_of_call(call.name, call.args, call.outputs)
        if macs:
            self.ids.macs.append((macs / math.prod(len(ids) for ids in lengths), lengths))

    def on_module(self, path: str, given: tuple[Any, ...]) -> None:
        """Remember the channels that a module reads."""
        first = next(find_inputs(given), None)
        if first is not None and path not in self.entries:
            lines = [f for f in self.of(first) if f.size in {f.shape[-1], f.shape[min(1, f.ndim - 1)]}]
            self.entries[path] = [factor.ravel() for factor in lines]

    def takes_whole(self, name: str, func: OpOverload, inputs: Sequence[Tensor]) -> bool:
        """Take whole what has a rule, and what carries no channels."""
        return name in self.rules or torch.Tag.pointwise in func.tags or not any(self.of(t) for t in inputs)

    def on_operation(self, call: Call) -> None:
        """Carry the channels of the inputs to the results, and remember the operation."""
        given = [self.of(tensor) for tensor in call.inputs]
        counted = len(self.ids.macs)
        self._note_factors(call, self._apply_rule(call) if any(given) else ())
        if len(self.ids.macs) == counted:
            self.count_macs(call)
        self._note_expansion(call)
        if any(given):
            carry_rows(self.facts, call)
            carry_loudness(self.facts, call)
        self._remember(call, given)

    def _apply_rule(self, call: Call) -> Factors | list[Factors]:
        rule = self.rules.get(call.name) or (self.rules["pointwise"] if call.is_pointwise else None)
        result = rule(self, call) if rule else None
        if result is None:
            self._freeze_unknown(call)
            return ()
        return result

    def _freeze_unknown(self, call: Call) -> None:
        for tensor in call.inputs:
            if self.name_of(tensor) is not None:  # so that weights that are computed from parameters are named
                for factor in self.of(tensor)[:1]:
                    self.ids.mark(factor, MADE)
            self.freeze(self.of(tensor), f"reaches {call.func}, for which there is no rule,")

    def _note_factors(self, call: Call, result: Factors | list[Factors]) -> None:
        for number, output in enumerate(call.outputs):
            factors = result[number] if isinstance(result, list) else result
            fits = all(_broadcasts_to(factor, output) for factor in factors)
            assert fits or not isinstance(result, list), f"a rule for {call.func} returned factors of a wrong shape"
            self.facts.note(output, factors=factors if fits else ())

    def _note_expansion(self, call: Call) -> None:
        if call.name in {"expand", "expand_as"} and call.outputs[0].shape != call.inputs[0].shape:
            x, expanded = call.inputs[0], call.outputs[0]
            before = (1,) * (expanded.ndim - x.ndim) + tuple(x.shape)
            self.facts.note(expanded, shape_before=before)
            self.doubt = True

    def _remember(self, call: Call, given: list[Factors]) -> None:
        module, kind = self.stack[-1]
        shapes = tuple(
            (tuple(output.shape) if self.facts.of(output).shape_before is None else None, self.of(output))
            for output in call.outputs
        )
        number = call.multiplier
        rows = rows_of(self.facts, call.inputs[0]) if number is not None else ()
        factors = tuple(factor for own in given for factor in own)
        self.steps.append(TracedStep(call.name, kind, module, factors, shapes, number, rows))


def _broadcasts_to(factor: Ids, tensor: Tensor) -> bool:
    return factor.ndim == tensor.ndim and all(
        n in (1, length) for n, length in zip(factor.shape, tensor.shape, strict=True)
    )
