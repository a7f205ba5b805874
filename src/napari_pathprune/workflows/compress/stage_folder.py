"""The folder in which a compression keeps the models of its stages, so that a stopped one goes on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.base.ledger import Ledger
from napari_pathprune.workflows.compress.compress_report import Stage

LEDGER: Final = "run.json"


class StageFolder:
    """Keep each stage's model and scores.

    Parameters
    ----------
    folder
        Made if it is not there.
    facts
        What the compression depends on, by name: JSON only.

    Raises
    ------
    ValueError
        If a compression with other facts was begun there.

    Examples
    --------
    >>> import tempfile
    >>> folder = StageFolder(Path(tempfile.mkdtemp()) / "small.stages", {"seed": 1})
    >>> folder.keep(Stage(1, 0.5, 100, 1000, {"pq": 0.5}, {}, fit_steps=9, seconds=1.5))
    >>> folder.kept(1).scores["pq"], folder.kept(2)
    (0.5, None)
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        self._folder = folder
        ledger = Ledger(folder / LEDGER, "remove the folder to start again")
        ledger.check(facts)
        if not ledger.exists:
            ledger.begin(facts)

    def model(self, number: int) -> Path:
        """Give the file of a stage's model."""
        return self._folder / f"stage-{number:02}.safetensors"

    def start(self, number: int) -> Path:
        """Give the file of what a stage is trained from: cut, its batch norms estimated anew."""
        return self._folder / f"stage-{number:02}.start.safetensors"

    def scores(self, number: int) -> Path:
        """Give the file of the scores that a stage was cut by."""
        return self._folder / f"stage-{number:02}.scores.safetensors"

    def kept(self, number: int) -> Stage | None:
        """Give a stage that is through, or None."""
        path = self._facts(number)
        return Stage(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None

    def keep(self, stage: Stage) -> None:
        """Say that a stage is through; its model must have been written."""
        _write(self._facts(stage.number), dataclasses.asdict(stage))

    def clear(self, number: int) -> None:
        """Remove what a stage that is through was trained from, and a state that a stop may have left."""
        for path in (self.start(number), *self._folder.glob(f"{self.model(number).name}.state*")):
            path.unlink(missing_ok=True)

    def _facts(self, number: int) -> Path:
        return self._folder / f"stage-{number:02}.json"


def _write(path: Path, content: Mapping[str, Any]) -> None:
    with write_atomically(path) as part:
        part.write_text(json.dumps(content, indent=1), encoding="utf-8")
