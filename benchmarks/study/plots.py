"""Plots of the study, one per part with a panel for each set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from field_labels import label_field
from grid import Part
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from outcome import Row

ENOUGH: Final = 3
"""Fewest values that are drawn as a curve rather than as points."""

Named = Mapping[str, Mapping[str, Any]]
LINES: Final = ("--", ":")


def draw(part: Part, rows: Sequence[Row], dense: Named, sets: Sequence[str], out: Path) -> None:
    """Draw PQ of the runs of a part: as curves over a numeric factor if it has enough values, else as points.

    ``dense`` holds the results of the dense models from which the runs were cut, by name; each is drawn as a line.
    """
    axis = find_axis(rows)
    figure = Figure(figsize=(11.0, 4.4 if axis else 1.7 + 0.3 * len(rows)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, images in zip(figure.subplots(1, len(sets), sharey=not axis), sets, strict=True):
        for line, (name, result) in zip(LINES, dense.items(), strict=False):
            level = result["scores"][images]["pq"]
            (axes.axhline if axis else axes.axvline)(level, color="0.4", linestyle=line, linewidth=1.2, label=name)
        if axis:
            draw_curves(axes, rows, axis, images, next(iter(dense.values())))
        else:
            draw_points(axes, rows, images)
        axes.set_title(f"PQ on {images}, test images", fontsize=10)
        axes.grid(color="0.92", linewidth=0.7)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(7, len(handles)), frameon=False, fontsize=9)
    figure.suptitle(part.question, fontsize=11)
    figure.savefig(out, format="png")


def find_axis(rows: Sequence[Row]) -> str:
    """Return the factor on the x axis of the curves; empty if none has enough values."""
    for name in ("fit_steps", "learning_rate", "left"):
        if len({row.factors.get(name) for row in rows}) >= ENOUGH:
            return name
    return ""


def draw_curves(axes: Any, rows: Sequence[Row], axis: str, images: str, dense: Mapping[str, Any]) -> None:  # noqa: ANN401 - matplotlib is untyped
    """Draw a curve for each combination of the other factors, with standard deviations as bars."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(name_setting(row, leave_out=axis) or "compact", []).append(row)
    for number, (label, group) in enumerate(groups.items()):
        x = [100 * row.cost("params", dense) if axis == "left" else float(row.factors[axis]) for row in group]
        found = [row.score(images, "pq") for row in group]
        order = np.argsort(x)
        axes.errorbar(
            np.array(x)[order],
            np.array([one.mean for one in found])[order],
            yerr=np.array([one.deviation for one in found])[order],
            marker="o",
            markersize=4,
            linewidth=1.4,
            capsize=2,
            color=mpl.colormaps["tab10"](number % 10),
            label=label,
        )
    axes.set_xscale("log")
    axes.set_xticks(sorted({100 * row.factors[axis] if axis == "left" else row.factors[axis] for row in rows}))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("parameters left, %" if axis == "left" else label_field(axis))


def draw_points(axes: Any, rows: Sequence[Row], images: str) -> None:  # noqa: ANN401 - matplotlib is untyped
    """Draw every seed as a point and the mean as a bar, with one line per setting and the first on top."""
    for place, row in enumerate(rows):
        found = row.score(images, "pq")
        axes.plot([found.mean] * 2, [place - 0.25, place + 0.25], color="#c8553d", linewidth=2.0)
        axes.plot(found.values, [place] * len(found.values), "o", color="#2f6690", markersize=5, alpha=0.8)
    axes.set_yticks(range(len(rows)), [name_setting(row) for row in rows], fontsize=9)
    axes.set_ylim(len(rows) - 0.4, -0.6)


def name_setting(row: Row, leave_out: str = "") -> str:
    """Return the name of a setting, made from its factors."""
    texts = (
        (name, f"{value:g}" if isinstance(value, float) else str(value))
        for name, value in row.factors.items()
        if name != leave_out
    )
    return ", ".join(f"{label_field(name)} {value}" for name, value in texts)
