"""The tracer: carries channel identities through all operations that a model executes."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload

from napari_pathprune.pruning.tracing.axes import place_on_axis
from napari_pathprune.pruning.tracing.call import Call, TracedStep, find_inputs, last_axis
from napari_pathprune.pruning.tracing.ends import Ends
from napari_pathprune.pruning.tracing.facts import FactsTable, Rows
from napari_pathprune.pruning.tracing.identities import MADE, READ, Factors, Identities, Ids
from napari_pathprune.pruning.tracing.macs import macs_of_call
from napari_pathprune.pruning.tracing.operation_watcher import KeepConstants, OperationWatcher
from napari_pathprune.pruning.tracing.origins import Use, carry_rows, rows_of
from napari_pathprune.pruning.tracing.silence import carry_loudness, find_divisors

Rule = Callable[["Tracer", Call], "Factors | list[Factors] | None"]
"""Returns the factors of the results: the same for all, or a list with one entry for each.

None freezes the channels of the inputs, as for an operation without a rule.
"""


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
    uses
        Where the rows of weights that made an activation end.
    keeps_constants, misses_constants
        Whether numbers in tensors keep their values (`KeepConstants`, which takes time), and whether one lost it.
    """

    def __init__(self, model: nn.Module, state: Mapping[str, Tensor], rules: dict[str, Rule], *, empty: bool) -> None:
        super().__init__(model, empty=empty)
        self.ids = Identities()
        self.facts = FactsTable(state)
        self.steps: list[TracedStep] = []
        self.met: set[str] = set()
        self.doubt = False
        self.entries: dict[str, list[Ids]] = {}
        self.uses: list[Use] = []
        self.keeps_constants = False
        self.misses_constants = False
        self.rules = rules
        self._made = False
        self.ends = Ends(self.facts)

    def of(self, tensor: Tensor) -> Factors:
        """Return the factors of a tensor; those of a parameter are made when it is first used."""
        factors = self.facts.of(tensor).factors
        if factors is None:
            name = self.facts.name_of(tensor)
            if name is None:
                self.doubt = True  # its origin was not seen
                self.misses_constants |= tensor.is_meta and tensor.numel() == 1
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

    def is_filter(self, name: str) -> bool:
        """Return whether a parameter is a weight of the convolution that is running, without conv groups."""
        module, kind = self.stack[-1]
        own = issubclass(kind, (nn.Conv1d, nn.Conv2d, nn.Conv3d)) and name.rpartition(".")[0] == module
        return own and self.facts.state[name].ndim > 2

    def is_buffer(self, tensor: Tensor) -> bool:
        """Return whether a tensor is a buffer of the model."""
        return self.facts.name_of(tensor) is not None and not isinstance(tensor, nn.Parameter)

    def name_of(self, tensor: Tensor) -> str | None:
        """Return the name of a parameter or buffer; None for any other tensor."""
        return self.facts.name_of(tensor)

    @property
    def runs_torch_layer(self) -> bool:
        """Whether the module that is running is one of torch, whose numbers follow (`follow_shapes`)."""
        return self.stack[-1][1].__module__.startswith("torch.nn.modules.")

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
            self.ids.rescaled.append((rows, ids, power, len(self.steps)))
        return bool(rows)

    def count_macs(self, call: Call, *lengths: Ids) -> None:
        """Count the MACs of an operation, in proportion to the lengths of these axes."""
        macs = macs_of_call(call.name, call.args, call.outputs)
        if macs:
            self.ids.macs.append((macs / math.prod(len(ids) for ids in lengths), lengths))

    def on_module(self, path: str, given: tuple[Any, ...]) -> None:
        """Remember the channels that a module reads."""
        self.doubt |= issubclass(self.stack[-1][1], (nn.RNNBase, nn.RNNCellBase))  # they compare sizes themselves
        first = next(find_inputs(given), None)
        if first is not None and first.ndim and path not in self.entries:
            lines = [f for f in self.of(first) if f.size in {f.shape[-1], f.shape[min(1, f.ndim - 1)]}]
            self.entries[path] = [factor.ravel() for factor in lines]

    def takes_whole(self, name: str, func: OpOverload, inputs: Sequence[Tensor]) -> bool:
        """Take whole what has a rule, and what carries no channels."""
        return name in self.rules or torch.Tag.pointwise in func.tags or not any(self.of(t) for t in inputs)

    def on_operation(self, call: Call) -> None:
        """Carry the channels of the inputs to the results, and remember the operation."""
        given = [self.of(tensor) for tensor in call.inputs]
        carries = any(given)
        counted = len(self.ids.macs)
        self._note_factors(call, self._apply_rule(call) if carries else ())
        if len(self.ids.macs) == counted:
            self.count_macs(call)
        self._note_expansion(call)
        if carries or any(self.facts.of(tensor).width is not None for tensor in call.inputs):
            self._made = True
            self._carry_facts(call)
            if all(map(self.facts.is_weight, call.inputs)):
                for output in call.outputs:
                    self.facts.note(output, is_weight=True)
        self.ends.note(call, len(self.steps), carries=carries)
        self._remember(call, given)

    def _apply_rule(self, call: Call) -> Factors | list[Factors]:
        rule = self.rules.get(call.name) or (self.rules["pointwise"] if call.is_pointwise else None)
        why = "for which there is no rule"
        try:
            result = rule(self, call) if rule else None
        except Exception:  # noqa: BLE001 (a form of the operation that nobody thought of; its channels stay)
            result, why = None, "in a form that its rule does not know"
        if isinstance(result, list) and not all(
            _broadcasts_to(factor, output) for output, own in zip(call.outputs, result, strict=False) for factor in own
        ):
            result, why = None, "in a form that its rule does not know"
        if result is None:
            self._freeze_unknown(call, why)
            return ()
        return result

    def _carry_facts(self, call: Call) -> None:
        try:
            carry_rows(self.facts, call, len(self.steps), self.uses)
        except Exception:  # noqa: BLE001 (as above)
            for output in call.outputs:
                self.facts.note(output, rows=(), width=None)
            self.uses.extend(Use(known.rows, ()) for t in call.inputs if (known := self.facts.of(t)).rows)
        try:
            for tensor in find_divisors(self.facts, call):
                self.freeze(self.of(tensor), f"{call.name} makes infinite numbers of channels that are zero")
            carry_loudness(self.facts, call)
        except Exception:  # noqa: BLE001 (as above)
            for output in call.outputs:
                self.facts.note(output, is_loud=True)

    def freeze_outputs(self, outputs: Sequence[Tensor]) -> None:
        """Freeze the channels that leave the model: in what it returns, what it holds, and what nothing reads."""
        for tensor in outputs:
            for factor in self.of(tensor):
                self.ids.freeze(factor, "output of the model")
        known = {id(tensor) for tensor in outputs}
        for factors, why in (*self.ends.list_held(known), *self.ends.list_unread()):
            for factor in factors:
                self.ids.freeze(factor, why)
        self.ends.clear()

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Watch all operations in a ``with`` block."""
        depth = len(self.stack)
        try:
            with KeepConstants() if self.keeps_constants else contextlib.nullcontext(), self:
                yield
        finally:
            del self.stack[depth:]

    def note_input(self, tensor: Tensor) -> None:
        """Remember that a tensor is an input of the model, which carries no channels."""
        self.facts.note(tensor, factors=())

    def list_unmet(self) -> list[str]:
        """Return the names of the parameters that no operation has used."""
        state = self.facts.state.items()
        return [name for name, tensor in state if isinstance(tensor, nn.Parameter) and name not in self.met]

    def freeze_unmet(self) -> None:
        """Freeze channels that a layer that did not run may read: those of as many channels as it reads."""
        for name in self.list_unmet():
            shape = self.facts.state[name].shape
            reads = shape[1] if len(shape) > 1 else 0
            for axis in self.ids.axes:
                if axis.axis == 0 and len(axis.ids) == reads > 1:
                    self.ids.freeze(axis.ids, f"may be read by '{name.rpartition('.')[0]}', which did not run")

    def freeze_all(self, why: str) -> None:
        """Freeze every channel of every layer."""
        for tensor in self.facts.state.values():
            if tensor.ndim > 1:
                self.of(tensor)
        for axis in self.ids.axes:
            self.ids.mark(axis.ids, READ if axis.axis else MADE)
            self.ids.freeze(axis.ids, why)

    def _freeze_unknown(self, call: Call, why: str) -> None:
        for tensor in call.inputs:
            if self.name_of(tensor) is not None:  # so that weights that are computed from parameters are named
                for factor in self.of(tensor)[:1]:
                    self.ids.mark(factor, MADE)
            self.freeze(self.of(tensor), f"reaches {call.func}, {why},")

    def _note_factors(self, call: Call, result: Factors | list[Factors]) -> None:
        for number, output in enumerate(call.outputs):
            factors = result[number] if isinstance(result, list) else result
            fits = all(_broadcasts_to(factor, output) for factor in factors)
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
        number, others = call.multiplier, call.read_numbers()
        rows: Rows = ()
        width: Ids | None = None
        if number is not None or others:
            known = self.facts.of(call.outputs[0])
            rows = known.rows or ()
            width = known.width if known.width is not None else last_axis(known.factors or ())
            if self._made and not self.runs_torch_layer:
                self.doubt |= call.may_depend_on_width(len(axis.ids) for axis in self.ids.axes)
        factors = tuple(factor for own in given for factor in own)
        self.steps.append(TracedStep(call.name, kind, module, factors, shapes, number, others, rows, width))


def _broadcasts_to(factor: Ids, tensor: Tensor) -> bool:
    return factor.ndim == tensor.ndim and all(
        n in (1, length) for n, length in zip(factor.shape, tensor.shape, strict=True)
    )
