"""The summary states what was gained, what was lost, and why a stage was kept."""

from __future__ import annotations

import dataclasses
import math

import pytest
from report_cases import make_stage

from napari_pathprune.base.score_names import UNKNOWN
from napari_pathprune.workflows.compress.compress_report import CompressReport
from napari_pathprune.workflows.report.report_words import format_change, summarise


def read_summary(report: CompressReport) -> str:
    return summarise(report).replace("\N{NO-BREAK SPACE}", " ")


def test_the_summary_has_costs_scores_and_the_reason(report: CompressReport) -> None:
    assert read_summary(report) == (
        "big.safetensors was compressed to small.safetensors. "
        "The compact model has 10.0 M of 40.0 M parameters (25.0%) and needs 30.0 G of 150 G multiply-accumulate "
        "operations (MACs) per patch of 270 px (20.0%). "
        "On 1 validation image its PQ went from 0.612 to 0.588, a loss of 0.024. "
        "Stage 2 was kept. Stage 3 lost 0.113 in PQ, more than allowed (0.05). "
        "The compression took 1 h 0 min."
    )


def test_a_compression_without_scores(report: CompressReport) -> None:
    stages = tuple(dataclasses.replace(one, scores={}, scores_cut={}) for one in report.stages)
    summary = read_summary(dataclasses.replace(report, stages=stages, kept=3, validation_images=()))
    assert "It was not scored, because there were no validation images." in summary
    assert "The last of 3 stages was kept." in summary
    assert "PQ" not in summary


@pytest.mark.parametrize(
    ("pq", "sentence"),
    [
        ((0.612, 0.605), "The model was cut in a single step."),
        ((0.612, 0.605, 0.6), "The last of 2 stages was kept."),
        ((0.5, 0.5004), "PQ went from 0.500 to 0.500, no change."),
        ((0.5, 0.512), "PQ went from 0.500 to 0.512, a gain of 0.012."),
        ((0.5, math.nan), "The change of its PQ is not known."),
    ],
)
def test_the_last_stage_is_kept(report: CompressReport, pq: tuple[float, ...], sentence: str) -> None:
    stages = tuple(make_stage(number, score) for number, score in enumerate(pq))
    summary = read_summary(dataclasses.replace(report, stages=stages, kept=len(pq) - 1))
    assert sentence in summary
    assert "more than allowed" not in summary


def test_several_stages_lost_too_much(report: CompressReport) -> None:
    summary = read_summary(dataclasses.replace(report, kept=1, settings={"allowed_drop": math.inf}))
    assert "Stage 1 was kept. Stages 2 to 3 lost at least 0.024 in PQ, more than allowed." in summary


def test_no_stage_was_good_enough(report: CompressReport) -> None:
    summary = read_summary(dataclasses.replace(report, stages=report.stages[:2], kept=0))
    assert summary.startswith("big.safetensors was not compressed: no compact model was kept.")
    assert "Stage 1 lost 0.007 in PQ, more than allowed (0.05)." in summary


def test_a_change_has_a_sign_unless_it_is_zero() -> None:
    dense = make_stage(0, 0.5)
    changes = [format_change(make_stage(1, pq), dense, "pq") for pq in (0.4, 0.6, 0.5001)]
    assert changes == ["\N{MINUS SIGN}0.100", "+0.100", "0.000"]
    assert format_change(make_stage(1, None), dense, "pq") == UNKNOWN
