"""Run the study: every run whose result is missing, in the order of study.toml, several in parallel.

Usage: python benchmarks/study/run.py [--part NAME]... [--workers N] [--threads N] [--seconds S] [--list]

When started again, it resumes where it was interrupted, even within a run. Results are written to results/, one JSON
file per run. The model and the log of each run stay in work/.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from grid import read_study
from make import RESULTS, WORK, dense_model, longer_model, make_model, result_path, slimmed_model

from napari_pathprune.base.allocator import keep_freed_memory

HERE: Final = Path(__file__).parent
PARENTS: Final = {"slim": slimmed_model, "longer": longer_model}
"""Models from which runs start; they are made before those runs, in parallel with others."""


def main() -> None:
    """Do the missing runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", help="only the runs of this part; repeatable")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="number of parallel runs")
    parser.add_argument("--threads", type=int, help="threads of each run; by default all cores, shared")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="time after which no new run is started")
    parser.add_argument("--list", action="store_true", help="list the missing runs and exit")
    parser.add_argument("--run", metavar="NAME", help="do this run in the current process")
    arguments = parser.parse_args()
    keep_freed_memory()
    study = read_study(HERE / "study.toml")
    if arguments.run in PARENTS:
        PARENTS[arguments.run](study)
        return
    if arguments.run:
        make_model(next(run for run in study.runs if run.name == arguments.run), study)
        return
    selected = {run for part in study.parts if part.name in (arguments.part or [part.name]) for run in part.runs}
    missing = [run for run in study.runs if run in selected and not result_path(run.name).exists()]
    if arguments.list:
        print(*(run.name for run in missing), f"{len(missing)} of {len(study.runs)} are missing", sep="\n")
        return
    WORK.mkdir(exist_ok=True)
    RESULTS.mkdir(exist_ok=True)
    dense_model(study)
    parent_of = {run.name: run.start for run in missing if run.start in PARENTS}
    names = [*dict.fromkeys(parent_of.values()), *(run.name for run in missing)]
    begin = time.monotonic()
    running: dict[str, subprocess.Popen[bytes]] = {}
    failed: list[str] = []
    for number, name in enumerate(names, 1):
        while len(running) >= arguments.workers or parent_of.get(name) in running:
            failed += collect_finished(running)
        if parent_of.get(name) in failed:
            continue
        if time.monotonic() - begin > arguments.seconds:
            break
        print(f"{time.strftime('%H:%M:%S')} {number} of {len(names)}: {name}", flush=True)
        running[name] = start_run(name, arguments.threads or max(1, (os.cpu_count() or 1) // arguments.workers))
    while running:
        failed += collect_finished(running)
    if failed:
        sys.exit(f"{len(failed)} runs failed; see their logs in {WORK}: {', '.join(failed)}")


def start_run(name: str, threads: int) -> subprocess.Popen[bytes]:
    """Start a run in a separate process."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
    with (WORK / f"{name}.log").open("ab") as log:
        command = [sys.executable, __file__, "--run", name]
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


def collect_finished(running: dict[str, subprocess.Popen[bytes]]) -> list[str]:
    """Wait a second, remove the finished runs and return the names of those that failed."""
    time.sleep(1.0)
    finished = [name for name, process in running.items() if process.poll() is not None]
    return [name for name in finished if running.pop(name).returncode]


if __name__ == "__main__":
    main()
