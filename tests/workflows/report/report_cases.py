"""A compression of three stages, as the tests of the report use it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_pathprune.workflows.compress.compress_report import CompressReport, Example, Stage, Width


def make_stage(number: int, pq: float | None, *, cut_pq: float | None = None) -> Stage:
    scores = {} if pq is None else {"pq": pq, "mpq_plus": pq - 0.125}
    cut = {} if cut_pq is None else {"pq": cut_pq}
    params, macs = (40_000_000, 150e9) if number == 0 else (20_000_000 // number, 60e9 / number)
    return Stage(number, 0.25 * number, params, int(macs), scores, cut, 1500 * number, 600.0 * number + 5.0)


def draw_discs() -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    labels = np.zeros((120, 180), np.int32)
    cv2.circle(labels, (60, 50), 20, 1, -1)
    cv2.circle(labels, (130, 80), 15, 2, -1)
    image = np.full((*labels.shape, 3), (235, 190, 215), np.uint8)
    image[labels > 0] = (90, 50, 140)
    return image, labels


def make_example(name: str = "TCGA-1") -> Example:
    image, labels = draw_discs()
    return Example(name, image, labels, labels, np.where(labels == 1, labels, 0), dense_pq=0.875, compact_pq=0.625)


def make_report() -> CompressReport:
    """Return a compression in three stages, the last of which lost too much."""
    return CompressReport(
        model="big.safetensors",
        out="small.safetensors",
        settings={"criterion": "taylor", "allowed_drop": 0.05, "score_cuts": True, "caps": ("a", "b"), "teacher": ""},
        stages=(
            make_stage(0, 0.612),
            make_stage(1, 0.605, cut_pq=0.411),
            make_stage(2, 0.588, cut_pq=0.237),
            make_stage(3, 0.499),
        ),
        kept=2,
        input_px=270,
        widths=(Width("conv0./", "internal", 64, 16), Width("d0.shortcut", "skip", 1024, 768)),
        examples=(make_example(),),
        train_images=tuple(f"train-{i}" for i in range(12)),
        validation_images=("held-out",),
    )
