"""The target of a cut: the share of the dense model to keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from napari_pathprune.pruning.modules.kinds import is_number

Measure = Literal["params", "macs", "channels", "latency"]


@dataclass(frozen=True, slots=True)
class Target:
    """The share of the dense model to keep, by some measure.

    Attributes
    ----------
    measure
        ``"params"``: parameters. ``"macs"``: multiply-accumulates on the traced example. ``"channels"``: channels of
        the groups that can be cut. ``"latency"``: seconds for one run, which only `choose_for_latency` can reach.
    keep
        Share to keep, above 0, at most 1.

    Raises
    ------
    ValueError
        If the measure is unknown or the share is out of range.

    Examples
    --------
    >>> Target("params", keep=0.1).ratio
    0.9
    >>> Target.from_ratio(0.3)
    Target(measure='channels', keep=0.7)
    """

    measure: Measure
    keep: float

    def __post_init__(self) -> None:
        if self.measure not in get_args(Measure):
            raise ValueError(f"got measure {self.measure!r}; the measures are {', '.join(get_args(Measure))}")
        if not is_number(self.keep, 0.0, 1.0) or self.keep == 0:
            raise ValueError(
                f"got a target of {self.keep!r} of the {self.measure}; give the share to keep, above 0, at most 1"
            )

    @classmethod
    def from_ratio(cls, ratio: float, measure: Measure = "channels") -> Target:
        """Return the target that removes a share ``ratio``, in [0, 1)."""
        check_ratio(ratio)
        return cls(measure, 1.0 - ratio)

    @classmethod
    def from_speedup(cls, faster: float) -> Target:
        """Return the latency target of a model that runs ``faster`` times as fast; above 1."""
        if not is_number(faster, 1.0) or faster == 1:
            raise ValueError(f"got a target of {faster!r} times faster; give a number above 1")
        return cls("latency", 1.0 / faster)

    @property
    def ratio(self) -> float:
        """Share to remove; for channels, the pruning ratio."""
        return round(1.0 - self.keep, 12)

    @property
    def speedup(self) -> float:
        """Dense size or latency over that of the compact model."""
        return round(1.0 / self.keep, 12)


def check_ratio(ratio: float) -> None:
    """Raise if a pruning ratio is not in [0, 1)."""
    if not is_number(ratio, 0.0, 1.0) or ratio == 1:
        raise ValueError(f"got a pruning ratio of {ratio!r}; give the share of channels to remove, from 0 to below 1")
