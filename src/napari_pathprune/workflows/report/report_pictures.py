"""Pictures of the report of a compression: its scores by cost, and nuclei outlined on the tissue."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_pathprune.base.score_names import score_name
from napari_pathprune.instances.palette import type_colours
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.workflows.compress.compress_report import CompressReport, Stage
from napari_pathprune.workflows.report.page import KEPT, LINE
from napari_pathprune.workflows.report.report_words import format_tick
from napari_pathprune.workflows.train.curves import scale_axis

EXAMPLE_PX: Final = 540
"""Longer side of the picture of an example, in pixels."""
_LOG_FROM: Final = 5.0
"""Ratio of the largest to the smallest cost from which its axis is logarithmic."""


def draw_score_plot(report: CompressReport) -> bytes:
    """Plot the first score of each stage against its parameters and its MACs.

    Returns
    -------
    bytes
        A PNG, 1600 px wide.
    """
    name = next(iter(report.dense.scores))
    tuned = _list_scores(report.stages, name, cut=False)
    cut = _list_scores(report.stages, name, cut=True)
    figure = Figure(figsize=(10.0, 4.4), dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    both = figure.subplots(1, 2, sharey=True)
    costs = {
        "parameters": np.array([stage.params for stage in report.stages], np.float64),
        f"MACs per patch of {report.input_px} px": np.array([stage.macs for stage in report.stages], np.float64),
    }
    for axes, (title, cost) in zip(both, costs.items(), strict=True):
        axes.vlines(cost, cut, tuned, color="0.8", linewidth=1.0, zorder=1)
        axes.plot(cost, tuned, "-o", color=LINE, linewidth=1.6, markersize=5, label="after fine-tuning", zorder=3)
        if np.isfinite(cut).any():
            axes.plot(cost, cut, "o", color="0.68", markersize=4, label="straight after the cut", zorder=2)
        axes.plot(
            cost[:1], tuned[:1], "D", color="white", markeredgecolor=LINE, markersize=9, label="dense model", zorder=4
        )
        if report.kept:
            place = slice(report.kept, report.kept + 1)
            label = f"kept (stage {report.kept})"
            axes.plot(cost[place], tuned[place], "o", color=KEPT, markersize=10, label=label, zorder=4)
        scale_axis(axes, "x", cost, format_tick, _LOG_FROM)
        axes.set_xlabel(title)
        axes.grid(color="0.92", linewidth=0.7)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    both[0].set_ylabel(score_name(name), parse_math=False)
    low, high = _find_range(tuned, cut)
    both[0].set_ylim(low, high)
    handles, labels = both[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(handles), frameon=False)
    return _encode(figure, "png")


def has_score_below_plot(report: CompressReport) -> bool:
    """Return whether a score straight after a cut is too low to be shown by `draw_score_plot`."""
    name = next(iter(report.dense.scores))
    cut = _list_scores(report.stages, name, cut=True)
    low, _ = _find_range(_list_scores(report.stages, name, cut=False), cut)
    return bool((cut[np.isfinite(cut)] < low).any())


def draw_outlines(image: NDArray[np.uint8], labels: NDArray[np.int32]) -> bytes:
    """Draw the outlines of nuclei on the tissue.

    Parameters
    ----------
    image
        (H, W, 3) uint8, RGB.
    labels
        (H, W) instance map, 0 for the background.

    Returns
    -------
    bytes
        A JPEG whose longer side has `EXAMPLE_PX` pixels.
    """
    height, width = labels.shape
    pixels = EXAMPLE_PX / max(height, width)
    figure = Figure(figsize=(max(1, round(width * pixels)) / 100, max(1, round(height * pixels)) / 100), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.imshow(image, interpolation="lanczos" if pixels > 1.0 else "antialiased", aspect="auto")
    table = InstanceTable.from_instance_map(labels)
    contours = (table.contour(row)[:, ::-1] for row in range(len(table)))
    lines = [np.concatenate([contour, contour[:1]]) for contour in contours]
    colour = f"#{bytes(type_colours(())[0]).hex()}"
    axes.add_collection(LineCollection(lines, colors=colour, linewidths=1.3))
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    axes.set_axis_off()
    return _encode(figure, "jpeg", pil_kwargs={"quality": 80, "subsampling": 0})  # thin lines keep their colour


def _list_scores(stages: Sequence[Stage], name: str, *, cut: bool) -> NDArray[np.float64]:
    return np.array([(stage.scores_cut if cut else stage.scores).get(name, np.nan) for stage in stages], np.float64)


def _find_range(tuned: NDArray[np.float64], cut: NDArray[np.float64]) -> tuple[float, float]:
    """Return the range of the score axis: all scores after fine-tuning, and as much again below for the others."""
    shown = tuned[np.isfinite(tuned)]
    if not len(shown):
        return 0.0, 1.0
    span = max(float(np.ptp(shown)), 0.05)  # so that noise does not look like a loss
    low = (float(shown.min()) + float(shown.max()) - span) / 2
    bottom = max(float(np.nanmin([low, *cut])), low - span)
    return bottom - 0.12 * span, low + 1.12 * span


def _encode(figure: Figure, kind: str, **options: Any) -> bytes:  # noqa: ANN401 - options of Pillow
    file = io.BytesIO()
    figure.savefig(file, format=kind, **options)
    return file.getvalue()
