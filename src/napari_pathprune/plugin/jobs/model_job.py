"""The workflows of the Model dock: describe a model, measure its speed, rename its types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pathprune.base.allocator import keep_freed_memory
from napari_pathprune.base.event import Event

if TYPE_CHECKING:
    from napari_pathprune.workflows.info.measure_speed import Speed
    from napari_pathprune.workflows.info.model_info import Description


@dataclass(frozen=True, slots=True, eq=False)
class ModelStep:
    """The end of one of these workflows.

    Attributes
    ----------
    source
        The model, as in `ShelfModel.source`.
    line, done, total, is_milestone
        See `base.event.Event`.
    """

    source: str
    line: str = ""
    done: int = 1
    total: int | None = 1
    is_milestone: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class ModelDescribed(ModelStep):
    """A model was read and traced."""

    description: Description | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SpeedMeasured(ModelStep):
    """The speed of a model was measured."""

    speed: Speed | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TypesRenamed(ModelStep):
    """A model with other names for its types was written; `source` is the new file."""


def describe_model(source: str) -> Iterator[Event]:
    """Read and trace a model. torch is imported here, in the worker's thread.

    Yields
    ------
    ModelDescribed

    Raises
    ------
    ValueError
        If the model cannot be read.
    """
    from napari_pathprune.workflows.info.model_info import describe

    yield ModelDescribed(source, description=describe(source))


def measure_model(source: str, device: str) -> Iterator[Event]:
    """Measure the speed of a model on this machine, which takes seconds.

    Yields
    ------
    SpeedMeasured

    Raises
    ------
    ValueError
        If the model cannot be read or has no pixel size, or there is no such device.
    """
    from napari_pathprune.workflows.checkpoint import load
    from napari_pathprune.workflows.info.measure_speed import measure_speed

    keep_freed_memory()
    yield SpeedMeasured(source, speed=measure_speed(load(source), device))


def save_renamed(source: str, names: Sequence[str], out: Path) -> Iterator[Event]:
    """Write a model with other names for its types.

    Yields
    ------
    TypesRenamed

    Raises
    ------
    ValueError
        If the file exists, or a name is missing or occurs twice.
    """
    from napari_pathprune.workflows.info.rename_types import rename_types

    rename_types(source, names, out)
    yield TypesRenamed(str(out), f"Saved {out.name}.")
