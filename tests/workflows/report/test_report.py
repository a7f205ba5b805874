"""The report shows all figures, needs no other file, and escapes every name."""

from __future__ import annotations

import base64
import dataclasses
import html.parser
import math
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from report_cases import make_example, make_report, make_stage

from napari_pathprune.workflows.compress.compress_report import CompressReport, Width
from napari_pathprune.workflows.report.report import write_report
from napari_pathprune.workflows.report.report_pictures import EXAMPLE_PX

VOID = {"meta", "img", "br"}


class Page(html.parser.HTMLParser):
    """The page as a reader sees it: its text, its tags with their attributes, and the rows of its tables."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.rows: list[list[str]] = []
        self._open: list[str] = []
        self._pieces: list[str] = []
        self.feed(self.source)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._pieces).split())

    def attributes(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def pictures(self) -> list[NDArray[np.uint8]]:
        pictures = []
        for image in self.attributes("img"):
            content = base64.b64decode(image["src"].partition(",")[2], validate=True)
            pictures.append(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR))
        return pictures

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self._pieces.append(data)
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data


def write_page(report: CompressReport, tmp_path: Path) -> Page:
    path = tmp_path / "report.html"
    write_report(report, path)
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]
    return Page(path)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return write_page(make_report(), tmp_path_factory.mktemp("report"))


def test_the_tables_list_stages_and_settings(page: Page) -> None:
    rows = {row[0]: row[1:] for row in page.rows}
    dash = "\N{EN DASH}"
    flat = {name: [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in cells] for name, cells in rows.items()}
    assert flat["dense"] == ["0.0%", "40,000,000", "150 G", dash, dash, "0.612", "0.487", dash, "5 s"]
    assert flat["1"] == ["25.0%", "20,000,000", "60.0 G", "0.411", dash, "0.605", "0.480", "1,500", "10 min 5 s"]
    assert flat["2, kept"] == ["50.0%", "10,000,000", "30.0 G", "0.237", dash, "0.588", "0.463", "3,000", "20 min 5 s"]
    assert rows["allowed_drop"] == ["0.05"]
    assert rows["score_cuts"] == ["yes"]
    assert rows["caps"] == ["a, b"]
    assert rows["teacher"] == ["none"]


def test_the_page_has_no_external_resources(page: Page) -> None:
    without_pictures = re.sub(r"base64,[A-Za-z0-9+/=]+", "", page.source)
    assert len(without_pictures) < 20_000
    assert not re.search(r"https?:|//|@import|url\(", without_pictures)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    images = page.attributes("img")
    assert len(images) == 4
    for image in images:
        assert image["src"].startswith(("data:image/png;base64,", "data:image/jpeg;base64,"))
        assert len(image["alt"]) > 10
    assert not any("href" in attributes for _, attributes in page.tags)


def test_the_pictures_show_something(page: Page) -> None:
    plot, truth, dense, compact = page.pictures()
    assert plot.shape[1] == 1600
    assert 0.01 < (plot.min(axis=2) < 128).mean() < 0.5
    for shown in (truth, dense, compact):
        assert shown.shape == (EXAMPLE_PX * 120 // 180, EXAMPLE_PX, 3)
    assert np.array_equal(truth, dense)
    right = slice(180, 300), slice(330, 450)
    assert np.abs(truth[right].astype(int) - compact[right]).max() > 100  # the nucleus that the compact model missed
    left = slice(0, 360), slice(0, 300)
    assert np.abs(truth[left].astype(int) - compact[left]).max() < 20


def test_examples_have_counts_and_scores(page: Page) -> None:
    text = page.text
    assert "Annotation: 2 nuclei Dense model: 2 nuclei, PQ 0.875 Compact model: 1 nucleus, PQ 0.625 TCGA-1" in text


def test_widths_are_written_and_drawn(page: Page) -> None:
    assert "conv0./ 64 → 16" in page.text
    assert "d0.shortcut 1,024 → 768" in page.text
    bars = [(bar["class"], bar["width"]) for bar in page.attributes("rect")]
    assert bars == [("full", "100"), ("internal", "25.0"), ("full", "100"), ("skip", "75.0")]


def test_names_of_images_are_listed(page: Page) -> None:
    text = page.text
    assert "12 training images train-0 train-1" in text
    assert "1 validation image held-out" in text
    assert re.search(r"napari-pathprune \d+\.\d+.*torch \d+\.\d+.* on \d+ \w+ \d{4}", text)


def test_no_name_becomes_markup(report: CompressReport, page: Page, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\"' onerror=x & $\\x$ \N{GREEK SMALL LETTER MU}"
    hostile = write_page(
        dataclasses.replace(
            report,
            model=evil,
            out=evil,
            settings={evil: evil},
            stages=tuple(dataclasses.replace(one, scores={evil: 0.5, evil + evil: 0.4}) for one in report.stages),
            widths=(Width(evil, "skip", 4, 2), Width(evil, evil, 4, 2)),
            examples=(make_example(evil),),
            train_images=(evil,) * 12,
            validation_images=(evil,),
        ),
        tmp_path,
    )
    assert hostile.text.count(evil) > 20
    # The tags are the same, apart from cells and rows of settings.
    free = {"td", "th", "tr"}
    assert {tag for tag, _ in hostile.tags} == {tag for tag, _ in page.tags}
    assert [t for t, _ in hostile.tags if t not in free] == [t for t, _ in page.tags if t not in free]
    names = {name for _, attributes in hostile.tags for name in attributes}
    assert names == {name for _, attributes in page.tags for name in attributes}


def test_names_that_are_not_unicode_are_written(report: CompressReport, tmp_path: Path) -> None:
    broken = "caf\udce9.png"  # as the file system returns names in another encoding
    assert "caf?.png" in write_page(dataclasses.replace(report, train_images=(broken,)), tmp_path).text


def test_a_failed_report_leaves_the_old_one(report: CompressReport, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")
    broken = dataclasses.replace(make_example(), image=np.zeros((3, 3, 7), np.uint8))
    with pytest.raises(TypeError):
        write_report(dataclasses.replace(report, examples=(broken,)), path)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_small_enough_to_be_mailed(report: CompressReport, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    noise = cv2.GaussianBlur(rng.normal(size=(500, 500, 3)).astype(np.float32), (0, 0), 1.0) * 80 + (190, 130, 180)
    labels = np.kron(np.arange(1, 401, dtype=np.int32).reshape(20, 20), np.pad(np.ones((15, 15), np.int32), 5))
    busy = dataclasses.replace(
        make_example(), image=noise.clip(0, 255).astype(np.uint8), truth=labels, dense=labels, compact=labels
    )
    write_report(dataclasses.replace(report, examples=(busy,) * 4), tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 3_000_000


def test_a_report_without_scores_has_no_plot(report: CompressReport, tmp_path: Path) -> None:
    stages = tuple(dataclasses.replace(one, scores={}, scores_cut={}) for one in report.stages)
    page = write_page(dataclasses.replace(report, stages=stages, kept=3, examples=(), validation_images=()), tmp_path)
    assert "PQ" not in page.text
    assert not page.attributes("img")
    assert "Examples" not in page.text
    rows = [row for row in page.rows if row[0] in {"dense", "1", "2", "3, kept"}]
    assert [len(row) for row in rows] == [6] * 4


def test_a_report_without_a_kept_stage_compares_nothing(report: CompressReport, tmp_path: Path) -> None:
    page = write_page(dataclasses.replace(report, stages=report.stages[:2], kept=0, examples=()), tmp_path)
    assert "% kept" not in page.text
    assert "\N{RIGHTWARDS ARROW}" not in page.text
    assert not any("kept" in attributes.get("class", "") for _, attributes in page.tags)
    assert len(page.pictures()) == 1


def test_scores_below_the_plot_are_mentioned(report: CompressReport, tmp_path: Path) -> None:
    near = dataclasses.replace(report, stages=(make_stage(0, 0.6), make_stage(1, 0.58, cut_pq=0.57)), kept=1)
    assert "leaves the plot" in write_page(report, tmp_path).text
    assert "leaves the plot" not in write_page(near, tmp_path).text


def test_an_infinite_limit_is_no_limit(report: CompressReport, tmp_path: Path) -> None:
    page = write_page(dataclasses.replace(report, settings={"allowed_drop": math.inf}), tmp_path)
    assert ["allowed_drop", "no limit"] in page.rows


def test_the_key_figures_compare_both_models(page: Page) -> None:
    assert "mPQ+ 0.487 \N{RIGHTWARDS ARROW} 0.463 \N{MINUS SIGN}0.024" in page.text
    assert page.source.startswith("<!DOCTYPE html>")
