"""Regions are parsed and checked, and every slide has a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_pathprune.cli.options.arguments import assign_folders, parse_region


def test_a_region_becomes_a_box() -> None:
    assert parse_region("10,5,90,80", (120, 130)) == (5, 10, 85, 100)
    assert parse_region(" 0, 0, 130, 120", (120, 130)) == (0, 0, 120, 130)


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3,4,5", "a,b,c,d", "1.5,2,3,4", ""])
def test_four_whole_numbers_are_expected(text: str) -> None:
    with pytest.raises(ValueError, match="four whole numbers x,y,w,h"):
        parse_region(text, (120, 130))


@pytest.mark.parametrize("text", ["-1,0,5,5", "0,-1,5,5", "0,0,0,5", "0,0,5,0", "126,0,5,5", "0,116,5,5"])
def test_a_region_outside_the_slide_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="130 px wide and 120 px high"):
        parse_region(text, (120, 130))


def test_one_slide_uses_the_folder_itself() -> None:
    assert assign_folders([Path("x/a.svs")], Path("out")) == [Path("out")]


def test_several_slides_use_folders_of_their_names() -> None:
    assert assign_folders([Path("x/a.svs"), Path("y/b.tif")], Path("out")) == [Path("out/a"), Path("out/b")]
    with pytest.raises(ValueError, match="2 slides called 'a'"):
        assign_folders([Path("x/a.svs"), Path("y/a.tif")], Path("out"))
