"""Finished tiles are stored, and only a run with the same facts resumes from them."""

from __future__ import annotations

import json
from collections.abc import Callable
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


def test_a_stopped_run_of_an_earlier_version_had_one_phase(folder: Path) -> None:
    facts = {**json.loads((folder / LEDGER).read_text(encoding="utf-8")), "phases": 1}
    TileJournal(folder, facts, resume=True)
    with pytest.raises(ValueError, match="phases = 1, but it is 4 now"):
        TileJournal(folder, {**facts, "phases": 4}, resume=True)


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


def rewrite(path: Path, **changes: np.ndarray) -> None:
    with np.load(path) as file:
        np.savez(path, **{name: file[name] for name in file.files} | changes)


DAMAGES: list[Callable[[Path], object]] = [
    lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(b"\0" * path.stat().st_size),
    lambda path: rewrite(path, where=np.array([-(10**9), 0, 10**9, 10**9])),
    lambda path: rewrite(path, where=np.array([object()], dtype=object)),
    lambda path: rewrite(path, labels=np.zeros((5, 30), np.int32)),
    lambda path: rewrite(path, id=np.zeros(1, np.int32)),
    lambda path: rewrite(path, offsets=np.zeros(2, np.int64)),
    lambda path: rewrite(path, y=np.array(1.0)),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_tile_counts_as_not_done(folder: Path, damage: Callable[[Path], object]) -> None:
    damage(folder / "000001.npz")
    journal = TileJournal(folder, FACTS, resume=True)
    assert journal.read(1) is None


@pytest.mark.parametrize("text", ["", "[1]", "null", '{"tile_px": 0}', '{"tile_px": "x"}', '{"tile_px": 1e9}', "{"])
def test_a_damaged_ledger_is_one_line(folder: Path, text: str) -> None:
    (folder / LEDGER).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="start again without resuming"):
        TileJournal(folder, {}, resume=True)


def test_only_files_of_the_journal_are_removed(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    TileJournal(folder, FACTS, resume=False).begin(100)
    TileJournal(folder, FACTS, resume=True).remove()
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / ".tiles").symlink_to("victim")
    with pytest.raises(ValueError, match="is a link"):
        TileJournal(tmp_path / ".tiles", FACTS, resume=False)
    assert list((tmp_path / "victim").iterdir()) == []
