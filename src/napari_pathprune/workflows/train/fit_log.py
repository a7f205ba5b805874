"""Log of a training next to its model: tables of steps, validations and images, and TensorBoard if installed."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from napari_pathprune.base.atomic import open_to_append, write_atomically
from napari_pathprune.training.fit_events import FitEvent, StepDone, Validated

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

STEPS: Final = ".log.csv"
VALIDATIONS: Final = ".validation.csv"
IMAGES: Final = ".images.csv"
BOARD: Final = ".tensorboard"


class FitLog:
    """Log of every step and validation.

    Rows of an earlier run are kept up to the step where this one resumes, so that the log of a resumed training equals
    that of an uninterrupted one.

    Parameters
    ----------
    model
        The model file. For ``model.safetensors`` the tables are ``model.log.csv``, ``model.validation.csv`` and
        ``model.images.csv``.
    training, validation
        Names of the training images and of the validation images.

    Examples
    --------
    >>> import tempfile
    >>> model = Path(tempfile.mkdtemp()) / "model.safetensors"
    >>> log = FitLog(model)
    >>> log.write(1, StepDone(1, 9, {"np_ce": 0.5, "hv_mse": 0.25}, learning_rate=0.001, seconds=2.0))
    >>> print(log.steps.read_text().strip())
    phase,step,learning_rate,seconds,total,np_ce,hv_mse
    1,1,0.001,2.000,0.75,0.5,0.25
    """

    def __init__(self, model: Path, training: Sequence[str] = (), validation: Sequence[str] = ()) -> None:
        self.steps, self.validations = (model.with_name(model.stem + ending) for ending in (STEPS, VALIDATIONS))
        self._images, self._names = model.with_name(model.stem + IMAGES), (training, validation)
        self._started: set[Path] = set()
        self._folder = model.with_name(model.stem + BOARD)

    def write(self, phase: int, event: FitEvent) -> None:
        """Add an event of a phase, counted from 1; other events than steps and validations are ignored."""
        if self._images not in self._started:  # not before the first event, when the run is known not to be refused
            self._started.add(self._images)
            self._write_images(*self._names)
        match event:
            case StepDone(step=step, losses=losses, learning_rate=rate, seconds=seconds):
                row = {"learning_rate": f"{rate:.6g}", "seconds": f"{seconds:.3f}"}
                values = {"total": sum(losses.values()), **losses}
                self._add(self.steps, phase, step, row | {name: f"{value:.6g}" for name, value in values.items()})
                self._show(phase, step, {f"loss/{name}": value for name, value in values.items()})
            case Validated(step=step, scores=scores, best=best):
                row = {name: f"{value:.6g}" for name, value in scores.items()} | {"best": str(int(best))}
                self._add(self.validations, phase, step, row)
                self._show(phase, step, {f"validation/{name}": value for name, value in scores.items()})

    def _write_images(self, training: Sequence[str], validation: Sequence[str]) -> None:
        with write_atomically(self._images) as part, part.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerows([("image", "use"), *((name, "training") for name in training)])
            rows.writerows((name, "validation") for name in validation)

    def _add(self, path: Path, phase: int, step: int, row: Mapping[str, str]) -> None:
        columns = ["phase", "step", *row]
        if path not in self._started:
            self._started.add(path)
            kept = [old for old in _read_rows(path, columns) if (int(old["phase"]), int(old["step"])) < (phase, step)]
            with write_atomically(path) as part, part.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, columns, lineterminator="\n")
                writer.writeheader()
                writer.writerows(kept)
        with open_to_append(path) as file:
            csv.DictWriter(file, columns, lineterminator="\n").writerow({"phase": phase, "step": step, **row})

    def _show(self, phase: int, step: int, values: Mapping[str, float]) -> None:
        if self._board is not None:  # opened when needed: of several processes only the first one writes
            for name, value in values.items():
                self._board.add_scalar(f"phase {phase}/{name}", value, step)

    @cached_property
    def _board(self) -> SummaryWriter | None:
        return _open_board(self._folder)


def _read_rows(path: Path, columns: list[str]) -> list[dict[str, str]]:
    """Return the rows of an earlier run; none if its columns differ."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        return list(reader) if reader.fieldnames == columns else []


def _open_board(folder: Path) -> SummaryWriter | None:
    if find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - optional, and slow to import

    return SummaryWriter(str(folder))
