"""Score the two trained models on unseen images, write their cards, and put them into the package.

Usage: python pack.py hovernet-s.safetensors hovernet-s-compact.safetensors --kumar FOLDER

FOLDER holds the images of Kumar et al. 2017 (CC BY-NC-SA 4.0), which are neither trained on nor shipped. The models are
scored on its images test_*.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tomllib
from pathlib import Path

import torch

from napari_pathprune.base.allocator import keep_freed_memory
from napari_pathprune.workflows.checkpoint import load, save
from napari_pathprune.workflows.checkpoint_card import update_card
from napari_pathprune.workflows.evaluate.evaluate import TILE_PX, evaluate_models
from napari_pathprune.workflows.evaluate.measure_ceiling import CeilingMeasured, measure_ceilings
from napari_pathprune.workflows.prune.prune import compute_patch_cost

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "src" / "napari_pathprune" / "packaged"
TRAINED_ON = (
    "85 tissue images of the 2018 Data Science Bowl (CC0), 2 H&E images of histolytics (BSD-3-Clause; outlines and "
    "types are another model's), 2 H&E patches of cellseg_models.pytorch (MIT)"
)
PROTOCOL = (
    f"images as they are, at most {TILE_PX} px a tile; PQ, DQ, SQ, AJI and Dice are means over images, F1 is of all "
    "centres within 3 um; benchmarks/packaged_models in the repository names the images"
)
CAVEATS = (
    "the scored images were also used to choose between attempts; dsb2018_brightfield does not identify its slides, so "
    "parts of one slide may be in both sets; both images of hgsc_histolytics are training images"
)


def main() -> None:
    """Score and write the models, and print their cards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dense", type=Path)
    parser.add_argument("compact", type=Path)
    parser.add_argument("--kumar", type=Path, required=True)
    arguments = parser.parse_args()
    keep_freed_memory()
    left_out = {
        Path(data["folder"]).name: (HERE / data["folder"], tuple(data["leave_out"]))
        for data in tomllib.loads((HERE / "train.toml").read_text(encoding="utf-8"))["data"]
        if "leave_out" in data
    }
    kumar = tuple(sorted(path.stem for path in (arguments.kumar / "images").glob("test_*.png")))
    sets = {**left_out, "kumar_monuseg": (arguments.kumar, kumar)}
    for source, name in ((arguments.dense, "hovernet-s"), (arguments.compact, "hovernet-s-compact")):
        target = PACKAGE / f"{name}.safetensors"
        trained = load(source)
        save(trained, target, half=True)  # scored as shipped, in half precision
        card: dict[str, object] = {
            "purpose": "for demonstration, not for diagnosis",
            "trained on": TRAINED_ON,
            "scored": PROTOCOL,
            "mind that": CAVEATS,
            "megabytes": round(target.stat().st_size / 1e6, 1),
            "MACs per megapixel": f"{compute_patch_cost(trained).macs_per_megapixel:.3g}",
        }
        seconds: dict[str, float] = {}
        for title, (folder, only) in sets.items():
            (score,) = evaluate_models([str(target)], folder, only=only)
            found = score.to_dict()
            scores = {key: round(found[key], 4) for key in ("pq", "dq", "sq", "aji", "dice", "f1_detection")}
            card[f"scores on {title}"] = {"unseen images": score.images, **scores}
            seconds[title] = round(score.seconds_per_megapixel, 2)
        card["seconds per megapixel"] = {"processor": processor(), "threads": torch.get_num_threads(), **seconds}
        save(dataclasses.replace(load(target), card=card), target, half=True)
        # on the packaged slide, as pathprune evaluate MODEL --shift does
        (measured,) = (event for event in measure_ceilings([name]) if isinstance(event, CeilingMeasured))
        update_card(target, measured.ceiling.to_card())
        card |= measured.ceiling.to_card()
        print(name, f"{trained.params:,} parameters", json.dumps(card, indent=2), sep="\n")


def processor() -> str:
    """Return the name of the processor, if the system reports it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), "unknown processor")


if __name__ == "__main__":
    main()
