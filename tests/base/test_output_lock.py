"""Only one run writes an output, and a killed one blocks nobody."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from napari_pathprune.base.output_lock import NAME, OutputInUseError, lock_output

HOLD = """
import sys, time
from pathlib import Path
from napari_pathprune.base.output_lock import lock_output
with lock_output(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("name", ["result", "model.safetensors"])
def test_a_second_run_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    with lock_output(tmp_path / name), pytest.raises(OutputInUseError, match="is being written by another run"):
        lock_output(tmp_path / name).__enter__()
    with lock_output(tmp_path / name):
        pass
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_lock_of_a_killed_process_does_not_stay(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(OutputInUseError):
            lock_output(tmp_path).__enter__()
        process.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        process.wait()
        assert (tmp_path / NAME).exists()
        with lock_output(tmp_path):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine", encoding="utf-8")
    (tmp_path / NAME).symlink_to("precious")
    with pytest.raises(ValueError, match="is a link"):
        lock_output(tmp_path).__enter__()
    assert (tmp_path / "precious").read_text(encoding="utf-8") == "mine"


def test_file_systems_without_locks_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("napari_pathprune.base.output_lock._lock", refuse)
    with lock_output(tmp_path):
        (tmp_path / "result").touch()
    assert (tmp_path / "result").exists()
