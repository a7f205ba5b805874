"""The folder in which a compression keeps the models of its stages, so that a stopped one can resume."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.base.ledger import Ledger
from napari_pathprune.pruning import PrunePlan
from napari_pathprune.workflows.compress.compress_report import Stage
from napari_pathprune.workflows.config.compress_settings import CompressSettings
from napari_pathprune.workflows.config.toml_settings import make_settings, make_table

LEDGER: Final = "ledger.json"
OLD_LEDGER: Final = "run.json"
"""Name that the ledger had before."""
PLAN: Final = "plan.json"
"""The plan of a compression that has one from its start."""


class StageFolder:
    """The models and figures of the stages.

    Parameters
    ----------
    folder
        Created if it does not exist.
    facts
        What the compression depends on, by name; JSON values only.

    Raises
    ------
    ValueError
        If the folder holds a compression that depends on other facts.

    Examples
    --------
    >>> import tempfile
    >>> folder = StageFolder(Path(tempfile.mkdtemp()) / "small.stages", {"seed": 1})
    >>> folder.write_stage(Stage(1, 0.5, 100, 1000, {"pq": 0.5}, {}, fit_steps=9, seconds=1.5))
    >>> folder.read_stage(1).scores["pq"], folder.read_stage(2)
    (0.5, None)
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        self._folder = folder
        ledger = Ledger(folder / LEDGER, "remove the folder to start again")
        _update_ledger(ledger)
        ledger.check(facts)
        if not ledger.exists:
            ledger.begin(facts)

    def model_path(self, number: int) -> Path:
        """Return the path of a stage's model."""
        return self._folder / f"stage-{number:02}.safetensors"

    def start_path(self, number: int) -> Path:
        """Return the path of the model that a stage fine-tunes: cut, with re-estimated batch norms."""
        return self._folder / f"stage-{number:02}.start.safetensors"

    def scores_path(self, number: int) -> Path:
        """Return the path of the channel scores that a stage was cut by."""
        return self._folder / f"stage-{number:02}.scores.safetensors"

    def read_stage(self, number: int) -> Stage | None:
        """Return the figures of a finished stage, or None if it has not finished."""
        path = self._stage_path(number)
        return Stage(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None

    def write_stage(self, stage: Stage) -> None:
        """Record that a stage has finished; its model must have been written."""
        with write_atomically(self._stage_path(stage.number)) as part:
            part.write_text(json.dumps(dataclasses.asdict(stage), indent=1), encoding="utf-8")

    def write_plan(self, plan: PrunePlan) -> None:
        """Keep the plan that the cuts lead to, so that a stopped compression goes on with it."""
        with write_atomically(self._folder / PLAN) as part:
            part.write_text(plan.to_json(), encoding="utf-8")

    def remove_leftovers(self, number: int) -> None:
        """Remove the start of a finished stage, and a training state that a stop may have left."""
        for path in (self.start_path(number), *self._folder.glob(f"{self.model_path(number).name}.state*")):
            path.unlink(missing_ok=True)

    def _stage_path(self, number: int) -> Path:
        return self._folder / f"stage-{number:02}.json"


def _update_ledger(ledger: Ledger) -> None:
    """Convert the ledger of a compression that an earlier version stopped."""
    old = Ledger(ledger.path.with_name(OLD_LEDGER), "remove the folder to start again")
    if ledger.exists or not old.exists:
        return
    facts = old.facts
    settings = make_table(make_settings(CompressSettings, facts.get("compress", {}), old.path))
    ledger.begin(facts | {"compress": {name: settings[name] for name in settings if name != "allowed_drop"}})
    old.path.unlink()
