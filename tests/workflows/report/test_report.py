"""The report tells the numbers and why, needs no other file, and lets no name become markup."""

from __future__ import annotations

import base64
import dataclasses
import html.parser
import math
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from napari_pathprune.instances.palette import type_colours
from napari_pathprune.workflows.compress.compress_report import CompressReport, Example, Stage, Width
from napari_pathprune.workflows.report.report import write_report
from napari_pathprune.workflows.report.report_pictures import EXAMPLE_PX, drops_out, outlined, score_plot

VOID = {"meta", "img", "br"}


class Page(html.parser.HTMLParser):
    """What a reader of the page sees: text without gaps, the tags with their attributes, and the tables' rows."""

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


def stage(number: int, pq: float | None, *, cut_pq: float | None = None) -> Stage:
    scores = {} if pq is None else {"pq": pq, "mpq_plus": pq - 0.125}
    cut = {} if cut_pq is None else {"pq": cut_pq}
    params, macs = (40_000_000, 150e9) if number == 0 else (20_000_000 // number, 60e9 / number)
    return Stage(number, 0.25 * number, params, int(macs), scores, cut, 1500 * number, 600.0 * number + 5.0)


def picture() -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    labels = np.zeros((120, 180), np.int32)
    cv2.circle(labels, (60, 50), 20, 1, -1)
    cv2.circle(labels, (130, 80), 15, 2, -1)
    image = np.full((*labels.shape, 3), (235, 190, 215), np.uint8)
    image[labels > 0] = (90, 50, 140)
    return image, labels


def example(name: str = "TCGA-1") -> Example:
    image, labels = picture()
    return Example(name, image, labels, labels, np.where(labels == 1, labels, 0), dense_pq=0.875, compact_pq=0.625)


@pytest.fixture(scope="module")
def report() -> CompressReport:
    """Give a compression of three cuts, of which the last one lost too much."""
    return CompressReport(
        model="big.safetensors",
        out="small.safetensors",
        settings={"criterion": "taylor", "allowed_drop": 0.05, "judge_cuts": True, "caps": ("a", "b"), "teacher": ""},
        stages=(stage(0, 0.612), stage(1, 0.605, cut_pq=0.411), stage(2, 0.588, cut_pq=0.237), stage(3, 0.499)),
        kept=2,
        input_px=270,
        widths=(Width("conv0./", "internal", 64, 16), Width("d0.shortcut", "skip", 1024, 768)),
        examples=(example(),),
        train_images=tuple(f"train-{i}" for i in range(12)),
        validation_images=("held-out",),
    )


def written(report: CompressReport, tmp_path: Path) -> Page:
    path = tmp_path / "report.html"
    write_report(report, path)
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]
    return Page(path)


@pytest.fixture(scope="module")
def page(report: CompressReport, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return written(report, tmp_path_factory.mktemp("report"))


def test_the_summary_tells_gain_loss_and_why(page: Page) -> None:
    for told in (
        "big.safetensors was compressed to small.safetensors.",
        "Of 40.0 M parameters 10.0 M are left (25.0%)",
        "of 150 G multiply-accumulate operations (MACs) per patch of 270 px 30.0 G (20.0%).",
        "On 1 validation image PQ went from 0.612 to 0.588, a loss of 0.024.",
        "Stage 2 was kept. Stage 3 lost 0.113 in PQ, more than was allowed (0.05).",
        "All of it took 1 h 00 min.",
        "mPQ+ 0.487 → 0.463 \N{MINUS SIGN}0.024",
    ):
        assert told in page.text
    assert page.source.startswith("<!DOCTYPE html>")


def test_the_table_has_a_row_for_each_stage(page: Page) -> None:
    rows = {row[0]: row[1:] for row in page.rows}
    dash = "\N{EN DASH}"
    flat = {name: [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in cells] for name, cells in rows.items()}
    assert flat["dense"] == ["0.0%", "40,000,000", "150 G", dash, dash, "0.612", "0.487", dash, "5.0 s"]
    assert flat["1"] == ["25.0%", "20,000,000", "60.0 G", "0.411", dash, "0.605", "0.480", "1,500", "10 min"]
    assert flat["2, kept"] == ["50.0%", "10,000,000", "30.0 G", "0.237", dash, "0.588", "0.463", "3,000", "20 min"]
    assert rows["allowed_drop"] == ["0.05"]
    assert rows["judge_cuts"] == ["yes"]
    assert rows["caps"] == ["a, b"]
    assert rows["teacher"] == ["none"]


def test_the_page_needs_nothing_else(page: Page) -> None:
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
    assert np.abs(truth[right].astype(int) - compact[right]).max() > 100  # the nucleus that the compact one missed
    left = slice(0, 360), slice(0, 300)
    assert np.abs(truth[left].astype(int) - compact[left]).max() < 20


def test_outlines_run_around_nuclei() -> None:
    image, labels = picture()
    shown = cv2.imdecode(np.frombuffer(outlined(image, labels), np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)
    marked = np.abs(shown - np.array(type_colours(())[0])).sum(axis=2) < 90
    scale = EXAMPLE_PX / 180
    y, x = np.nonzero(marked)
    from_edges = [np.abs(np.hypot(y / scale - cy, x / scale - cx) - r) for cy, cx, r in ((50, 60, 20), (80, 130, 15))]
    assert np.minimum(*from_edges).max() < 2.5
    assert marked.sum() > 2 * np.pi * 35 * scale
    empty = cv2.imdecode(np.frombuffer(outlined(image, np.zeros_like(labels)), np.uint8), cv2.IMREAD_COLOR)
    assert (np.abs(empty[..., ::-1].astype(int) - np.array(type_colours(())[0])).sum(axis=2) < 90).sum() == 0


def test_examples_tell_counts_and_scores(page: Page) -> None:
    text = page.text
    assert "Truth: 2 nuclei Dense model: 2 nuclei, PQ 0.875 Compact model: 1 nucleus, PQ 0.625 TCGA-1" in text


def test_widths_are_told_and_drawn(page: Page) -> None:
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
    hostile = written(
        dataclasses.replace(
            report,
            model=evil,
            out=evil,
            settings={evil: evil},
            stages=tuple(dataclasses.replace(one, scores={evil: 0.5, evil + evil: 0.4}) for one in report.stages),
            widths=(Width(evil, "skip", 4, 2), Width(evil, evil, 4, 2)),
            examples=(example(evil),),
            train_images=(evil,) * 12,
            validation_images=(evil,),
        ),
        tmp_path,
    )
    assert hostile.text.count(evil) > 20
    # The same tags as ever, apart from cells and rows of settings.
    free = {"td", "th", "tr"}
    assert {tag for tag, _ in hostile.tags} == {tag for tag, _ in page.tags}
    assert [t for t, _ in hostile.tags if t not in free] == [t for t, _ in page.tags if t not in free]
    names = {name for _, attributes in hostile.tags for name in attributes}
    assert names == {name for _, attributes in page.tags for name in attributes}


def test_names_that_are_no_unicode_are_written(report: CompressReport, tmp_path: Path) -> None:
    broken = "caf\udce9.png"  # as the file system gives names in another encoding
    assert "caf?.png" in written(dataclasses.replace(report, train_images=(broken,)), tmp_path).text


def test_without_scores_it_says_so_and_plots_none(report: CompressReport, tmp_path: Path) -> None:
    stages = tuple(dataclasses.replace(one, scores={}, scores_cut={}) for one in report.stages)
    page = written(
        dataclasses.replace(report, stages=stages, kept=3, examples=(), validation_images=()),
        tmp_path,
    )
    assert "It was not scored, since there were no validation images: what was lost is not known." in page.text
    assert "The last of 3 stages was kept." in page.text
    assert "PQ" not in page.text
    assert not page.attributes("img")
    assert "Examples" not in page.text
    rows = [row for row in page.rows if row[0] in {"dense", "1", "2", "3, kept"}]
    assert [len(row) for row in rows] == [6] * 4


@pytest.mark.parametrize(
    ("pq", "told"),
    [
        ((0.612, 0.605), "It was cut in one step."),
        ((0.612, 0.605, 0.6), "The last of 2 stages was kept."),
        ((0.5, 0.5004), "PQ went from 0.500 to 0.500, no change."),
        ((0.5, 0.512), "PQ went from 0.500 to 0.512, a gain of 0.012."),
        ((0.5, math.nan), "What it lost in PQ is not known."),
    ],
)
def test_the_last_stage_is_kept(report: CompressReport, tmp_path: Path, pq: tuple[float, ...], told: str) -> None:
    stages = tuple(stage(number, score) for number, score in enumerate(pq))
    page = written(dataclasses.replace(report, stages=stages, kept=len(pq) - 1), tmp_path)
    assert told in page.text
    assert "more than was allowed" not in page.text


def test_several_stages_lost_too_much(report: CompressReport, tmp_path: Path) -> None:
    page = written(dataclasses.replace(report, kept=1, settings={"allowed_drop": math.inf}), tmp_path)
    assert "Stage 1 was kept. Stages 2 to 3 lost at least 0.024 in PQ, more than was allowed." in page.text
    assert ["allowed_drop", "no limit"] in page.rows


def test_no_stage_was_good_enough(report: CompressReport, tmp_path: Path) -> None:
    page = written(dataclasses.replace(report, stages=report.stages[:2], kept=0, examples=()), tmp_path)
    assert "but no compact model was kept. Stage 1 lost 0.007 in PQ, more than was allowed (0.05)." in page.text
    assert "% left" not in page.text
    assert "→" not in page.text
    assert not any("kept" in attributes.get("class", "") for _, attributes in page.tags)
    assert len(page.pictures()) == 1


def test_the_plot_shows_the_kept_stage_and_the_cuts(report: CompressReport) -> None:
    def decoded(of: CompressReport) -> NDArray[np.int64]:
        return cv2.imdecode(np.frombuffer(score_plot(of), np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(np.int64)

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


def test_cuts_far_below_the_plot_are_told_of(report: CompressReport, tmp_path: Path) -> None:
    assert drops_out(dataclasses.replace(report, stages=(stage(0, 0.6), stage(1, 0.58, cut_pq=0.01)), kept=1))
    near = dataclasses.replace(report, stages=(stage(0, 0.6), stage(1, 0.58, cut_pq=0.57)), kept=1)
    assert not drops_out(near)
    assert "below the plot" in written(report, tmp_path).text
    assert "below the plot" not in written(near, tmp_path).text


def test_threads_do_not_disturb_each_other(report: CompressReport) -> None:
    with ThreadPoolExecutor(4) as pool:
        plots = list(pool.map(score_plot, [report] * 6))
    assert set(plots) == {score_plot(report)}


def test_a_report_that_cannot_be_made_leaves_the_old_one(report: CompressReport, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")
    broken = dataclasses.replace(example(), image=np.zeros((3, 3, 7), np.uint8))
    with pytest.raises(TypeError):
        write_report(dataclasses.replace(report, examples=(broken,)), path)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_it_can_be_mailed(report: CompressReport, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    noise = cv2.GaussianBlur(rng.normal(size=(500, 500, 3)).astype(np.float32), (0, 0), 1.0) * 80 + (190, 130, 180)
    labels = np.kron(np.arange(1, 401, dtype=np.int32).reshape(20, 20), np.pad(np.ones((15, 15), np.int32), 5))
    busy = dataclasses.replace(
        example(), image=noise.clip(0, 255).astype(np.uint8), truth=labels, dense=labels, compact=labels
    )
    write_report(dataclasses.replace(report, examples=(busy,) * 4), tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 3_000_000
