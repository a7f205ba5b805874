"""The figures of a compression are JSON, and a summary of two lines."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from napari_pathprune.workflows.compress.compress_report import CompressReport, Stage, Width


@pytest.fixture
def report() -> CompressReport:
    dense = Stage(0, 0.0, 1_000, 2_000_000_000, {"pq": 0.6}, {}, 0, 1.0)
    small = Stage(1, 0.75, 250, 600_000_000, {"pq": 0.5}, {"pq": 0.1}, 9, 2.0, "stage-01.safetensors")
    settings = {"keep": 0.25, "allowed_drop": math.inf}
    return CompressReport("big", "small", settings, (dense, small), 1, 256, (Width("conv", "skip", 8, 2),))


def test_the_dict_is_json_without_infinity(report: CompressReport) -> None:
    content = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert content["settings"] == {"keep": 0.25, "allowed_drop": None}
    assert content["stages"][1]["scores_cut"] == {"pq": 0.1}
    assert content["widths"] == [{"name": "conv", "kind": "skip", "before": 8, "after": 2}]


def test_the_summary_compares_both_models(report: CompressReport) -> None:
    assert report.compact.number == 1
    assert report.summary() == (
        "big -> small: parameters 1,000 -> 250 (25.0% kept), MACs for 256 px 2.00 G -> 0.60 G (30.0% kept)\n"
        "pq 0.600 -> 0.500"
    )


def test_the_summary_states_that_nothing_was_kept(report: CompressReport) -> None:
    summary = dataclasses.replace(report, kept=0).summary()
    assert summary == "big: even the first of 1 stages lost more than allowed"
