"""Scores and cost of a model of the study, on the validation images and on the test images."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from grid import Study

from napari_pathprune.datasets.read_images import AnnotatedImage, read_images
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.config.train_config import read_config
from napari_pathprune.workflows.evaluate.evaluate import score_model
from napari_pathprune.workflows.prune.prune import compute_patch_cost
from napari_pathprune.workflows.train.image_sets import read_image_sets

HERE: Final = Path(__file__).parent


def score_checkpoint(checkpoint: Checkpoint, study: Study) -> dict[str, Any]:
    """Return the cost and the scores of a model. Choices of the study are based on ``validation`` alone.

    All models are scored on the CPU, wherever they were trained, because rounding differs between devices.
    """
    cost = compute_patch_cost(checkpoint)
    _, validation = read_image_sets(read_config(HERE / "train.toml"), checkpoint.type_names)
    sets: dict[str, Sequence[AnnotatedImage]] = {"validation": validation}
    for name, folder, only in study.sets:
        sets[name] = read_images(HERE / folder, checkpoint.type_names, only=only)
    model = checkpoint.model()
    begin, cpu = time.perf_counter(), time.process_time()
    scores = {name: score_model(model, checkpoint, images, device="cpu").to_dict() for name, images in sets.items()}
    return {
        "params": cost.cost.params,
        "macs": cost.cost.macs,
        "macs_per_megapixel": cost.macs_per_megapixel,
        "scores": scores,
        "scoring": {
            "seconds": round(time.perf_counter() - begin, 1),
            "cpu_seconds": round(time.process_time() - cpu, 1),
        },
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "machine": machine(),
        "threads": torch.get_num_threads(),
    }


def machine() -> str:
    """Return a description of the processor and of the GPU, if there is one, on which training then runs."""
    gpu = f"{torch.cuda.get_device_name()}, " if torch.cuda.is_available() else ""
    return f"{os.cpu_count()} cores, {processor()}, {gpu}torch {torch.__version__}"


def processor() -> str:
    """Return the name of the processor, if the system reports it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), "unknown processor")
