"""The ledger of channel identities: which exist, which are cut together, and which must not be cut.

Every position of every axis of every parameter and buffer gets a number, its identity, when it is first used. While
the model runs, identities that have to be cut together are united. At the end `classes` returns the class of each
identity. An array of identities that broadcasts to the shape of a tensor states which channel each entry of the
tensor belongs to: a *factor*. A tensor can have several factors on different axes, as a weight does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Factors = tuple[Ids, ...]

MADE: Final = 1
"""Role of identities whose channels a filter makes."""
READ: Final = 2
"""Role of identities whose channels a filter reads."""


@dataclass(frozen=True, slots=True, eq=False)
class StateAxis:
    """Identities of one axis of a parameter or buffer; ``splits`` as in `Member`."""

    name: str
    axis: int
    splits: int
    ids: Ids


@dataclass(frozen=True, slots=True, eq=False)
class EvenSplits:
    """Conv groups: (splits, n) identities; every row has to keep the same number of them."""

    ids: Ids
    module: str


@dataclass(slots=True, eq=False)
class Identities:
    """The identities of one trace. Until the end only ``roles`` is read; everything else is collected.

    Attributes
    ----------
    count
        Number of identities.
    roles
        (at least ``count``,): `MADE`, `READ` or 0 for each identity.
    axes
        Axes of parameters and buffers, in the order of first use.
    same
        Pairs of arrays that are united.
    frozen
        Identities that must not be cut, and why.
    joined
        Identities that an addition of two producers' outputs joined: they make skip groups.
    even
        Conv groups.
    macs
        MACs of each operation, divided by the lengths of some axes, and the identities on these axes.
    norms
        Names of the weights of norms that run over channels.
    directions
        Names of tensors, and their axes on which a masked model keeps removed rows.
    standardised
        Names of weights that are standardised over the channels that they read.
    rescaled
        Rows of weights, identities of an axis, the power of its length that the rows compensate for, and the number of
        the step that multiplies by that power.
    """

    count: int = 0
    roles: NDArray[np.int8] = field(default_factory=lambda: np.zeros(4096, np.int8))
    axes: list[StateAxis] = field(default_factory=list)
    same: list[tuple[Ids, Ids]] = field(default_factory=list)
    frozen: list[tuple[Ids, str]] = field(default_factory=list)
    joined: list[Ids] = field(default_factory=list)
    even: list[EvenSplits] = field(default_factory=list)
    macs: list[tuple[float, tuple[Ids, ...]]] = field(default_factory=list)
    norms: list[str] = field(default_factory=list)
    directions: list[tuple[str, int]] = field(default_factory=list)
    standardised: list[str] = field(default_factory=list)
    rescaled: list[tuple[tuple[tuple[str, Ids], ...], Ids, float, int]] = field(default_factory=list)

    def number_axis(self, name: str, axis: int, length: int, splits: int = 1) -> Ids:
        """Make identities for the positions of an axis of a parameter or buffer."""
        ids = self.number_positions(length)
        self.axes.append(StateAxis(name, axis, splits, ids))
        return ids

    def number_positions(self, length: int) -> Ids:
        """Make identities for positions of no parameter, such as those beside channels in a concatenation."""
        ids = np.arange(self.count, self.count + length, dtype=np.int64)
        self.count += length
        if self.count > len(self.roles):
            self.roles = np.concatenate([self.roles, np.zeros(max(len(self.roles), length), np.int8)])
        return ids

    def unite(self, first: Ids, second: Ids) -> None:
        """Unite the identities at the same place of two arrays of equal shape: they are cut together."""
        assert first.shape == second.shape, (first.shape, second.shape)
        if first is not second and not np.array_equal(first, second):
            self.same.append((first.ravel(), second.ravel()))

    def freeze(self, ids: Ids, reason: str) -> None:
        """Exclude identities from the cut."""
        self.frozen.append((ids.ravel(), reason))

    def mark(self, ids: Ids, role: int) -> None:
        """Set the role of identities that have none yet."""
        flat = ids.ravel()
        self.roles[flat[self.roles[flat] == 0]] = role

    def is_made(self, ids: Ids) -> bool:
        """Return whether these identities come from the filters of a layer."""
        return bool(self.roles[ids.flat[0]] == MADE)

    def classes(self) -> Ids:
        """Return, for every identity, the smallest one that it is united with, directly or through others."""
        labels = np.arange(self.count, dtype=np.int64)
        if not self.same:
            return labels
        first = np.concatenate([pair[0] for pair in self.same])
        second = np.concatenate([pair[1] for pair in self.same])
        while True:
            # hook the larger root onto the smaller one, then point everything at its root
            a, b = labels[first], labels[second]
            open_pairs = a != b
            if not open_pairs.any():
                return labels
            first, second, a, b = first[open_pairs], second[open_pairs], a[open_pairs], b[open_pairs]
            np.minimum.at(labels, np.maximum(a, b), np.minimum(a, b))
            while True:
                shorter = labels[labels]
                if np.array_equal(shorter, labels):
                    break
                labels = shorter
