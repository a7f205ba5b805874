"""Measurements of the speed of cut models on this device."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from napari_pathprune.base.allocator import keep_freed_memory
from napari_pathprune.plugin.jobs.compress.speed_curve import SpeedCurve

if TYPE_CHECKING:
    from torch import nn

    from napari_pathprune.plugin.jobs.compress.cut_preview import ModelRead
    from napari_pathprune.pruning import PrunePlan

SHARES: Final = (0.4, 0.12, 0.03)
"""Shares of the MACs at which compact models are measured for predictions."""
REPEATS: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class CurveMeasured:
    """The speed of a model was measured at some sizes; an event.

    Attributes
    ----------
    source
        The model.
    curve
        The measurements so far.
    line, done, total, is_milestone
        See `base.event.Event`.
    """

    source: str
    curve: SpeedCurve
    done: int
    total: int
    line: str = ""
    is_milestone: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class CutMeasured:
    """The speed of a cut model was measured; an event.

    Attributes
    ----------
    plan
        The cut.
    macs
        Share of the MACs that it keeps.
    seconds
        Times of the dense and of the compact model for one patch.
    device
        Where they were measured, in words.
    line, done, total, is_milestone
        See `base.event.Event`.
    """

    plan: PrunePlan
    macs: float
    seconds: tuple[float, float]
    device: str
    line: str = ""
    done: int = 1
    total: int = 1
    is_milestone: bool = False


def measure_curve(read: ModelRead, device: str) -> Iterator[CurveMeasured]:
    """Measure a model and some compact ones of it, which takes seconds.

    Parameters
    ----------
    read
        The model.
    device
        As in `inference.device.find_device`.

    Yields
    ------
    CurveMeasured
        After each measurement.

    Raises
    ------
    ValueError
        If there is no such device.
    """
    from napari_pathprune.inference.device import describe_device, find_device
    from napari_pathprune.plugin.jobs.compress.cut_preview import CutSettings, preview_cut

    keep_freed_memory()
    found = find_device(device)
    curve = SpeedCurve(((1.0, 1.0),), describe_device(found))
    for done, share in enumerate(SHARES, start=1):
        preview = preview_cut(read, CutSettings("macs", share))
        dense, small = _time_both(read, preview.recipe, found, REPEATS)
        curve = curve.add(preview.macs[1] / preview.macs[0], small / dense)
        yield CurveMeasured(read.source, curve, done, len(SHARES))


def measure_cut(read: ModelRead, plan: PrunePlan, device: str) -> Iterator[CutMeasured]:
    """Measure the model cut by a plan and the dense one, in turns.

    Parameters
    ----------
    read, device
        As in `measure_curve`.
    plan
        The channels to keep.

    Yields
    ------
    CutMeasured
    """
    from napari_pathprune.inference.device import describe_device, find_device
    from napari_pathprune.pruning import cost_after

    keep_freed_memory()
    found = find_device(device)
    macs = cost_after(read.graph, plan).macs / cost_after(read.graph).macs
    yield CutMeasured(plan, macs, _time_both(read, plan, found, 2 * REPEATS + 1), describe_device(found))


def _time_both(read: ModelRead, plan: PrunePlan, device: Any, repeats: int) -> tuple[float, float]:  # noqa: ANN401 - torch is imported late
    """Return the seconds of the dense and the compact model for one patch."""
    from napari_pathprune.pruning import compact
    from napari_pathprune.pruning.costing.cost import seconds_of
    from napari_pathprune.workflows.prune.prune import make_example

    small = compact(read.model, read.graph, plan, verify=False)
    models: list[nn.Module] = [copy.deepcopy(read.model).to(device), small.to(device)]
    slow, fast = seconds_of(models, ((make_example(read.model).to(device),), {}), repeats=repeats, warmup=1)
    return slow, fast
