"""What a trace knows of the tensors that it has seen, kept in a table beside them."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from torch import Tensor

from napari_pathprune.pruning.tracing.identities import Factors, Ids

Rows = tuple[tuple[str, Ids], ...]
"""Names of parameters, and positions on their axis 0 that broadcast to the shape of a tensor."""


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What a trace knows of one tensor.

    Attributes
    ----------
    factors
        The channels that it carries; None if the tensor has not been seen yet.
    rows
        The rows of weights that it was made by; None if unknown. See `origins`.
    width
        Where the rows are summed over, as in the scores of attention: the channels on the axis of that sum. ``rows``
        then lists all of them, without a place in the tensor.
    passed
        Numbers of the steps that multiplied it by a number since the rows made it.
    is_weight
        Whether it was computed from parameters and buffers alone.
    is_loud
        Whether it may hold values other than zero in channels that were removed. See `silence`.
    shifted
        Channels that a bias on another axis has shifted, sorted: they are not zero if they are removed.
    shape_before
        Its shape before it was expanded, with 1 on the repeated axes; None if it was not.
    """

    factors: Factors | None = None
    rows: Rows | None = None
    width: Ids | None = None
    passed: tuple[int, ...] = ()
    is_weight: bool = False
    is_loud: bool = False
    shifted: Ids | None = None
    shape_before: tuple[int, ...] | None = None


NOTHING_KNOWN: Final = Facts()


class FactsTable:
    """The facts of all tensors of one run, and the names of the parameters and buffers among them.

    Tensors are held by weak references, so that activations of a real run are freed as usual.

    Attributes
    ----------
    state
        Name to parameter or buffer.
    has_shifted
        Whether a bias has shifted channels of any tensor.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self._names = {id(tensor): name for name, tensor in state.items()}
        self.state = state
        self.has_shifted = False
        self._facts: dict[int, tuple[weakref.ref[Tensor], Facts]] = {}

    def of(self, tensor: Tensor) -> Facts:
        """Return what is known of a tensor."""
        entry = self._facts.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else NOTHING_KNOWN

    def note(self, tensor: Tensor, **changes: Any) -> None:  # noqa: ANN401 (fields of Facts)
        """Change some facts of a tensor."""
        self._facts[id(tensor)] = (weakref.ref(tensor), replace(self.of(tensor), **changes))

    def is_weight(self, tensor: Tensor) -> bool:
        """Return whether a tensor is a parameter or buffer, or was computed from these alone."""
        return id(tensor) in self._names or self.of(tensor).is_weight

    def find_alive(self) -> Iterator[tuple[Tensor, Facts]]:
        """Yield the tensors that still exist, other than parameters and buffers."""
        for reference, known in list(self._facts.values()):
            tensor = reference()
            if tensor is not None and id(tensor) not in self._names:
                yield tensor, known

    def find_sharing(self, tensor: Tensor) -> Iterator[Tensor]:
        """Yield the tensors that share memory with another, such as the one that it is a view of."""
        memory = tensor.untyped_storage()._cdata  # noqa: SLF001 (there is no public way)
        for other, _ in self.find_alive():
            if other is not tensor and other.untyped_storage()._cdata == memory:  # noqa: SLF001
                yield other

    def name_of(self, tensor: Tensor) -> str | None:
        """Return the name of a parameter or buffer; None for any other tensor."""
        return self._names.get(id(tensor))
