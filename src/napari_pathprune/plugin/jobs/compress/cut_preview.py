"""What a cut would leave of a model, computed within milliseconds once the model has been read.

torch is imported by `read_model`, in a worker's thread; the other functions run after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from napari_pathprune.pruning import ChannelGraph, PrunePlan
    from napari_pathprune.pruning.scoring.importance import Scores
    from napari_pathprune.workflows.checkpoint import Checkpoint
    from napari_pathprune.workflows.info.model_info import GroupWidth

MEASURES: Final[Mapping[str, str]] = MappingProxyType(
    {"params": "parameters", "macs": "MACs (computation)", "channels": "channels"}
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
        "producers": "mean of the layers that make them",
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
        As in `pruning.Target`.
    criterion, decider
        As in `pruning.importance`.
    max_skip_ratio, round_to
        As in `pruning.Limits`.
    whole
        Names of channel groups that stay whole.
    """

    measure: str = "params"
    keep: float = 0.1
    criterion: str = "l2"
    decider: str = "producers"
    max_skip_ratio: float = 1.0
    round_to: int = 1
    whole: tuple[str, ...] = ()


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
        Where a training runs: "CPU", "MPS", or the name of a GPU.
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
    plan
        The channels to keep; None for a criterion that needs training images.
    """

    params: tuple[int, int]
    macs: tuple[int, int]
    widths: tuple[GroupWidth, ...]
    plan: PrunePlan | None


def read_model(source: str) -> Iterator[ModelRead]:
    """Read a model, trace its channel groups and score them. Takes seconds, and imports torch.

    Parameters
    ----------
    source
        File or packaged name.

    Yields
    ------
    ModelRead

    Raises
    ------
    ValueError
        If the model cannot be read.
    """
    from napari_pathprune.pruning import trace
    from napari_pathprune.workflows.checkpoint import load
    from napari_pathprune.workflows.prune.prune import make_example

    checkpoint = load(source)
    model = checkpoint.model()
    read = ModelRead(source, checkpoint, model, trace(model, make_example(model)), find_device_name())
    _score(read, "l2", "producers")
    yield read


def find_device_name() -> str:
    """Return the name of the device that trainings and segmentations choose by themselves."""
    import torch

    from napari_pathprune.inference.device import find_device

    kind = find_device("auto").type
    return torch.cuda.get_device_name() if kind == "cuda" else kind.upper()


def preview_cut(read: ModelRead, settings: CutSettings) -> CutPreview:
    """Return what a cut would leave, without cutting anything. Takes less than 50 ms for the packaged models.

    Parameters
    ----------
    read
        The model. Scores of a criterion that is new to it are added.
    settings
        The cut.

    Raises
    ------
    ValueError
        If the target is out of reach under the limits, or criterion and decider do not go together.
    """
    import torch

    from napari_pathprune.pruning import Limits, Target, choose, cost_after
    from napari_pathprune.workflows.info.model_info import GroupWidth

    graph, needs_images = read.graph, settings.criterion == NEEDS_IMAGES
    # at the same share of every group, the number of channels does not depend on the scores
    scores = (
        {group.name: torch.ones(group.width) for group in graph.prunable}
        if needs_images
        else _score(read, settings.criterion, settings.decider)
    )
    limits = Limits(
        max_skip_ratio=settings.max_skip_ratio, round_to=settings.round_to, caps=dict.fromkeys(settings.whole, 0.0)
    )
    target = Target(settings.measure, settings.keep)  # type: ignore[arg-type]
    plan = choose(graph, scores, target=target, limits=limits, criterion=settings.criterion)
    dense, small = cost_after(graph), cost_after(graph, plan)
    widths = tuple(
        GroupWidth(group.name, group.kind, len(plan.keep[group.name]), group.width, group.splits, len(group.members))
        for group in graph.prunable
    )
    return CutPreview((dense.params, small.params), (dense.macs, small.macs), widths, None if needs_images else plan)


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
