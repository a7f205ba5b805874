"""Shifts of the network's inputs against its stride, over which maps are averaged."""

from __future__ import annotations

from itertools import product
from typing import Final

NUMBERS: Final = (1, 4)
"""Numbers of phases to choose from."""


def list_phases(count: int, stride_px: int) -> tuple[tuple[int, int], ...]:
    """Return how far (y, x) the inputs of a network start before a multiple of its stride.

    A network answers slightly differently when its input is shifted by less than its stride. The mean over shifts of
    half a stride depends less on where nuclei lie.

    Parameters
    ----------
    count
        1 for inputs that start at multiples of the stride, or 4 for shifts of half a stride down, right, and both.
    stride_px
        The stride. A network without one has a single phase.

    Raises
    ------
    ValueError
        If there is no such number of phases.

    Examples
    --------
    >>> list_phases(4, 8)
    ((0, 0), (0, 4), (4, 0), (4, 4))
    >>> list_phases(1, 8), list_phases(4, 1)
    (((0, 0),), ((0, 0),))
    """
    check_phases(count)
    shifts = (0,) if count == 1 else (0, stride_px // 2)
    return tuple(dict.fromkeys(product(shifts, shifts)))


def check_phases(count: int) -> None:
    """Raise a ValueError if there is no such number of phases.

    Examples
    --------
    >>> check_phases(4)
    """
    if count not in NUMBERS:
        raise ValueError(f"got phases={count}; expected {' or '.join(map(str, NUMBERS))}")
