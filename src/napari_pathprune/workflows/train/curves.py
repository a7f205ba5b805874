"""Curves of a training, drawn from the tables of its log."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator
from numpy.typing import NDArray

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.base.score_names import score_name

NOT_A_TERM: Final = ("phase", "step", "learning_rate", "seconds")
NOT_A_SCORE: Final = ("phase", "step", "best")
FEW: Final = 60
"""Curves of up to this number of points also have dots, since a line through one point is invisible."""


@dataclass(frozen=True, slots=True, eq=False)
class _Curves:
    """A table as arrays, (N,): the phase and the step of each row, and the other columns by name."""

    phase: tuple[str, ...]
    step: NDArray[np.int64]
    columns: Mapping[str, NDArray[np.float64]]

    def length(self, phase: str) -> int:
        """Return the largest step of a phase, 0 if the table does not have it."""
        return max((int(step) for own, step in zip(self.phase, self.step, strict=True) if own == phase), default=0)


def draw_curves(steps_csv: Path, out: Path, *, validation_csv: Path | None = None) -> None:
    r"""Draw the loss terms, the learning rate and the validation scores of a training as a PNG.

    The steps of a phase follow those of the phase before.

    Parameters
    ----------
    steps_csv
        Columns ``phase,step,learning_rate,seconds,total`` and one for each loss term; cells may be empty.
    out
        File to write; replaced only when the new picture is complete.
    validation_csv
        Columns ``phase,step``, the scores, and ``best``, which is 1 where a score was the best so far. The file may be
        missing.

    Raises
    ------
    ValueError
        If a file is not such a table, or has no steps.
    OSError
        If a file cannot be read or written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> text = "phase,step,learning_rate,seconds,total,np_ce\n1,1,0.001,0.5,2.0,1.0\n1,2,0.001,0.5,1.5,0.7\n"
    >>> _ = (folder / "steps.csv").write_text(text)
    >>> draw_curves(folder / "steps.csv", folder / "curves.png")
    >>> (folder / "curves.png").exists()
    True
    """
    steps = _read_curves(steps_csv)
    if not len(steps.step):
        raise ValueError(f"{steps_csv} holds no steps yet; draw the curves after the first step of the training")
    there = validation_csv is not None and validation_csv.exists()
    scores = _read_curves(validation_csv) if validation_csv and there else _Curves((), np.zeros(0, np.int64), {})
    scored = len(scores.step) > 0

    phases = tuple(dict.fromkeys((*steps.phase, *scores.phase)))
    ends = np.cumsum([0, *(max(steps.length(phase), scores.length(phase)) for phase in phases)])
    starts = dict(zip(phases, ends.tolist(), strict=False))

    heights = [4.2, 1.0, 2.6] if scored else [4.2, 1.0]
    figure = Figure(figsize=(10.0, 1.1 * sum(heights)), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    _draw_losses(rows[0], steps, starts)
    _draw_learning_rate(rows[1], steps, starts)
    if scored:
        _draw_scores(rows[2], scores, starts)
    for axes in rows:
        for end in ends[1:-1]:
            axes.axvline(end + 0.5, color="0.35", linewidth=0.8, zorder=1.0)
        axes.grid(color="0.92", linewidth=0.7)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    last = max(int(ends[-1]), 1)
    rows[-1].set_xlim(-0.01 * last, 1.01 * last)
    rows[-1].xaxis.set_major_locator(MaxNLocator(8, integer=True))
    rows[-1].xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    rows[-1].set_xlabel("step" if len(phases) == 1 else "step; vertical lines separate the phases")
    figure.align_ylabels(rows)
    with write_atomically(out) as part:
        figure.savefig(part, format="png")


def scale_axis(axes: Any, which: str, values: NDArray[np.float64], tick: Callable[[float], str], factor: float) -> None:  # noqa: ANN401 - matplotlib is untyped
    """Make an axis logarithmic if its values are positive and span more than a factor, and format its ticks.

    Parameters
    ----------
    axes
        Axes of matplotlib.
    which
        ``"x"`` or ``"y"``.
    values
        All values that are shown; those that are not finite are ignored.
    tick
        Function that formats a tick.
    factor
        Largest ratio of two values for a linear axis.
    """
    finite = values[np.isfinite(values)]
    positive = finite[finite > 0.0]
    axis = getattr(axes, f"{which}axis")
    if len(positive) and finite.min() >= 0.0 and positive.max() > factor * positive.min():
        axes.set(**{f"{which}scale": "log"})
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if positive.max() < 1e3 * positive.min() else (1.0,)))
        axis.set_minor_formatter("")
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))


def _read_curves(path: Path) -> _Curves:
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        names = table.fieldnames or ()
        missing = [name for name in ("phase", "step") if name not in names]
        if missing:
            raise ValueError(f"{path} has no column {missing[0]!r}; give the log of a training")
        others = [name for name in names if name not in {"phase", "step"}]
        phases, steps, values = [], [], []
        try:
            for row in table:
                phases.append(row["phase"])
                steps.append(int(row["step"]))
                values.append([_read_number(row[name]) for name in others])
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}, line {table.line_num}: {error}; give the log of a training") from error
    columns = np.array(values, np.float64).reshape(len(values), len(others)).T
    return _Curves(tuple(phases), np.array(steps, np.int64), dict(zip(others, columns, strict=True)))


def _read_number(cell: str | None) -> float:
    """Return the number in a cell; NaN, which is not drawn, if the cell is empty or not finite."""
    value = float(cell) if cell and cell.strip() else math.nan
    return value if math.isfinite(value) else math.nan


def _split_phases(curves: _Curves, starts: Mapping[str, int]) -> list[tuple[NDArray[np.int64], slice]]:
    """Return the positions on the x axis and the rows in the table of each phase."""
    turns = [i for i in range(1, len(curves.phase)) if curves.phase[i] != curves.phase[i - 1]]
    parts = [slice(a, b) for a, b in pairwise([0, *turns, len(curves.phase)])]
    return [(starts[curves.phase[part.start]] + curves.step[part], part) for part in parts]


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the running mean over a fiftieth of the curve, ignoring missing values."""
    window = np.ones(max(1, len(values) // 50))
    there = np.isfinite(values)
    sums = np.convolve(np.where(there, values, 0.0), window, mode="same")
    counts = np.convolve(there, window, mode="same")
    means: NDArray[np.float64] = np.divide(sums, counts, out=np.full(len(values), np.nan), where=counts > 0.5)
    return means


def _pick_style(number: int) -> dict[str, Any]:
    """Return the style of a line: ten colours, then the same colours with dashes."""
    return {"color": mpl.colormaps["tab10"](number % 10), "linestyle": ("-", "--", ":")[number // 10 % 3]}


def _draw_losses(axes: Any, steps: _Curves, starts: Mapping[str, int]) -> None:  # noqa: ANN401 - matplotlib is untyped
    terms = {name: values for name, values in steps.columns.items() if name not in NOT_A_TERM}
    styles = {name: _pick_style(number) for number, name in enumerate(name for name in terms if name != "total")}
    marker = "." if len(steps.step) <= FEW else ""
    pieces = _split_phases(steps, starts)
    for name, values in terms.items():
        style = styles.get(name, {"color": "0.1", "linestyle": "-"})
        for number, (x, part) in enumerate(pieces):
            # a term of zero, such as that of unknown types, would draw a line down the logarithmic axis
            shown = np.where(values[part] > 0.0, values[part], np.nan)
            axes.plot(x, shown, color=style["color"], linewidth=0.5, alpha=0.2, zorder=2)
            label = "" if number else name
            axes.plot(x, _smooth(values[part]), **style, linewidth=1.6, marker=marker, label=label, zorder=3)
    scale_axis(axes, "y", np.concatenate([np.zeros(0), *terms.values()]), "{:g}".format, 5.0)
    axes.set_ylabel("loss")
    if terms:
        axes.legend(loc="upper left", bbox_to_anchor=(1.005, 1.0), frameon=False, fontsize=9)


def _draw_learning_rate(axes: Any, steps: _Curves, starts: Mapping[str, int]) -> None:  # noqa: ANN401 - matplotlib is untyped
    rates = steps.columns.get("learning_rate", np.full(len(steps.step), np.nan))
    marker = "." if len(steps.step) <= FEW else ""
    for x, part in _split_phases(steps, starts):
        axes.plot(x, rates[part], color="0.35", linewidth=1.2, marker=marker)
    axes.set_ylim(bottom=0.0)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:g}"))
    axes.set_ylabel("learning rate", fontsize=9)


def _draw_scores(axes: Any, scores: _Curves, starts: Mapping[str, int]) -> None:  # noqa: ANN401 - matplotlib is untyped
    names = [name for name in scores.columns if name not in NOT_A_SCORE]
    pieces = _split_phases(scores, starts)
    for number, name in enumerate(names):
        for x, part in pieces:
            axes.plot(
                x,
                scores.columns[name][part],
                **_pick_style(number),
                linewidth=1.5,
                marker="." if len(scores.step) <= FEW else "",
                label="" if part.start else score_name(name),
            )
    best = scores.columns.get("best", np.zeros(0)) > 0.0
    if names and best.any():
        # Several scores were the best so far at their time; the last one of a phase belongs to the model it ended with.
        rows = [part.start + int(np.flatnonzero(best[part])[-1]) for _, part in pieces if best[part].any()]
        x = np.concatenate([x for x, _ in pieces])[rows]
        axes.plot(x, scores.columns[names[0]][rows], "*", color="black", markersize=11, label="best", zorder=4)
    axes.set_ylabel("validation")
    if names:
        axes.legend(loc="upper left", bbox_to_anchor=(1.005, 1.0), frameon=False, fontsize=9)
