"""The report of a comparison."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from napari_pathprune.slides.reader import slide_from_arrays
from napari_pathprune.workflows.checkpoint_card import update_card
from napari_pathprune.workflows.compare.compare import compare
from napari_pathprune.workflows.compare.comparison_report import (
    Compared,
    summarise_comparison,
    write_comparison_report,
)
from napari_pathprune.workflows.evaluate.ceiling import Ceiling


def finish(a, b, **options):
    *_, end = compare(a, b, **options)
    return Compared(end.comparison, a, b)


class Page(HTMLParser):
    """Collects the text, checks that elements are closed."""

    def __init__(self, source):
        super().__init__()
        self.open, self.text, self.pictures = [], [], 0
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.pictures += tag == "img" and dict(attributes)["src"].startswith("data:image/jpeg")
        if tag not in {"img", "meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.text.append(data.strip())


@pytest.fixture
def tissue(dense):
    return slide_from_arrays([np.full((*dense.slide_shape, 3), 200, np.uint8)], mpp=0.5)


@pytest.fixture
def measured(model_file):
    """Return the name of a model whose ceiling is known."""
    update_card(model_file, Ceiling("tiny", {"pq": 0.871, "f1": 0.942, "dice": 0.93}, 5, 1, "a.svs").to_card())
    return str(model_file)


def test_an_agreement_stands_beside_the_ceiling_of_the_model(dense, compact, measured, tmp_path):
    other = Ceiling("tiny", {"pq": 0.95}, 5, 4, "a.svs")
    update_card(Path(measured), other.to_card())
    for side, pq in ((dense, "0.871"), (replace(dense, phases=4), "0.950")):
        found = finish(replace(side, model=measured), replace(compact, model="gone.safetensors"))
        write_comparison_report([found], tmp_path / "report.html")
        page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
        line = next(text for text in page.text if "ceiling: PQ" in text)
        assert f"Agreement PQ 0.671; ceiling: PQ {pq}" in line
        assert "tiny.safetensors against itself, shifted by 1 to 5 px" in line
        assert pq in page.text  # a column of the scores
        assert found.comparison.to_dict()["ceiling"]["pq"] == float(pq)


def test_a_ceiling_that_was_not_measured_is_not_invented(dense, compact, measured):
    unknown = finish(replace(dense, model="hovernet.safetensors"), compact).comparison
    assert unknown.agreement_line == (
        "agreement PQ 0.671; ceiling not measured: pathprune evaluate hovernet.safetensors --shift --to-card"
    )
    assert unknown.to_dict()["ceiling"] is None
    of_b = finish(replace(dense, model="hovernet.safetensors"), replace(compact, model=measured)).comparison
    assert of_b.ceiling.scores["pq"] == 0.871
    replaced = finish(replace(dense, model=measured, fingerprint="0123456789abcdef"), compact).comparison
    assert replaced.ceiling is None  # the file holds other weights now


@pytest.mark.parametrize("options", [{}, {"is_truth": True}])
def test_drawn_nuclei_and_accuracy_have_no_ceiling(dense, compact, measured, options):
    model = measured if options else ""
    one = finish(replace(dense, model=model), compact, **options).comparison
    assert (one.ceiling, one.ceiling_line) == (None, "")


def test_a_report_states_numbers_and_shows_the_worst_regions(dense, compact, tissue, tmp_path):
    path = tmp_path / "report.html"
    write_comparison_report([finish(dense, replace(compact, name="<b>"))], path, tissue)
    page = Page(path.read_text(encoding="utf-8"))
    assert "dense and <b> compared" in page.text  # escaped
    assert "agreement" in page.text
    assert page.pictures == 2
    assert "only in dense" in page.text
    assert any(line.startswith("1. 3 of 5 nuclei disagree") for line in page.text)
    assert not any("plain background" in line for line in page.text)


def test_with_an_annotation_the_scores_are_accuracy(dense, compact, tissue, tmp_path):
    truth = replace(dense, name="annotation")
    compared = [finish(dense, compact), *(finish(truth, side, is_truth=True) for side in (dense, compact))]
    path = tmp_path / "report.html"
    write_comparison_report(compared, path, tissue)
    page = Page(path.read_text(encoding="utf-8"))
    assert page.text.count("accuracy") == 2
    assert page.pictures == 3
    assert "annotation" in page.text


def test_without_a_slide_outlines_are_on_a_plain_background(dense, compact, tmp_path):
    path = tmp_path / "report.html"
    write_comparison_report([finish(dense, compact)], path)
    page = Page(path.read_text(encoding="utf-8"))
    assert page.pictures == 2
    assert any("plain background" in line for line in page.text)


def test_the_summary_says_what_the_scores_are(dense, compact):
    text = summarise_comparison(finish(dense, compact).comparison)
    assert text.startswith("In 0.015 mm², dense has 4 nuclei and compact 4. Agreed: 2; only in dense: 1; only in")
    assert "not which of them is right" in text
    assert "accuracy of compact against" in summarise_comparison(finish(dense, compact, is_truth=True).comparison)
