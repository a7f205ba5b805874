"""How fast a cut model runs, predicted from a few measurements."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, replace
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class SpeedCurve:
    """The time of a run by its MACs, both as shares of those of the dense model.

    Attributes
    ----------
    points
        Pairs of (share of the MACs, share of the time), rising in the first. The dense model is (1, 1).
    device
        Where they were measured, in words.

    Examples
    --------
    >>> curve = SpeedCurve(((0.2, 0.4), (1.0, 1.0)), "CPU, 2 threads")
    >>> curve.predict(0.6), curve.find_macs(0.7)
    (0.7, 0.6)
    """

    points: tuple[tuple[float, float], ...]
    device: str

    def predict(self, macs: float) -> float:
        """Return the share of the time that is left with a share of the MACs: between measurements a straight line."""
        return _interpolate(self.points, macs)

    def find_macs(self, time: float) -> float:
        """Return the share of the MACs that takes a share of the time.

        Raises
        ------
        ValueError
            If the model was not measured to be so fast with any number of channels.
        """
        rising = _rise(self.points)
        if time < rising[0][1]:
            raise ValueError(
                f"got a target of {1 / time:.1f} times faster, but on {self.device} a small part of the model is only "
                f"{1 / rising[0][1]:.1f} times faster; ask for less"
            )
        return _interpolate(tuple((after, before) for before, after in rising), time)

    def add(self, macs: float, time: float) -> SpeedCurve:
        """Return a curve with one more measurement; it replaces those very close to it."""
        others = [point for point in self.points if abs(point[0] - macs) > 0.02 * macs or point[0] == 1.0]
        return replace(self, points=tuple(sorted([*others, (macs, time)]))) if macs < 1.0 else self


def _interpolate(points: tuple[tuple[float, float], ...], at: float) -> float:
    """Return the value of a piecewise straight line; its ends go on with the last slope, but not below zero."""
    if len(points) == 1:
        return at * points[0][1] / points[0][0]
    place = min(max(bisect.bisect_left([x for x, _ in points], at), 1), len(points) - 1)
    (x0, y0), (x1, y1) = points[place - 1], points[place]
    return max(y0 + (y1 - y0) * (at - x0) / (x1 - x0), 0.0)


def _rise(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Return the points of which none is slower than one with more MACs; measurements are not exact."""
    kept = [points[-1]]
    for point, _ in reversed(list(pairwise(points))):
        if point[1] < kept[-1][1]:
            kept.append(point)
    return tuple(reversed(kept))
