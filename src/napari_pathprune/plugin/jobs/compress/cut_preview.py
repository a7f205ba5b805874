"""What a cut would leave of a model, computed within milliseconds once the model has been read.

torch is imported by `read_model`, in a worker's thread; the other functions run after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from napari_pathprune.plugin.jobs.compress.speed_curve import SpeedCurve
    from napari_pathprune.pruning import ChannelGraph, Limits, PrunePlan, Target
    from napari_pathprune.pruning.scoring.importance import Scores
    from napari_pathprune.workflows.checkpoint import Checkpoint
    from napari_pathprune.workflows.info.model_info import GroupWidth

MEASURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "params": "parameters",
        "macs": "MACs (computation)",
        "latency": "time on this device",
        "channels": "channels",
    }
)
"""What the target of a cut is measured in, with its name for people."""
CRITERIA: Final[Mapping[str, str]] = MappingProxyType(
    {
        "l2": "L2 norm of the weights",
        "l1": "L1 norm of the weights",
        "bn_scale": "scale of the batch norms",
        "fpgm": "distance to the other filters (FPGM)",
        "taylor": "effect on the loss (Taylor)",
        "random": "random",
    }
)
DECIDERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "producers": "mean of producers",
        "mean": "mean of all layers",
        "sum": "sum over all layers",
        "max": "largest of all layers",
        "convolved": "convolved filters",
        "shortcut": "shortcut filters",
    }
)
NEEDS_IMAGES: Final = "taylor"
"""The criterion that is measured on training images; without them it has no scores to preview."""


@dataclass(frozen=True, slots=True)
class CutSettings:
    """How much of a model to keep, and which channels.

    Attributes
    ----------
    measure, keep
        As in `pruning.Target`. A share of the time is reached by the share of the MACs that a `SpeedCurve` predicts.
    criterion, decider
        As in `pruning.importance`.
    max_skip_ratio, round_to
        As in `pruning.Limits`.
    whole
        Names of channel groups that stay whole.
    widths
        Names of channel groups that are set by hand, and the number of channels of each.
    """

    measure: str = "params"
    keep: float = 0.1
    criterion: str = "l2"
    decider: str = "producers"
    max_skip_ratio: float = 1.0
    round_to: int = 1
    whole: tuple[str, ...] = ()
    widths: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ModelRead:
    """A model, ready for previews. It is an event: the result of `read_model`.

    Attributes
    ----------
    source
        File or packaged name of the model.
    checkpoint, model, graph
        The model as a checkpoint, as a module, and its channel graph.
    device
        Where a training runs, and why there.
    scores
        Scores of the channels by criterion and decider, filled by `preview_cut`.
    line, done, total, is_milestone
        See `base.event.Event`.
    """

    source: str
    checkpoint: Checkpoint
    model: Any
    graph: ChannelGraph
    device: str
    scores: dict[tuple[str, str], Scores] = field(default_factory=dict)
    line: str = ""
    done: int = 1
    total: int | None = 1
    is_milestone: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class CutPreview:
    """What a cut would leave.

    Attributes
    ----------
    params, macs
        Pairs: of the dense model, and after the cut. MACs are those of one patch.
    widths
        Channel groups that can be cut, in the order of execution.
    recipe
        The widths as a plan: the channels to keep, or, without a criterion, their numbers only.
    """

    params: tuple[int, int]
    macs: tuple[int, int]
    widths: tuple[GroupWidth, ...]
    recipe: PrunePlan

    @property
    def plan(self) -> PrunePlan | None:
        """The channels to keep; None for a criterion that needs training images."""
        return self.recipe if self.recipe.criterion else None


def read_model(source: str, device: str = "auto") -> Iterator[ModelRead]:
    """Read a model, trace its channel groups and score them. Takes seconds, and imports torch.

    Parameters
    ----------
    source
        File or packaged name.
    device
        Where a training will run: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.

    Yields
    ------
    ModelRead

    Raises
    ------
    ValueError
        If the model cannot be read, or there is no such device.
    """
    from napari_pathprune.pruning import trace
    from napari_pathprune.workflows.checkpoint import load
    from napari_pathprune.workflows.prune.prune import make_example

    checkpoint = load(source)
    model = checkpoint.model()
    read = ModelRead(source, checkpoint, model, trace(model, make_example(model)), explain_device(device))
    _score(read, "l2", "producers")
    yield read


def explain_device(device: str) -> str:
    """Return where trainings run, and why there, as the end of a sentence.

    Parameters
    ----------
    device
        The device that Preferences name.

    Raises
    ------
    ValueError
        If there is no such device.

    Examples
    --------
    >>> explain_device("cpu").partition(", ")[0], explain_device("cpu").rpartition(": ")[2]
    ('CPU', 'chosen in Preferences')
    """
    from napari_pathprune.inference.device import describe_device, find_device

    found = find_device(device)
    if device != "auto":
        why = "chosen in Preferences"
    elif found.type == "cpu":
        why = "no GPU (CUDA or MPS) was found"
    else:
        why = f"the fastest device here ({found.type.upper()})"
    return f"{describe_device(found)}: {why}"


def preview_cut(read: ModelRead, settings: CutSettings, curve: SpeedCurve | None = None) -> CutPreview:
    """Return what a cut would leave, without cutting anything. Takes less than 50 ms for the packaged models.

    Parameters
    ----------
    read
        The model. Scores of a criterion that is new to it are added.
    settings
        The cut.
    curve
        Speed of the model, for a share of the time.

    Raises
    ------
    ValueError
        If the target is out of reach under the limits, criterion and decider do not go together, or the speed that a
        target needs is not known yet.
    """
    import torch

    from napari_pathprune.pruning import Limits, Target, cost_after
    from napari_pathprune.workflows.info.model_info import GroupWidth

    graph, needs_images = read.graph, settings.criterion == NEEDS_IMAGES
    # at the same share of every group, the number of channels does not depend on the scores
    scores = (
        {group.name: torch.ones(group.width) for group in graph.prunable}
        if needs_images
        else _score(read, settings.criterion, settings.decider)
    )
    fixed = dict(settings.widths)
    caps = dict.fromkeys((*settings.whole, *fixed), 0.0)
    limits = Limits(max_skip_ratio=settings.max_skip_ratio, round_to=settings.round_to, caps=caps)
    measure, keep = settings.measure, settings.keep
    if measure == "latency":
        if curve is None:
            raise ValueError("The speed of the model is being measured ...")
        measure, keep = "macs", min(curve.find_macs(keep), 1.0)
    target = Target(measure, keep)  # type: ignore[arg-type]
    plan = _choose(graph, scores, target, limits, fixed)
    plan = replace(plan, criterion="" if needs_images else settings.criterion)
    dense, small = cost_after(graph), cost_after(graph, plan)
    widths = tuple(
        GroupWidth(group.name, group.kind, len(plan.keep[group.name]), group.width, group.splits, len(group.members))
        for group in graph.prunable
    )
    return CutPreview((dense.params, small.params), (dense.macs, small.macs), widths, plan)


def _choose(graph: ChannelGraph, scores: Scores, target: Target, limits: Limits, fixed: Mapping[str, int]) -> PrunePlan:
    """Choose the channels that stay; groups that are set by hand are cut first, and the others make up the target."""
    from napari_pathprune.pruning import PrunePlan, choose, compose
    from napari_pathprune.pruning.choosing.best_channels import best_channels

    keep = {name: best_channels(scores[name], count, graph.group(name).splits) for name, count in fixed.items()}
    if not keep:
        return choose(graph, scores, target=target, limits=limits)
    left = {name: own[list(keep[name])] if name in keep else own for name, own in scores.items()}
    rest = choose(graph.after(keep), left, target=target, limits=limits, dense=graph)
    return compose(PrunePlan(keep, graph.fingerprint()), rest)


def cut_model(read: ModelRead, plan: PrunePlan) -> Checkpoint:
    """Return the model cut by a plan, neither fine-tuned nor checked against the dense one."""
    from napari_pathprune.pruning import compact

    return read.checkpoint.with_step(compact(read.model, read.graph, plan, verify=False).state_dict(), {"step": "cut"})


def _score(read: ModelRead, criterion: str, decider: str) -> Scores:
    from napari_pathprune.pruning import importance

    key = criterion, decider
    if key not in read.scores:
        read.scores[key] = importance(read.model, read.graph, criterion, decider=decider)  # type: ignore[arg-type]
    return read.scores[key]
