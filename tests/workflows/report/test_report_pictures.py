"""The plot shows the scores of all stages, and outlines follow the nuclei."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray
from report_cases import draw_discs, make_stage

from napari_pathprune.instances.palette import type_colours
from napari_pathprune.workflows.compress.compress_report import CompressReport
from napari_pathprune.workflows.report.report_pictures import (
    EXAMPLE_PX,
    draw_outlines,
    draw_score_plot,
    has_score_below_plot,
)


def test_outlines_follow_the_nuclei() -> None:
    image, labels = draw_discs()
    shown = cv2.imdecode(np.frombuffer(draw_outlines(image, labels), np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)
    marked = np.abs(shown - np.array(type_colours(())[0])).sum(axis=2) < 90
    scale = EXAMPLE_PX / 180
    y, x = np.nonzero(marked)
    from_edges = [np.abs(np.hypot(y / scale - cy, x / scale - cx) - r) for cy, cx, r in ((50, 60, 20), (80, 130, 15))]
    assert np.minimum(*from_edges).max() < 2.5
    assert marked.sum() > 2 * np.pi * 35 * scale
    empty = cv2.imdecode(np.frombuffer(draw_outlines(image, np.zeros_like(labels)), np.uint8), cv2.IMREAD_COLOR)
    assert (np.abs(empty[..., ::-1].astype(int) - np.array(type_colours(())[0])).sum(axis=2) < 90).sum() == 0


def test_the_plot_shows_the_kept_stage_and_the_cuts(report: CompressReport) -> None:
    def decoded(of: CompressReport) -> NDArray[np.int64]:
        return cv2.imdecode(np.frombuffer(draw_score_plot(of), np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(np.int64)

    kept = np.array([0xC8, 0x55, 0x3D])
    shown = decoded(report)
    assert (np.abs(shown - kept).sum(axis=2) < 12).sum() > 3 * 200  # in both plots, and in the legend
    assert (np.abs(decoded(dataclasses.replace(report, kept=0)) - kept).sum(axis=2) < 12).sum() == 0
    no_cuts = tuple(dataclasses.replace(one, scores_cut={}) for one in report.stages)
    grey = [
        (np.abs(one - 173).sum(axis=2) < 12).sum()
        for one in (shown, decoded(dataclasses.replace(report, stages=no_cuts)))
    ]
    assert grey[0] > grey[1] + 50


def test_plots_drawn_in_threads_are_equal(report: CompressReport) -> None:
    with ThreadPoolExecutor(4) as pool:
        plots = list(pool.map(draw_score_plot, [report] * 6))
    assert set(plots) == {draw_score_plot(report)}


def test_a_score_far_below_the_others_is_below_the_plot(report: CompressReport) -> None:
    far = (make_stage(0, 0.6), make_stage(1, 0.58, cut_pq=0.01))
    near = (make_stage(0, 0.6), make_stage(1, 0.58, cut_pq=0.57))
    assert has_score_below_plot(dataclasses.replace(report, stages=far, kept=1))
    assert not has_score_below_plot(dataclasses.replace(report, stages=near, kept=1))
