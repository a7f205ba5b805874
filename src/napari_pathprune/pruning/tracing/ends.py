"""Where channels leave a model: tensors that it keeps, and results that no operation reads."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Collection, Iterator

from torch import Tensor

from napari_pathprune.pruning.tracing.call import Call
from napari_pathprune.pruning.tracing.facts import FactsTable
from napari_pathprune.pruning.tracing.identities import Factors


class Ends:
    """Finds outputs that cannot be seen in what a model returns.

    A model can hand out a tensor as an attribute, in a list of its own, through a generator or as an array. Such a
    tensor still exists after the run, or no operation has read it.
    """

    def __init__(self, facts: FactsTable) -> None:
        self.facts = facts
        self._step_of: dict[int, tuple[weakref.ref[Tensor], int]] = {}
        self._unread: dict[int, list[Factors]] = {}

    def note(self, call: Call, step: int, *, carries: bool) -> None:
        """Remember results with channels until an operation reads one of them."""
        for tensor in call.inputs:
            entry = self._step_of.get(id(tensor))
            if entry is not None and entry[0]() is tensor:
                self._unread.pop(entry[1], None)
        if not carries or all(map(self.facts.is_weight, call.inputs)):
            return
        own = [factors for output in call.outputs if (factors := self.facts.of(output).factors)]
        if own:
            self._unread[step] = own
            for output in call.outputs:
                self._step_of[id(output)] = (weakref.ref(output), step)

    def list_held(self, returned: Collection[int]) -> Iterator[tuple[Factors, str]]:
        """Yield the factors of tensors that still exist, other than those returned, by their ids; and the reason."""
        if any(id(tensor) not in returned and own.factors for tensor, own in self.facts.find_alive()):
            gc.collect()  # some may only wait for it
            for tensor, own in self.facts.find_alive():
                if id(tensor) not in returned and own.factors and not own.is_weight:
                    yield own.factors, "is kept by the model after the run, as outputs are"

    def list_unread(self) -> Iterator[tuple[Factors, str]]:
        """Yield the factors of results that no operation has read, and the reason to freeze them."""
        for results in self._unread.values():
            for factors in results:
                yield factors, "no operation reads it, so it may be an output"

    def clear(self) -> None:
        """Forget everything, before another run."""
        self._step_of.clear()
        self._unread.clear()
