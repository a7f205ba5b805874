"""What a run on a slide has found so far, tile by tile, so that a stopped one goes on where it was."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from napari_pathprune.base.atomic import whole_file
from napari_pathprune.inference.stitch import TileNuclei
from napari_pathprune.instances.table import InstanceTable

FACTS: Final = "run.json"


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
        path = folder / FACTS
        self._before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if resume and path.exists() else {}
        for name, value in self._facts.items():
            if self._before and self._before.get(name) != value:
                raise ValueError(
                    f"the stopped run had {name} {self._before.get(name)!r}, this one has {value!r}: "
                    "give the same as before, or start again without resuming"
                )

    def begin(self, tile_px: int) -> int:
        """Make ready, and give the side of the tiles: that of the stopped run, else the one that is asked for."""
        if not self._before:
            self.close()
            self.folder.mkdir(parents=True, exist_ok=True)
            self._before = {**self._facts, "tile_px": tile_px}
            with whole_file(self.folder / FACTS) as part:
                part.write_text(json.dumps(self._before), encoding="utf-8")
        return int(self._before["tile_px"])

    def keep(self, number: int, nuclei: TileNuclei) -> None:
        """Keep a tile's nuclei."""
        fields = {f.name: getattr(nuclei.table, f.name) for f in dataclasses.fields(InstanceTable)}
        with whole_file(self._path(number)) as part, part.open("wb") as file:
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
