"""Finished tiles are stored, and only a run with the same facts resumes from them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_pathprune.inference.stitch import TileNuclei
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.workflows.segment.tile_journal import LEDGER, OLD_LEDGER, TileJournal

FACTS = {"slide": "a.svs [300, 260]", "region": None}


@pytest.fixture
def nuclei() -> TileNuclei:
    labels = np.zeros((20, 30), np.int32)
    labels[2:9, 3:12], labels[11:18, 15:25] = 4, 9
    return TileNuclei((40, 60, 60, 90), labels, InstanceTable.from_instance_map(labels))


@pytest.fixture
def folder(tmp_path: Path, nuclei: TileNuclei) -> Path:
    """A stopped run with one finished tile."""
    journal = TileJournal(tmp_path / ".tiles", FACTS, resume=False)
    assert journal.begin(512) == 512
    journal.write(1, nuclei)
    return journal.folder


def test_a_tile_is_read_as_it_was_written(folder: Path, nuclei: TileNuclei) -> None:
    journal = TileJournal(folder, FACTS, resume=True)
    assert journal.begin(900) == 512, "a resumed run keeps the size of its tiles"
    found = journal.read(1)
    assert found is not None
    assert found.box == nuclei.box
    np.testing.assert_array_equal(found.labels, nuclei.labels)
    assert found.table.id.tolist() == nuclei.table.id.tolist() == [4, 9]
    np.testing.assert_array_equal(found.table.contour(1), nuclei.table.contour(1))
    assert journal.read(2) is None


def test_other_facts_do_not_resume(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"left by a run with region = None, but it is .*start again without resuming"):
        TileJournal(folder, FACTS | {"region": [0, 0, 5, 5]}, resume=True)
    assert (folder / "000001.npz").exists()


def test_without_resuming_the_old_tiles_go_only_when_the_run_begins(folder: Path) -> None:
    journal = TileJournal(folder, FACTS, resume=False)
    assert journal.read(1) is not None
    journal.begin(900)
    assert journal.read(1) is None
    assert json.loads((folder / LEDGER).read_text(encoding="utf-8")) == FACTS | {"tile_px": 900}


def test_a_run_stopped_before_the_ledger_was_renamed_resumes(folder: Path) -> None:
    (folder / LEDGER).rename(folder / OLD_LEDGER)
    journal = TileJournal(folder, FACTS, resume=True)
    assert journal.begin(900) == 512
    assert journal.read(1) is not None
    with pytest.raises(ValueError, match="left by a run with slide"):
        TileJournal(folder, FACTS | {"slide": "b.svs"}, resume=True)


def test_resuming_nothing_starts_a_run(tmp_path: Path) -> None:
    assert TileJournal(tmp_path / ".tiles", FACTS, resume=True).begin(700) == 700


def test_nothing_is_left_in_the_end(folder: Path) -> None:
    TileJournal(folder, FACTS, resume=True).remove()
    assert not folder.exists()
