"""Settings of a compression: how much to keep, in how many stages, and by which criterion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Final, Literal, get_args

from napari_pathprune.pruning import Limits, Target
from napari_pathprune.pruning.choosing.limits import DEFAULT_LIMITS, Scope
from napari_pathprune.pruning.schedule import cubic_steps, fixed_steps, linear_steps
from napari_pathprune.pruning.scoring.criteria import CRITERIA
from napari_pathprune.pruning.scoring.deciders import Decider
from napari_pathprune.workflows.config.toml_settings import OMIT

Schedule = Literal["linear", "cubic"]
DEFAULT_TARGET: Final = Target("params", keep=0.1)


@dataclass(frozen=True, slots=True)
class CompressSettings:
    """A compression: cut, re-estimate the batch norms, fine-tune, and repeat.

    In the table ``[compress]`` of a config, the fields of `target` and `limits` stand beside the others. Groups that
    stay whole have a cap of 0 there, since ``keep`` is the share to keep.

    Attributes
    ----------
    target
        Share of the dense model to keep in the end, below 1, of its ``"params"``, ``"macs"`` or ``"channels"``, or of
        its ``"latency"``, which is measured on this machine before the first cut.
    limits
        Limits of every cut.
    scope
        ``"local"``, the same share of every group, or ``"global"``, one threshold for all groups.
    steps
        Number of cuts, with fine-tuning after each; 1 is one-shot.
    step_ratio
        Share of the dense model that each cut removes, instead of ``steps``; 0 for none. 0.05 of the channels is what
        arXiv 2404.08831 does.
    schedule
        How ``steps`` divide the cut: ``"linear"`` into equal steps, ``"cubic"`` into ever smaller ones.
    criterion
        How channels are scored: ``"l1"``, ``"l2"``, ``"bn_scale"``, ``"fpgm"``, ``"random"``, or ``"taylor"``, which
        is measured on training patches.
    decider
        Whose score counts where layers share channels: ``"producers"``, ``"mean"``, ``"sum"``, ``"max"``,
        ``"convolved"`` or ``"shortcut"``. See `pruning.importance`.
    recalibrate
        Number of batches of training patches on which batch norms are re-estimated after each cut; 0 for none.
    last_share
        Share of the fine-tuning steps that follow the last cut. The cuts before it divide the rest evenly.
    allowed_drop
        Stop when the first validation score (PQ) falls by more than this below the dense model's. The smallest model
        before that is kept.
    score_cuts
        Also score each model between its cut and its fine-tuning. Takes time and does not change the result.
    seed
        Seed of the criterion ``"random"``.
    plan
        File with the channels to keep, relative to the config, instead of a target; empty for none. A plan without a
        criterion sets the widths only.

    Raises
    ------
    ValueError
        If a value is out of range.

    Examples
    --------
    >>> CompressSettings(Target("params", keep=0.2), steps=3).target.keep
    0.2
    """

    RENAMED: ClassVar[Mapping[str, str]] = MappingProxyType({"left": "keep", "judge_cuts": "score_cuts"})
    """Old keys of ``[compress]`` and their names today."""

    target: Target = DEFAULT_TARGET
    limits: Limits = field(default=DEFAULT_LIMITS, metadata={OMIT: ("floor", "keep", "first")})
    scope: Scope = "local"
    steps: int = 1
    step_ratio: float = 0.0
    schedule: Schedule = "linear"
    criterion: str = "l2"
    decider: Decider = "producers"
    recalibrate: int = 16
    last_share: float = 0.5
    allowed_drop: float = math.inf
    score_cuts: bool = False
    seed: int = 0
    plan: str = ""

    def __post_init__(self) -> None:
        if self.target.keep == 1.0:
            raise ValueError(f"got keep = 1; expected a share of the {self.target.measure} below 1, or nothing is cut")
        for name, value, choices in (
            ("scope", self.scope, get_args(Scope)),
            ("schedule", self.schedule, get_args(Schedule)),
            ("criterion", self.criterion, (*CRITERIA, "taylor")),
            ("decider", self.decider, get_args(Decider)),
        ):
            if value not in choices:
                raise ValueError(f"got {name} {value!r}; expected one of {', '.join(choices)}")
        if not 0.0 <= self.last_share <= 1.0:
            raise ValueError(f"got last_share = {self.last_share}; expected a share from 0 to 1")
        if self.steps > 1 and self.step_ratio:
            raise ValueError("got both steps and step_ratio; expected one of them")
        for name in ("allowed_drop", "recalibrate"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"got {name} = {getattr(self, name)}; expected 0 or more")
        self.targets()

    def targets(self) -> tuple[Target, ...]:
        """Return the share of the dense model to keep after each cut.

        Examples
        --------
        >>> [target.keep for target in CompressSettings(Target("params", keep=0.5), steps=2).targets()]
        [0.75, 0.5]
        """
        if self.step_ratio:
            return fixed_steps(self.target, self.step_ratio)
        return (linear_steps if self.schedule == "linear" else cubic_steps)(self.target, self.steps)

    def divide_steps(self, total: int) -> tuple[int, ...]:
        """Divide fine-tuning steps among the cuts, with at least one step for each.

        Examples
        --------
        >>> CompressSettings(steps=4, last_share=0.5).divide_steps(120)
        (20, 20, 20, 60)
        """
        cuts = len(self.targets())
        each = max(1, round(total * (1.0 - self.last_share) / (cuts - 1))) if cuts > 1 else 0
        return *(each,) * (cuts - 1), max(1, total - each * (cuts - 1))
