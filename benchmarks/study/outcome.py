"""The results of the study, as its parts ask for them: one row for each setting, means and spreads over seeds."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from grid import Part, Run

SEED: Final = "seed"


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
    """One setting of a part: its factors, without the seed, and the results of its seeds."""

    factors: Mapping[str, Any]
    results: Sequence[Mapping[str, Any]]

    def score(self, images: str, name: str) -> Spread:
        """Give a score on one of the sets."""
        return spread([result["scores"][images][name] for result in self.results])

    def cost(self, name: str, dense: Mapping[str, Any]) -> float:
        """Give the share that is left of the dense model's ``params`` or ``macs``."""
        return statistics.fmean(result[name] for result in self.results) / float(dense[name])


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
    groups: dict[tuple[Any, ...], list[Run]] = {}
    names = [name for name in part.factors if name != SEED]
    for run in part.runs:
        groups.setdefault(tuple(getattr(run, name) for name in names), []).append(run)
    for values, runs in groups.items():
        results = [result for run in runs if (result := read_result(folder, run.name))]
        if results:
            yield Row(dict(zip(names, values, strict=True)), results)
