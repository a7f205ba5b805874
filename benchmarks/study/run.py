"""Work through the study: every run whose result is missing, in the order of study.toml, several side by side.

Usage: python benchmarks/study/run.py [--part NAME]... [--workers N] [--threads N] [--seconds S] [--list]

Started again, it goes on where it was stopped, also within a run. Results are written to results/, one JSON a run; the
models and a log of each run stay in work/.
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
from make import RESULTS, WORK, dense_model, longer_model, make, result_of, slimmed_model

HERE: Final = Path(__file__).parent
PARENTS: Final = {"slim": slimmed_model, "longer": longer_model}
"""Where runs start from one of these models, it is made first, beside others."""


def main() -> None:
    """Do what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", help="only the runs of this part; repeatable")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="runs side by side")
    parser.add_argument("--threads", type=int, help="of each run; the cores, shared among the workers, by default")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no run after so many seconds")
    parser.add_argument("--list", action="store_true", help="tell which runs are missing, and stop")
    parser.add_argument("--run", metavar="NAME", help="do this one run here and now")
    arguments = parser.parse_args()
    study = read_study(HERE / "study.toml")
    if arguments.run in PARENTS:
        PARENTS[arguments.run](study)
        return
    if arguments.run:
        make(next(run for run in study.runs if run.name == arguments.run), study)
        return
    wanted = {run for part in study.parts if part.name in (arguments.part or [part.name]) for run in part.runs}
    missing = [run for run in study.runs if run in wanted and not result_of(run.name).exists()]
    if arguments.list:
        print(*(run.name for run in missing), f"{len(missing)} of {len(study.runs)} are missing", sep="\n")
        return
    WORK.mkdir(exist_ok=True)
    RESULTS.mkdir(exist_ok=True)
    dense_model(study)
    parent_of = {run.name: run.start for run in missing if run.start in PARENTS}
    names = [*dict.fromkeys(parent_of.values()), *(run.name for run in missing)]
    begin = time.monotonic()
    alive: dict[str, subprocess.Popen[bytes]] = {}
    failed: list[str] = []
    for number, name in enumerate(names, 1):
        while len(alive) >= arguments.workers or parent_of.get(name) in alive:
            failed += ended(alive)
        if parent_of.get(name) in failed:
            continue
        if time.monotonic() - begin > arguments.seconds:
            break
        print(f"{time.strftime('%H:%M:%S')} {number} of {len(names)}: {name}", flush=True)
        alive[name] = started(name, arguments.threads or max(1, (os.cpu_count() or 1) // arguments.workers))
    while alive:
        failed += ended(alive)
    if failed:
        sys.exit(f"{len(failed)} runs failed, see their logs in {WORK}: {', '.join(failed)}")


def started(name: str, threads: int) -> subprocess.Popen[bytes]:
    """Begin a run in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
    with (WORK / f"{name}.log").open("ab") as log:
        command = [sys.executable, __file__, "--run", name]
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


def ended(alive: dict[str, subprocess.Popen[bytes]]) -> list[str]:
    """Wait a little, take out the runs that are through, and name those that failed."""
    time.sleep(1.0)
    through = [name for name, process in alive.items() if process.poll() is not None]
    return [name for name in through if alive.pop(name).returncode]


if __name__ == "__main__":
    main()
