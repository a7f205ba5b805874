"""Prune the same networks with this engine and with Torch-Pruning, in one process, and write the results.

Usage: pip install --no-deps torch-pruning==1.6.1; python compare.py results.json

CPU seconds of one thread, each the median of `RUNS` runs.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import ours
import theirs
import torch
from cases import CASES, Case, deviation, outputs, thin_layers

from napari_pathprune.pruning import cost_of

RUNS = 3
RUNS_OF_MANY_STEPS = 1
RATIOS = (0.5, 0.9)
STEPS = (1, 14)


def main() -> None:
    """Run every case on both engines, one after the other."""
    target = Path(sys.argv[1])
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rows: list[dict[str, Any]] = []
    for case in CASES:
        for ratio in RATIOS:
            for steps in STEPS:
                for engine in (ours, theirs):
                    rows.append(measure(case, engine, ratio, steps))
                    print(json.dumps(rows[-1]), flush=True)
    heads = {case.name: theirs.prunes_outputs(case.model(), case.example()) for case in CASES}
    content = {
        "date": time.strftime("%Y-%m-%d"),
        "command": "python compare.py results.json",
        "machine": f"{processor()}, 1 thread",
        "software": {name: version(name) for name in ("torch", "torchvision", "torch-pruning", "napari-pathprune")},
        "outputs cut by Torch-Pruning where heads are not listed": heads,
        "rows": rows,
    }
    part = target.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    part.replace(target)


def measure(case: Case, engine: ModuleType, ratio: float, steps: int) -> dict[str, Any]:
    """Prune a case and measure the result."""
    example, cuts = case.example(), []
    dense = case.model()
    for _ in range(RUNS if steps == 1 else RUNS_OF_MANY_STEPS):
        model = case.model()
        cuts.append(engine.prune(model, example, ratio, steps, case.heads(model)))
    cut, before = cuts[-1], cost_of(dense, example)
    row: dict[str, Any] = {"network": case.name, "engine": engine.NAME, "ratio": ratio, "steps": steps}
    thin = thin_layers(cut.model) - thin_layers(dense)
    row["graph_s"] = round(statistics.median(c.graph_s for c in cuts), 3)
    row["prune_s"] = round(statistics.median(c.prune_s for c in cuts), 3)
    row["params_left"] = round(sum(p.numel() for p in cut.model.parameters()) / before.params, 4)
    try:
        found = outputs(cut.model, example)
        row |= {"runs": True, "macs_left": round(cost_of(cut.model, example).macs / before.macs, 4)}
        row["outputs_kept"] = {k: v.shape for k, v in found.items()} == {
            k: v.shape for k, v in outputs(dense, example).items()
        }
        row["deviation"] = None if cut.masked is None else deviation(found, outputs(cut.masked, example))
    except Exception as error:  # noqa: BLE001 (the error is the result)
        row |= {"runs": False, "error": str(error).splitlines()[0][:200]}
    return row | {
        "thin_layers": thin,
        "file_mb": round(cut.bytes / 1e6, 2),
        "opens_without_pickle": cut.opens_without_pickle,
    }


def processor() -> str:
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


if __name__ == "__main__":
    main()
