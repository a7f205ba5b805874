"""The page around a report."""

import pytest

from napari_pathprune.workflows.report.page import embed_picture, write_page


def test_a_page_is_complete_and_its_title_is_plain_text(tmp_path):
    write_page("a < b", ["<h1>x</h1>"], tmp_path / "page.html", ".mine { color: red; }")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert "<title>a &lt; b</title>" in text
    assert ".mine { color: red; }" in text
    assert text.rstrip().endswith("<h1>x</h1>\n</main></body></html>")


def test_a_page_that_fails_leaves_the_old_one(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("old")

    def fail():
        yield "<p>"
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write_page("title", fail(), path)
    assert path.read_text() == "old"


def test_pictures_are_embedded():
    assert embed_picture(b"\x00", "jpeg") == "data:image/jpeg;base64,AA=="
