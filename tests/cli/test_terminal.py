"""Results are printed as they are, as a table or as JSON."""

from __future__ import annotations

import json

import pytest

from napari_pathprune.cli.terminal import make_table, print_json, print_result


def test_a_text_is_printed_without_markup_and_unwrapped(capsys: pytest.CaptureFixture[str]) -> None:
    text = f"[red]out[/red] {'long ' * 60}end"
    print_result(text)
    assert capsys.readouterr().out == f"{text}\n"


def test_a_table_has_all_cells(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(make_table(("", "nuclei"), [("dense", "77"), ("compact", "70")], "Both"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].strip() == "Both"
    assert [line for line in lines if "compact" in line and "70" in line]


def test_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [1, None]})
    assert json.loads(capsys.readouterr().out) == {"a": [1, None]}


def test_text_of_files_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "[/nope][bold]x\x1b[31m"
    print_result(hostile)
    print_result(make_table(("", hostile), [(hostile, "1")], hostile))
    out = capsys.readouterr().out
    assert out.count(r"[/nope][bold]x\x1b[31m") == 4
    assert "\x1b" not in out
