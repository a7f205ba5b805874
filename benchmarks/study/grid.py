"""The grid of the study: the runs that its config file combines."""

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
    """One compression or control. The fields are explained in ``[defaults]`` of study.toml."""

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
        """File name that contains all fields."""
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
        if self.shape != EVEN:  # runs that are older than the field ``shape`` keep their names
            parts.insert(0, self.shape)
        return "_".join(parts)


@dataclass(frozen=True, slots=True)
class Part:
    """A question and the runs that answer it, compared with the first value of the factor ``against``."""

    name: str
    question: str
    factors: tuple[str, ...]
    runs: tuple[Run, ...]
    against: str


@dataclass(frozen=True, slots=True)
class Study:
    """The whole grid.

    Attributes
    ----------
    defaults
        Run that the parts vary.
    parts
        Questions of the study.
    shapes
        Caps of each shape.
    sets
        Name, folder and images of each set on which all models are scored.
    """

    defaults: Run
    parts: tuple[Part, ...]
    shapes: Mapping[str, tuple[str, ...]]
    sets: tuple[tuple[str, str, tuple[str, ...]], ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs without repetitions, those with the first seed first, so that every part has an early answer."""
        every = dict.fromkeys(run for part in self.parts for run in part.runs)
        return tuple(sorted(every, key=lambda run: run.seed))


def read_study(path: Path) -> Study:
    """Read the grid from a TOML file.

    Raises
    ------
    ValueError
        If a part has a key that is not a field of `Run`, or compares by a key that is not one of its factors.
    """
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    defaults: dict[str, Any] = content["defaults"]
    fields = {field.name for field in dataclasses.fields(Run)}
    parts = []
    for table in content["part"]:
        values = {key: value for key, value in table.items() if key not in {"name", "question", "against"}}
        unknown = sorted(values.keys() - fields)
        if unknown:
            raise ValueError(f"{path}: part {table['name']!r} has {unknown[0]!r}; expected one of {sorted(fields)}")
        factors = {key: value for key, value in values.items() if isinstance(value, list)}
        against = table.get("against", "")
        if against and against not in factors:
            raise ValueError(f"{path}: part {table['name']!r} compares {against!r}, which is not a list in it")
        runs = tuple(
            Run(**{**defaults, **values, **dict(zip(factors, combination, strict=True))})
            for combination in itertools.product(*factors.values())
        )
        parts.append(Part(table["name"], table["question"], tuple(factors), runs, against))
    sets = tuple((one["name"], one["folder"], tuple(one["only"])) for one in content["set"])
    shapes = {name: tuple(caps) for name, caps in content["shapes"].items()}
    return Study(Run(**defaults), tuple(parts), shapes, sets)
