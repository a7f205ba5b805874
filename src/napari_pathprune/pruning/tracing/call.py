"""One executed operation, and the tensors among its arguments."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch._ops import OpOverload

from napari_pathprune.pruning.tracing.facts import Rows
from napari_pathprune.pruning.tracing.identities import Factors, Ids


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One executed operation.

    Attributes
    ----------
    name
        Without namespace, overload and the underscore of in-place operations: ``"conv2d"``.
    in_place
        Whether it writes to its first input.
    func, args, kwargs
        What torch executed.
    inputs, outputs
        The tensors among its arguments and results.
    has_values
        Whether tensors have values; if they have not, single numbers in tensors are constants of the code.
    """

    name: str
    in_place: bool
    func: OpOverload
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    has_values: bool = False

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 (arguments of operations are anything)
        """Return an argument by its name in the schema of the operation."""
        if name in self.kwargs:
            return self.kwargs[name]
        for position, argument in enumerate(self.func._schema.arguments):  # noqa: SLF001 (there is no public way)
            if argument.name == name:
                if position < len(self.args):
                    return self.args[position]
                return argument.default_value if argument.default_value is not None else default
        return default

    @property
    def is_pointwise(self) -> bool:
        """Whether torch marks the operation as acting on each entry alone."""
        return torch.Tag.pointwise in self.func.tags

    @property
    def multiplier(self) -> float | None:
        """The number by which the operation multiplies its input; None if there is none."""
        if self.name not in {"mul", "div", "true_divide"} or len(self.args) < 2 or self._is_constant:
            return None
        first, second = self.args[:2]
        number = self._read_number(second)
        if number is None and self.name == "mul":
            number = self._read_number(first)
        if number is None or (number == 0 and self.name != "mul") or not math.isfinite(number):
            return None
        return number if self.name == "mul" else 1.0 / number

    def read_numbers(self) -> tuple[float, ...]:
        """Return the other numbers among its arguments, which a model's code may have computed from a width.

        Sizes are left out: the shapes of the results show them.
        """
        if self.name == "lift_fresh" and not self.has_values and 1 < self.outputs[0].numel() <= _MOST_VALUES:
            return () if self.outputs[0].is_meta else tuple(self.outputs[0].double().flatten().tolist())
        if self._is_constant or not (self.is_pointwise or self.name in _WITH_NUMBERS):
            return ()
        values = [*self.args, *self.kwargs.values()]
        if self.name in _TAKES_EPS:
            values = [value for value in values if type(value) is float]
        found = [number for value in values for number in self._list_numbers(value)]
        return () if self.multiplier is not None else tuple(found)

    def may_depend_on_width(self, widths: Iterable[int]) -> bool:
        """Return whether the model's code may have computed some numbers from widths, those of weights seen so far."""
        numbers = {*self.read_numbers(), self.multiplier} - _TRIVIAL
        if self.name in _TAKES_SIZES and numbers:
            known = set(widths)
            large = [number for number in numbers if number is not None and number >= _LEAST_SIZE and number % 1 == 0]
            return any(share * number in known for number in large for share in (1, 2, 4))
        if self.name in _TAKES_EPS:  # those that a person writes have one digit, as 1e-5
            return any(number != float(f"{number:.0e}") for number in numbers if number is not None)
        return bool(numbers)

    @property
    def _is_constant(self) -> bool:
        """Whether the results are single numbers, which count where they meet other tensors."""
        return (
            not self.has_values and bool(self.outputs) and all(t.numel() == 1 and not t.is_meta for t in self.outputs)
        )

    def _list_numbers(self, value: object) -> Iterator[float]:
        if isinstance(value, (list, tuple)):
            for item in value:
                yield from self._list_numbers(item)
        elif (number := self._read_number(value)) is not None:
            yield number

    def _read_number(self, value: object) -> float | None:
        if isinstance(value, Tensor):
            known = value.numel() == 1 and not (self.has_values or value.is_meta or isinstance(value, nn.Parameter))
            return float(value) if known and value.dtype in _NUMBER_TYPES else None
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


_TRIVIAL: Final = frozenset({None, 0.0, 1.0, -1.0})
_LEAST_SIZE: Final = 4
"""Pools and steps of 2 or 3 pixels are what a person writes."""
_MOST_VALUES: Final = 64
_NUMBER_TYPES: Final = frozenset(
    {torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32}
)
_TAKES_NUMBERS: Final = frozenset(
    {"full", "full_like", "new_full", "fill", "arange", "linspace", "logspace", "scalar_tensor", "lift_fresh"}
    | {"clamp", "clamp_min", "clamp_max", "threshold", "softplus", "hardtanh", "elu", "celu", "leaky_relu", "pow"}
    | {"masked_fill", "dropout", "rsub", "where", "addmm", "baddbmm"}
)
_TAKES_EPS: Final = frozenset({"batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"})
"""Operations among whose arguments only fractions count: the others are sizes, which follow."""
_TAKES_SIZES: Final = frozenset(
    {
        "roll",
        "max_pool1d",
        "max_pool2d",
        "max_pool3d",
        "avg_pool1d",
        "avg_pool2d",
        "avg_pool3d",
        "max_pool2d_with_indices",
    }
    | {"adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d"}
    | {"upsample_nearest1d", "upsample_nearest2d", "upsample_linear1d", "upsample_bilinear2d", "upsample_bicubic2d"}
)
"""Operations that work on pixels, with sizes that a model's code may have computed from a width."""
_WITH_NUMBERS: Final = _TAKES_NUMBERS | _TAKES_EPS | _TAKES_SIZES


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
    others
        See `Call.read_numbers`.
    rows
        Where there is a number, the rows of weights that the input was made by.
    width
        Where there are rows, the channels whose count the number may be computed from.
    """

    name: str
    module_type: type
    module: str
    given: tuple[Ids, ...]
    shapes: tuple[tuple[tuple[int, ...] | None, Factors], ...]
    number: float | None
    others: tuple[float, ...]
    rows: Rows
    width: Ids | None

    def list_factors(self) -> Factors:
        """Return the factors of all inputs and results, and the channels whose count its number may depend on."""
        width = () if self.width is None else (self.width,)
        return (*self.given, *(factor for _, factors in self.shapes for factor in factors), *width)


def last_axis(factors: Factors) -> Ids | None:
    """Return the channels on the last axis of a tensor."""
    own = [factor for factor in factors if factor.size == factor.shape[-1] > 1]
    return own[0].ravel() if own else None


@cache
def name_operation(func: OpOverload) -> tuple[str, bool]:
    """Return the name of an operation as in `Call`, and whether it works in place."""
    name = str(func._schema.name).removeprefix("aten::")  # noqa: SLF001 (there is no public way)
    in_place = name.endswith("_") and not name.endswith("__")
    return (name[:-1] if in_place else name), in_place


def find_inputs(values: Sequence[Any]) -> Iterator[Tensor]:
    """Yield the tensors among arguments, in nested lists and tuples too."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from find_inputs(value)
