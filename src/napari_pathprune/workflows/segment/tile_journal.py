"""The finished tiles of a run on a slide, stored so that a stopped run can resume."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.base.ledger import Ledger
from napari_pathprune.inference.stitch import TileNuclei
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.workflows.segment.run_facts import EARLIER

LEDGER: Final = "ledger.json"
OLD_LEDGER: Final = "run.json"
"""Name of the ledger before release 0.1.0; its content was the same."""
LARGEST_TILE_PX: Final = 65536
_OWN: Final = re.compile(r"[0-9]{6,}\.npz|ledger\.json|run\.json|\..*\.part")
"""Names of the files that a journal writes; others are never removed."""


class TileJournal:
    """The nuclei of each finished tile, in a file of its own until the run has finished.

    Parameters
    ----------
    folder
        Holds nothing else; `begin` creates it.
    facts
        What the run depends on: slide, region, model. Values that JSON can hold.
    resume
        Whether to resume a stopped run. Otherwise `begin` removes what it left.

    Raises
    ------
    ValueError
        If a run with other facts was stopped here, or the folder is a link.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "tiles"
    >>> labels = np.eye(2, dtype=np.int32)
    >>> nuclei = TileNuclei((4, 6, 6, 8), labels, InstanceTable.from_instance_map(labels))
    >>> stopped = TileJournal(folder, {"slide": "a"}, resume=False)
    >>> stopped.begin(tile_px=512)
    512
    >>> stopped.write(1, nuclei)
    >>> resumed = TileJournal(folder, {"slide": "a"}, resume=True)
    >>> resumed.begin(tile_px=900), resumed.read(1).box
    (512, (4, 6, 6, 8))
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any], *, resume: bool) -> None:
        if folder.is_symlink():
            raise ValueError(f"{folder} is a link, and nothing is written through links; remove it")
        self.folder, self._facts = folder, dict(facts)
        remedy = "start again without resuming"
        old, self._ledger = Ledger(folder / OLD_LEDGER, remedy), Ledger(folder / LEDGER, remedy)
        before = old if old.exists and not self._ledger.exists else self._ledger
        if resume:
            before.check(self._facts, EARLIER)
        self._before = before.facts if resume else {}
        if self._before and not _is_side(self._before.get("tile_px")):
            raise ValueError(f"{before.path} is damaged: {remedy}")

    def begin(self, tile_px: int) -> int:
        """Prepare the folder, and return the side of the tiles in pixels.

        Parameters
        ----------
        tile_px
            Side for a new run; a resumed run keeps the side that it had.
        """
        if not self._before:
            self.remove()
            self._before = {**self._facts, "tile_px": tile_px}
            self._ledger.begin(self._before)
        return int(self._before["tile_px"])

    def write(self, number: int, nuclei: TileNuclei) -> None:
        """Store the nuclei of a tile."""
        fields: dict[str, Any] = {f.name: getattr(nuclei.table, f.name) for f in dataclasses.fields(InstanceTable)}
        with write_atomically(self._path(number)) as part, part.open("wb") as file:
            fields |= {"where": np.array(nuclei.box), "labels": nuclei.labels, "dropped": np.array(nuclei.dropped)}
            fields["damaged"] = np.array(sorted(nuclei.damaged), np.int64).reshape(-1, 4)
            np.savez_compressed(file, **fields)

    def read(self, number: int) -> TileNuclei | None:
        """Return the nuclei of a tile, or None if the tile is not finished or its file is damaged."""
        try:
            with self._path(number).open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                y0, x0, y1, x1 = file["where"].tolist()
                table = InstanceTable(**{f.name: file[f.name] for f in dataclasses.fields(InstanceTable)})
                dropped = int(file["dropped"]) if "dropped" in file else 0  # tiles of earlier versions lack it
                damaged = frozenset(map(tuple, file["damaged"].tolist() if "damaged" in file else []))
                nuclei = TileNuclei((y0, x0, y1, x1), file["labels"], table, dropped, damaged)
        except Exception:  # noqa: BLE001 - a damaged file can raise anything; the tile is segmented again
            return None
        return nuclei if _is_sound(nuclei) else None

    def remove(self) -> None:
        """Remove the files of the journal, and the folder if nothing else is in it.

        Called after the run has finished, or before it starts again.
        """
        if not self.folder.is_dir() or self.folder.is_symlink():
            return
        for path in self.folder.iterdir():
            if _OWN.fullmatch(path.name) and not path.is_dir():
                path.unlink(missing_ok=True)
        with suppress(OSError):  # files of somebody else stay
            self.folder.rmdir()

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npz"


def _is_side(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_TILE_PX


def _is_sound(nuclei: TileNuclei) -> bool:
    """Return whether the labels have the shape of their box, and the table describes exactly the nuclei in them."""
    y0, x0, y1, x1 = nuclei.box
    labels, ids = nuclei.labels, nuclei.table.id
    if labels.shape != (y1 - y0, x1 - x0) or labels.dtype != np.int32:
        return False
    columns = (nuclei.table.y, nuclei.table.x, nuclei.table.box, nuclei.table.area, nuclei.table.type)
    if ids.ndim != 1 or any(len(column) != len(ids) for column in columns):
        return False
    return bool(np.isin(np.unique(labels[labels != 0]), ids).all())
