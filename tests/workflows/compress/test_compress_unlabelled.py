"""A compression works from slides that nobody annotated, calls its scores agreement, and resumes exactly."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from torch import nn

from napari_pathprune.datasets.annotated_image import AnnotatedImage
from napari_pathprune.training.fit_events import StepDone
from napari_pathprune.workflows.checkpoint import load
from napari_pathprune.workflows.checkpoint_card import update_card
from napari_pathprune.workflows.compress.compress import compress
from napari_pathprune.workflows.compress.compress_events import CompressDone, CompressEvent, StageFit
from napari_pathprune.workflows.compress.compress_report import CompressReport
from napari_pathprune.workflows.config.train_config import DataSettings, TrainConfig
from napari_pathprune.workflows.config.unlabelled_settings import UnlabelledSettings
from napari_pathprune.workflows.evaluate.ceiling import CARD_KEY, Ceiling
from napari_pathprune.workflows.unlabelled import parent_labels

RESOLUTION = {"resolution": (40_000.0, 40_000.0), "resolutionunit": "CENTIMETER", "photometric": "rgb"}


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    """Write a slide of 0.25 um per pixel, which is large enough to hold a part out."""
    image = np.random.default_rng(0).normal((205, 140, 185), 25.0, (130, 800, 3)).clip(0, 255).astype(np.uint8)
    tifffile.imwrite(tmp_path / "slide.tif", image, **RESOLUTION)
    return tmp_path / "slide.tif"


@pytest.fixture
def unlabelled(config: TrainConfig, slide: Path) -> TrainConfig:
    return dataclasses.replace(
        config,
        data=(),
        unlabelled=(UnlabelledSettings(slide.name),),
        compress=dataclasses.replace(config.compress, steps=1),
    )


def finish(events: Iterator[CompressEvent]) -> CompressReport:
    *_, done = events
    assert isinstance(done, CompressDone)
    return done.report


def test_one_slide_and_one_model_are_enough(unlabelled: TrainConfig, simple_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "small.safetensors"
    report = finish(compress(str(simple_file), unlabelled, out))
    assert report.dense.scores["agreement_pq"] == 1.0
    assert list(report.compact.scores)[:3] == ["agreement_pq", "agreement_f1", "agreement_dice"]
    assert "agreement with the parent: PQ " in report.summary()
    assert report.settings["teacher"] == "simple.safetensors"
    assert report.validation_images[0].startswith("slide.tif (")
    page = out.with_name("small.report.html").read_text(encoding="utf-8")
    assert "agreement with the parent: PQ" in page
    assert "This is not accuracy" in page
    assert "Parent model" in page
    assert "Annotation" not in page
    assert "1 validation slide<" in page
    card = load(out).card["agreement with the parent"]
    assert card["PQ"] == pytest.approx(report.compact.scores["agreement_pq"], abs=1e-3)
    assert card["on"] == report.validation_images[0]
    assert load(out).lineage[-1]["unlabelled_slides"] == 1
    assert "pq" not in json.dumps(report.to_dict()["stages"]).replace("agreement_pq", "")
    advice = f"ceiling not measured: pathprune evaluate {simple_file} --shift --to-card"
    assert report.to_dict()["ceiling"] == advice
    assert report.summary().endswith(f"; {advice}")
    assert advice in page
    assert "ceiling of PQ" not in card


def test_the_dense_model_segments_the_validation_slide_once(
    unlabelled: TrainConfig, simple_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_pathprune.workflows.evaluate import evaluate

    found: list[int] = []
    predict = evaluate.predict_typed_instances

    def count(image: AnnotatedImage, model: nn.Module, *more: object) -> object:
        found.append(sum(parameter.numel() for parameter in model.parameters()))
        return predict(image, model, *more)  # type: ignore[arg-type]

    for module in (evaluate, parent_labels):
        monkeypatch.setattr(module, "predict_typed_instances", count)
    report = finish(compress(str(simple_file), unlabelled, tmp_path / "small.safetensors"))
    windows = int(report.validation_images[0].partition("(")[2].split()[0])
    assert found.count(report.dense.params) == windows
    assert report.examples[0].dense_pq == 1.0


def test_the_agreement_stands_beside_its_ceiling(unlabelled: TrainConfig, simple_file: Path, tmp_path: Path) -> None:
    update_card(simple_file, Ceiling("simple", {"pq": 0.87, "f1": 0.9, "dice": 0.93}, 5, 1, "a.svs").to_card())
    report = finish(compress(str(simple_file), unlabelled, tmp_path / "small.safetensors"))
    line = "ceiling: PQ 0.870, F1 0.900, Dice 0.930 (simple.safetensors against itself, shifted by 1 to 5 px)"
    assert report.ceiling == line
    assert report.summary().endswith(f"; {line}")
    assert line in (tmp_path / "small.report.html").read_text(encoding="utf-8")
    card = load(tmp_path / "small.safetensors").card
    assert card["agreement with the parent"]["ceiling of PQ"] == 0.87
    assert CARD_KEY not in card  # that of the parent is not that of the compact model


def test_it_resumes_exactly(unlabelled: TrainConfig, simple_file: Path, tmp_path: Path, slide: Path) -> None:
    whole, stopped = tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors"
    finish(compress(str(simple_file), unlabelled, whole))
    events = compress(str(simple_file), unlabelled, stopped)
    next(event for event in events if isinstance(event, StageFit) and isinstance(event.fit, StepDone))
    events.close()  # type: ignore[attr-defined]
    pixels = tifffile.imread(slide)
    tifffile.imwrite(slide, 255 - pixels, **RESOLUTION)
    with pytest.raises(ValueError, match=r"unlabelled\[0\].pixels"):
        finish(compress(str(simple_file), unlabelled, stopped))
    tifffile.imwrite(slide, pixels, **RESOLUTION)
    finish(compress(str(simple_file), unlabelled, stopped))
    ours, theirs = load(whole).weights, load(stopped).weights
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("criterion", ["l2", "taylor"])
def test_labels_and_slides_mix(unlabelled: TrainConfig, simple_file: Path, tmp_path: Path, criterion: str) -> None:
    mixed = dataclasses.replace(
        unlabelled,
        data=(DataSettings("annotated", only=("one",)),),
        validation=(DataSettings("annotated", only=("two",)),),
        compress=dataclasses.replace(unlabelled.compress, criterion=criterion),
    )
    out = tmp_path / "small.safetensors"
    report = finish(compress(str(simple_file), mixed, out))
    assert next(iter(report.compact.scores)) == "pq", "annotated images validate where there are some"
    assert report.train_images[0] == "one"
    assert "agreement with the parent" not in load(out).card
    header = (tmp_path / "small.stages" / "stage-01.log.csv").read_text(encoding="utf-8").splitlines()[0]
    assert {"np_ce", "np_teacher", "np_parent_ce"} <= set(header.split(","))


def test_taylor_needs_no_labels(unlabelled: TrainConfig, simple_file: Path, tmp_path: Path) -> None:
    taylor = dataclasses.replace(
        unlabelled, compress=dataclasses.replace(unlabelled.compress, criterion="taylor", recalibrate=0)
    )
    report = finish(compress(str(simple_file), taylor, tmp_path / "small.safetensors"))
    assert report.compact.params < 0.5 * report.dense.params


def test_an_unreadable_slide_is_named_before_anything_is_written(
    unlabelled: TrainConfig, simple_file: Path, tmp_path: Path, make_bad: Callable[[], str]
) -> None:
    bad = dataclasses.replace(unlabelled, unlabelled=(UnlabelledSettings(make_bad()),))
    with pytest.raises(ValueError, match=r"bad\.tif"):
        finish(compress(str(simple_file), bad, tmp_path / "small.safetensors"))
    assert not (tmp_path / "small.stages").exists()


@pytest.fixture
def make_bad(tmp_path: Path) -> Callable[[], str]:
    def make() -> str:
        (tmp_path / "bad.tif").write_bytes(b"II*\0 not a TIFF")
        return "bad.tif"

    return make
