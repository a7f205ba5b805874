"""What a run on a slide has found so far, tile by tile, so that a stopped one goes on where it was."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.base.ledger import Ledger
from napari_pathprune.inference.stitch import TileNuclei
from napari_pathprune.instances.table import InstanceTable

LEDGER: Final = "run.json"


class TileJournal:
    """Keep each tile's nuclei in a file of their own, until the run is through.

    Parameters
    ----------
    folder
        Holds nothing else; made if it is not there.
    facts
        What the run depends on: slide, region, model. JSON only.
    resume
        Go on with what a stopped run left. Without it, that is removed by `begin`.

    Raises
    ------
    ValueError
        If a run with other facts left what is there.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "tiles"
    >>> labels = np.eye(2, dtype=np.int32)
    >>> nuclei = TileNuclei((4, 6, 6, 8), labels, InstanceTable.from_instance_map(labels))
    >>> stopped = TileJournal(folder, {"slide": "a"}, resume=False)
    >>> stopped.begin(tile_px=512)
    512
    >>> stopped.keep(1, nuclei)
    >>> resumed = TileJournal(folder, {"slide": "a"}, resume=True)
    >>> resumed.begin(tile_px=900), resumed.kept(1).box
    (512, (4, 6, 6, 8))
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any], *, resume: bool) -> None:
        self.folder, self._facts = folder, dict(facts)
        self._ledger = Ledger(folder / LEDGER, "start again without resuming")
        if resume:
            self._ledger.check(self._facts)
        self._before = self._ledger.facts if resume else {}

    def begin(self, tile_px: int) -> int:
        """Make ready, and give the side of the tiles: that of the stopped run, else the one that is asked for."""
        if not self._before:
            self.close()
            self._before = {**self._facts, "tile_px": tile_px}
            self._ledger.begin(self._before)
        return int(self._before["tile_px"])

    def keep(self, number: int, nuclei: TileNuclei) -> None:
        """Keep a tile's nuclei."""
        fields = {f.name: getattr(nuclei.table, f.name) for f in dataclasses.fields(InstanceTable)}
        with write_atomically(self._path(number)) as part, part.open("wb") as file:
            np.savez_compressed(file, where=np.array(nuclei.box), labels=nuclei.labels, **fields)

    def kept(self, number: int) -> TileNuclei | None:
        """Give a tile's nuclei, or None if no run came that far."""
        if not self._path(number).exists():
            return None
        with np.load(self._path(number)) as file:
            y0, x0, y1, x1 = file["where"].tolist()
            table = InstanceTable(**{f.name: file[f.name] for f in dataclasses.fields(InstanceTable)})
            return TileNuclei((y0, x0, y1, x1), file["labels"], table)

    def close(self) -> None:
        """Remove everything: the run is through, or starts again."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npz"
