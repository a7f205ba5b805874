"""How far to compress a model, in how many steps, and by which criterion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast, get_args

from napari_pathprune.pruning import Limits, Target
from napari_pathprune.pruning.choosing.limits import Scope, check_scope, parse_cap
from napari_pathprune.pruning.schedule import cubic_steps, fixed_steps, linear_steps
from napari_pathprune.pruning.scoring.criteria import CRITERIA
from napari_pathprune.pruning.scoring.deciders import Decider

_MEASURES: Final = ("channels", "params", "macs")


@dataclass(frozen=True, slots=True)
class CompressSettings:
    """A compression: cut, re-estimate the batch norms, fine-tune, and again.

    Attributes
    ----------
    measure
        What is counted: ``"params"``, ``"macs"`` or ``"channels"``.
    left
        Share of it that is left in the end, above 0, below 1.
    steps
        Cuts; 1 is one-shot.
    step_ratio
        Share of the dense model that each cut removes, instead of `steps`; 0.05 with channels is the paper's. 0 for
        none.
    schedule
        ``"linear"`` steps or ``"cubic"`` ones, much at first; see `pruning.schedule`.
    criterion, decider
        See `pruning.importance`; ``"taylor"`` is measured on training patches.
    scope, max_skip_ratio, round_to, min_channels
        Limits as in `pruning.choose`; a `max_skip_ratio` of 1 is none.
    caps
        The largest share that groups of channels lose, such as ``"decoder.*=0.5"``.
    recalibrate
        Batches of training patches on which batch norms are estimated anew after each cut; 0 for none.
    last_share
        Share of the fine-tuning steps that follow the last cut; the others are shared among the cuts before.
    allowed_drop
        Stop when the first validation score falls by more than this below the dense model's; the smallest model before
        is kept.
    judge_cuts
        Score each model straight after its cut as well; takes time, changes nothing.
    seed
        Of criterion ``"random"``.

    Raises
    ------
    ValueError
        If a value is out of range.
    """

    measure: str = "params"
    left: float = 0.1
    steps: int = 1
    step_ratio: float = 0.0
    schedule: str = "linear"
    criterion: str = "l2"
    decider: str = "producers"
    scope: str = "local"
    max_skip_ratio: float = 1.0
    round_to: int = 1
    min_channels: int = 1
    caps: tuple[str, ...] = ()
    recalibrate: int = 16
    last_share: float = 0.5
    allowed_drop: float = math.inf
    judge_cuts: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.measure not in _MEASURES:
            raise ValueError(f"got measure = {self.measure!r}; give one of {', '.join(_MEASURES)}")
        if not 0.0 < self.left < 1.0:
            raise ValueError(f"got left = {self.left}; give the share of the {self.measure} to keep, above 0, below 1")
        if self.schedule not in {"linear", "cubic"}:
            raise ValueError(f"got schedule = {self.schedule!r}; give 'linear' or 'cubic'")
        if not 0.0 <= self.last_share <= 1.0:
            raise ValueError(f"got last_share = {self.last_share}; give a share between 0 and 1")
        if self.steps > 1 and self.step_ratio:
            raise ValueError("got both steps and step_ratio; give one of them")
        criteria = (*CRITERIA, "taylor")
        if self.criterion not in criteria:
            raise ValueError(f"got criterion {self.criterion!r}; the criteria are {', '.join(criteria)}")
        if self.decider not in get_args(Decider):
            raise ValueError(f"got decider {self.decider!r}; the deciders are {', '.join(get_args(Decider))}")
        check_scope(self.scope)
        for name in ("allowed_drop", "recalibrate", "max_skip_ratio"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"got {name} = {getattr(self, name)}; give 0 or more")
        self.limits()
        self.targets()

    def targets(self) -> tuple[Target, ...]:
        """Return the share of the dense model to keep after each cut.

        Examples
        --------
        >>> [target.keep for target in CompressSettings(left=0.5, steps=2).targets()]
        [0.75, 0.5]
        """
        target = Target(self.measure, self.left)  # type: ignore[arg-type] # Target checks it
        if self.step_ratio:
            return fixed_steps(target, self.step_ratio)
        return linear_steps(target, self.steps) if self.schedule == "linear" else cubic_steps(target, self.steps)

    def fit_steps(self, total: int) -> Sequence[int]:
        """Share fine-tuning steps among the cuts, at least one for each.

        Examples
        --------
        >>> CompressSettings(steps=4, last_share=0.5).fit_steps(120)
        [20, 20, 20, 60]
        """
        cuts = len(self.targets())
        each = max(1, round(total * (1.0 - self.last_share) / (cuts - 1))) if cuts > 1 else 0
        return [each] * (cuts - 1) + [max(1, total - each * (cuts - 1))]

    def limits(self) -> Limits:
        """Return the limits of each cut."""
        return Limits(
            max_skip_ratio=min(self.max_skip_ratio, 1.0),
            round_to=self.round_to,
            min_channels=self.min_channels,
            caps=dict(map(parse_cap, self.caps)),
        )

    @property
    def in_scope(self) -> Scope:
        """The scope, as `pruning.choose` takes it."""
        return cast("Scope", self.scope)

    @property
    def by(self) -> Decider:
        """The decider, as `pruning.importance` takes it."""
        return cast("Decider", self.decider)
