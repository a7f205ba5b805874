"""The runs of the study, as its config file combines them."""

from __future__ import annotations

import dataclasses
import itertools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

EVEN: Final = "even"


@dataclass(frozen=True, slots=True)
class Run:
    """One compression, or one control; see ``[defaults]`` in study.toml for what the fields mean."""

    start: str
    criterion: str
    decider: str
    measure: str
    left: float
    scope: str
    shape: str
    step_ratio: float
    max_skip_ratio: float
    round_to: int
    recalibrate: int
    teacher_share: float
    fit_steps: int
    learning_rate: float
    seed: int

    @property
    def name(self) -> str:
        """A file name that says everything."""
        parts = [
            self.start,
            self.criterion,
            self.decider,
            self.scope,
            f"{self.measure}{self.left:g}",
            f"by{self.step_ratio:g}",
            f"cap{self.max_skip_ratio:g}",
            f"round{self.round_to}",
            f"norms{self.recalibrate}",
            f"teacher{self.teacher_share:g}",
            f"steps{self.fit_steps}",
            f"rate{self.learning_rate:g}",
            f"seed{self.seed}",
        ]
        if self.shape != EVEN:  # runs from before there were shapes keep their names
            parts.insert(0, self.shape)
        return "_".join(parts)


@dataclass(frozen=True, slots=True)
class Part:
    """A question and the runs that answer it; others are compared with the first value of the factor ``against``."""

    name: str
    question: str
    factors: tuple[str, ...]
    runs: tuple[Run, ...]
    against: str


@dataclass(frozen=True, slots=True)
class Study:
    """The whole grid, the caps of each shape, and the sets that all is scored on: name, folder, images.

    ``defaults`` is the run that parts vary.
    """

    defaults: Run
    parts: tuple[Part, ...]
    shapes: Mapping[str, tuple[str, ...]]
    sets: tuple[tuple[str, str, tuple[str, ...]], ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs, each once, in order; those with the first seed come first, so that all parts are answered soon."""
        every = dict.fromkeys(run for part in self.parts for run in part.runs)
        return tuple(sorted(every, key=lambda run: run.seed))


def read_study(path: Path) -> Study:
    """Read the grid.

    Raises
    ------
    ValueError
        If a part has a key that is no field of `Run`, or compares what is no factor of it.
    """
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    defaults: dict[str, Any] = content["defaults"]
    fields = {field.name for field in dataclasses.fields(Run)}
    parts = []
    for table in content["part"]:
        told = {key: value for key, value in table.items() if key not in {"name", "question", "against"}}
        strangers = sorted(told.keys() - fields)
        if strangers:
            raise ValueError(f"{path}: part {table['name']!r} has {strangers[0]!r}; those known are {sorted(fields)}")
        factors = {key: value for key, value in told.items() if isinstance(value, list)}
        against = table.get("against", "")
        if against and against not in factors:
            raise ValueError(f"{path}: part {table['name']!r} compares {against!r}, which is no list in it")
        runs = tuple(
            Run(**{**defaults, **told, **dict(zip(factors, values, strict=True))})
            for values in itertools.product(*factors.values())
        )
        parts.append(Part(table["name"], table["question"], tuple(factors), runs, against))
    sets = tuple((one["name"], one["folder"], tuple(one["only"])) for one in content["set"])
    shapes = {name: tuple(caps) for name, caps in content["shapes"].items()}
    return Study(Run(**defaults), tuple(parts), shapes, sets)
