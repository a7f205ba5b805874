"""Parameters, MACs and bytes as functions of the widths of the channel groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Polynomial:
    """A sum of products of axis lengths, where every axis length is a sum over channel groups.

    The length of an axis is ``fixed + sum(block * width)``, the size of a tensor the product of its axes, and the size
    of a network the sum of its tensors.

    Attributes
    ----------
    coefficients
        (terms,)
    factors
        (terms, largest number of factors) int: rows of ``blocks``; row 0 is the constant one.
    blocks
        (axes, groups): number of positions of one channel of a group on an axis.
    fixed
        (axes,): number of positions that belong to no group.
    """

    coefficients: Floats
    factors: NDArray[np.int64]
    blocks: Floats
    fixed: Floats

    def at(self, widths: Floats) -> float:
        """Return the value for (groups,) widths."""
        lengths = self.fixed + self.blocks @ widths
        return float(self.coefficients @ lengths[self.factors].prod(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Sizes:
    """The cost of a network for any widths of its channel groups.

    Attributes
    ----------
    names
        Names of the groups, in the order of the widths.
    params, macs, bytes
        The costs; MACs are those of one run on the traced example.
    """

    names: tuple[str, ...]
    params: Polynomial
    macs: Polynomial
    bytes: Polynomial

    def widths(self, widths: Mapping[str, int]) -> Floats:
        """Return widths by name as an array in the order of the polynomials."""
        return np.array([widths[name] for name in self.names], np.float64)


Length = tuple[int, tuple[tuple[int, int], ...]]
"""Length of an axis: number of positions of no group, and pairs of a group's number and its positions for a channel."""


def build_polynomial(terms: Sequence[tuple[float, tuple[Length, ...]]], groups: int) -> Polynomial:
    """Build a polynomial from (coefficient, lengths of the axes) terms; equal terms are merged."""
    axes: dict[Length, int] = {(1, ()): 0}
    merged: dict[tuple[int, ...], float] = {}
    for coefficient, lengths in terms:
        rows = tuple(sorted(axes.setdefault(length, len(axes)) for length in lengths))
        merged[rows] = merged.get(rows, 0.0) + coefficient
    most = max((len(rows) for rows in merged), default=1) or 1
    factors = np.zeros((len(merged), most), np.int64)
    for number, rows in enumerate(merged):
        factors[number, : len(rows)] = rows
    blocks = np.zeros((len(axes), groups), np.float64)
    fixed = np.zeros(len(axes), np.float64)
    for (constant, parts), row in axes.items():
        fixed[row] = constant
        for group, block in parts:
            blocks[row, group] = block
    return Polynomial(np.array(list(merged.values()), np.float64), factors, blocks, fixed)
