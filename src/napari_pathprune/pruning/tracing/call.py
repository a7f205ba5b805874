"""One executed operation, and the tensors among its arguments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload


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
    """

    name: str
    in_place: bool
    func: OpOverload
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

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
        number = self.args[1] if self.name in {"mul", "div"} and len(self.args) > 1 else None
        if not isinstance(number, float):
            return None
        return number if self.name == "mul" else 1.0 / number if number else None


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
