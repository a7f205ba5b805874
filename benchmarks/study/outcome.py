"""Results of the study by part: one row per setting, with means and spreads over seeds."""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from grid import Part, Run
from numpy.typing import NDArray

SEED: Final = "seed"
RESAMPLES: Final = 4000


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and standard deviation over seeds (0 for a single one), and the values."""

    mean: float
    deviation: float
    values: tuple[float, ...]

    def text(self) -> str:
        """Return it with three decimals."""
        return f"{self.mean:.3f}" + (f" ± {self.deviation:.3f}" if len(self.values) > 1 else "")


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One setting of a part: its factors without the seed, the results of its seeds, and one of its runs."""

    factors: Mapping[str, Any]
    results: Sequence[Mapping[str, Any]]
    run: Run | None = None

    def score(self, images: str, name: str) -> Spread:
        """Return a score on one of the sets."""
        return compute_spread([result["scores"][images][name] for result in self.results])

    def cost(self, name: str, dense: Mapping[str, Any]) -> float:
        """Return the share of the dense model's ``params`` or ``macs`` that is kept."""
        return statistics.fmean(result[name] for result in self.results) / float(dense[name])


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean difference in PQ over images, with the bounds of its 95 % interval."""

    mean: float
    low: float
    high: float

    def text(self) -> str:
        """Return it with three decimals; empty if nothing could be compared."""
        return "" if math.isnan(self.mean) else f"{self.mean:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


def compare_results(
    ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]], sets: Sequence[str]
) -> Difference:
    """Compare results image by image and seed by seed, with a bootstrap over images and seeds.

    Seeds that only one side has are left out, because the seed determines the patches. Without a common seed, all
    values are nan.

    Examples
    --------
    >>> def result(seed: int, low: float) -> dict[str, Any]:
    ...     return {"run": {"seed": seed}, "scores": {"a": {"per_image": {"x": low, "y": low + 0.1}}}}
    >>> compare_results([result(0, 0.5), result(1, 0.9)], [result(0, 0.4)], ["a"]).text()
    '+0.100 (+0.100 to +0.100)'
    """
    mine, others = ({result["run"]["seed"]: result for result in results} for results in (ours, theirs))
    common = sorted(mine.keys() & others.keys())
    if not common:
        return Difference(math.nan, math.nan, math.nan)
    gained = stack_scores([mine[seed] for seed in common], sets) - stack_scores([others[seed] for seed in common], sets)
    rng = np.random.default_rng(0)
    images = rng.integers(gained.shape[1], size=(RESAMPLES, 1, gained.shape[1]))
    seeds = rng.integers(len(gained), size=(RESAMPLES, len(gained), 1))
    low, high = np.quantile(gained[seeds, images].mean(axis=(1, 2)), (0.025, 0.975))
    return Difference(float(gained.mean()), float(low), float(high))


def stack_scores(results: Sequence[Mapping[str, Any]], sets: Sequence[str]) -> NDArray[np.float64]:
    """Return PQ by result and image, (results, images)."""
    scores = [[result["scores"][name]["per_image"] for name in sets] for result in results]
    return np.array([[pq for images in one for _, pq in sorted(images.items())] for one in scores], dtype=np.float64)


def compute_spread(values: Sequence[float]) -> Spread:
    """Compute mean and standard deviation."""
    return Spread(
        statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0, tuple(map(float, values))
    )


def read_result(folder: Path, name: str) -> dict[str, Any] | None:
    """Read a result; None if it does not exist yet."""
    path = folder / f"{name}.json"
    found: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return found


def collect_rows(part: Part, folder: Path) -> Iterator[Row]:
    """Yield the rows of a part in the order of the grid; settings without results are left out."""
    names = [name for name in part.factors if name != SEED]
    groups: dict[tuple[Any, ...], list[Run]] = {}
    for run in part.runs:
        groups.setdefault(tuple(getattr(run, name) for name in names), []).append(run)
    for values, runs in groups.items():
        results = [result for run in runs if (result := read_result(folder, run.name))]
        if results:
            yield Row(dict(zip(names, values, strict=True)), results, runs[0])


def find_reference(row: Row, rows: Sequence[Row], part: Part) -> Row | None:
    """Return the row with the first value of ``part.against``, all else equal; None if it is this row or missing."""
    first = getattr(part.runs[0], part.against)
    factors = {**row.factors, part.against: first}
    found = [one for one in rows if dict(one.factors) == factors]
    return found[0] if found and row.factors[part.against] != first else None


def find_uncut(row: Row, defaults: Run, folder: Path) -> Sequence[Mapping[str, Any]]:
    """Return the result of the dense model trained for as many more steps at the same rate; empty if missing."""
    if row.run is None or row.run.left == 1.0 or row.run.start == "slim":  # the slimmed model was trained for longer
        return ()
    fit = {"fit_steps": row.run.fit_steps, "learning_rate": row.run.learning_rate}
    uncut = dataclasses.replace(defaults, start="longer" if row.run.start == "longer" else "dense", left=1.0, **fit)
    result = read_result(folder, uncut.name)
    return (result,) if result else ()
