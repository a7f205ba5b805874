"""The results of the study, as its parts ask for them: one row for each setting, means and spreads over seeds."""

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
    """Mean of some seeds, their standard deviation (0 for one), and the values."""

    mean: float
    deviation: float
    values: tuple[float, ...]

    def text(self) -> str:
        """Write it with three digits."""
        return f"{self.mean:.3f}" + (f" ± {self.deviation:.3f}" if len(self.values) > 1 else "")


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One setting of a part: its factors, without the seed, the results of its seeds, and one of the runs."""

    factors: Mapping[str, Any]
    results: Sequence[Mapping[str, Any]]
    run: Run | None = None

    def score(self, images: str, name: str) -> Spread:
        """Give a score on one of the sets."""
        return spread([result["scores"][images][name] for result in self.results])

    def cost(self, name: str, dense: Mapping[str, Any]) -> float:
        """Give the share that is left of the dense model's ``params`` or ``macs``."""
        return statistics.fmean(result[name] for result in self.results) / float(dense[name])


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean difference in PQ over images, with the bounds of its 95 % interval."""

    mean: float
    low: float
    high: float

    def text(self) -> str:
        """Write it with three digits; nothing where nothing could be compared."""
        return "" if math.isnan(self.mean) else f"{self.mean:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


def difference(
    ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]], sets: Sequence[str]
) -> Difference:
    """Compare results image by image over the sets, seed by seed, by a bootstrap over images and over seeds.

    Seeds that only one side has are left out, since with a seed go the patches; none in common gives nan.

    Examples
    --------
    >>> def result(seed: int, low: float) -> dict[str, Any]:
    ...     return {"run": {"seed": seed}, "scores": {"a": {"per_image": {"x": low, "y": low + 0.1}}}}
    >>> difference([result(0, 0.5), result(1, 0.9)], [result(0, 0.4)], ["a"]).text()
    '+0.100 (+0.100 to +0.100)'
    """
    mine, others = ({result["run"]["seed"]: result for result in results} for results in (ours, theirs))
    both = sorted(mine.keys() & others.keys())
    if not both:
        return Difference(math.nan, math.nan, math.nan)
    gained = per_image([mine[seed] for seed in both], sets) - per_image([others[seed] for seed in both], sets)
    rng = np.random.default_rng(0)
    images = rng.integers(gained.shape[1], size=(RESAMPLES, 1, gained.shape[1]))
    seeds = rng.integers(len(gained), size=(RESAMPLES, len(gained), 1))
    low, high = np.quantile(gained[seeds, images].mean(axis=(1, 2)), (0.025, 0.975))
    return Difference(float(gained.mean()), float(low), float(high))


def per_image(results: Sequence[Mapping[str, Any]], sets: Sequence[str]) -> NDArray[np.float64]:
    """Give PQ by result and image."""
    scores = [[result["scores"][name]["per_image"] for name in sets] for result in results]
    return np.array([[pq for images in one for _, pq in sorted(images.items())] for one in scores], dtype=np.float64)


def spread(values: Sequence[float]) -> Spread:
    """Give mean and standard deviation."""
    return Spread(
        statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0, tuple(map(float, values))
    )


def read_result(folder: Path, name: str) -> dict[str, Any] | None:
    """Read a result; None if there is none yet."""
    path = folder / f"{name}.json"
    found: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return found


def rows_of(part: Part, folder: Path) -> Iterator[Row]:
    """Give the rows of a part in the order of the grid; settings without a result yet are left out."""
    names = [name for name in part.factors if name != SEED]
    groups: dict[tuple[Any, ...], list[Run]] = {}
    for run in part.runs:
        groups.setdefault(tuple(getattr(run, name) for name in names), []).append(run)
    for values, runs in groups.items():
        results = [result for run in runs if (result := read_result(folder, run.name))]
        if results:
            yield Row(dict(zip(names, values, strict=True)), results, runs[0])


def reference(row: Row, rows: Sequence[Row], part: Part) -> Row | None:
    """Give the row that has the first value of a factor, all else the same; None if it is this one, or not there."""
    first = getattr(part.runs[0], part.against)
    wanted = {**row.factors, part.against: first}
    found = [one for one in rows if dict(one.factors) == wanted]
    return found[0] if found and row.factors[part.against] != first else None


def trained_on(row: Row, defaults: Run, folder: Path) -> Sequence[Mapping[str, Any]]:
    """Give the result of the dense model trained on for as long, at the same rate; empty if there is none."""
    if row.run is None or row.run.left == 1.0 or row.run.start == "slim":  # the slimmed model was trained for longer
        return ()
    told = {"fit_steps": row.run.fit_steps, "learning_rate": row.run.learning_rate}
    uncut = dataclasses.replace(defaults, start="longer" if row.run.start == "longer" else "dense", left=1.0, **told)
    result = read_result(folder, uncut.name)
    return (result,) if result else ()
