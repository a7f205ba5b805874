"""The ledger of channel identities: who they are, which are the same, which must not be cut.

Every position of every axis of every parameter and buffer gets a number, its identity, when it is first used.
While the model runs, identities that have to be cut together are united; at the end `classes` gives each
identity its class. An array of identities that broadcasts to a tensor's shape says which channel an entry of
the tensor belongs to: a *factor*. A tensor can have several factors on different axes, as a weight has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Factors = tuple[Ids, ...]

MADE: Final = 1
READ: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class StateAxis:
    """Identities of one axis of a parameter or buffer; ``splits`` as in `Member`."""

    name: str
    axis: int
    splits: int
    ids: Ids


@dataclass(frozen=True, slots=True, eq=False)
class Evenness:
    """Conv groups: (splits, n) identities of which every row has to keep the same number."""

    ids: Ids
    module: str


@dataclass(slots=True, eq=False)
class Identities:
    """What one trace writes down. Nothing here is looked up before the end but ``roles``."""

    count: int = 0
    roles: NDArray[np.int8] = field(default_factory=lambda: np.zeros(4096, np.int8))
    axes: list[StateAxis] = field(default_factory=list)
    same: list[tuple[Ids, Ids]] = field(default_factory=list)
    frozen: list[tuple[Ids, str]] = field(default_factory=list)
    joined: list[Ids] = field(default_factory=list)
    even: list[Evenness] = field(default_factory=list)
    macs: list[tuple[float, tuple[Ids, ...]]] = field(default_factory=list)
    norms: list[str] = field(default_factory=list)
    rescaled: list[tuple[tuple[tuple[str, Ids], ...], Ids, float]] = field(default_factory=list)

    def fresh(self, name: str, axis: int, length: int, splits: int = 1) -> Ids:
        """Give numbers to the positions of an axis of a parameter or buffer."""
        ids = self.anonymous(length)
        self.axes.append(StateAxis(name, axis, splits, ids))
        return ids

    def anonymous(self, length: int) -> Ids:
        """Give numbers to positions of no parameter: what stands beside channels in a concatenation."""
        ids = np.arange(self.count, self.count + length, dtype=np.int64)
        self.count += length
        if self.count > len(self.roles):
            self.roles = np.concatenate([self.roles, np.zeros(max(len(self.roles), length), np.int8)])
        return ids

    def unite(self, first: Ids, second: Ids) -> None:
        """Write down that identities at the same place of two equally shaped arrays are cut together."""
        assert first.shape == second.shape, (first.shape, second.shape)
        if first is not second and not np.array_equal(first, second):
            self.same.append((first.ravel(), second.ravel()))

    def freeze(self, ids: Ids, reason: str) -> None:
        """Write down that identities must not be cut."""
        self.frozen.append((ids.ravel(), reason))

    def mark(self, ids: Ids, role: int) -> None:
        """Give identities that have no role yet the role of being made or read by a filter."""
        flat = ids.ravel()
        self.roles[flat[self.roles[flat] == 0]] = role

    def made(self, ids: Ids) -> bool:
        """Tell whether these identities come from the filters of a layer."""
        return bool(self.roles[ids.flat[0]] == MADE)

    def classes(self) -> Ids:
        """Give every identity the smallest identity that it is united with, directly or through others."""
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
