"""A stopped run resumes with the same facts only, and the message names what changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_pathprune.base.ledger import Ledger, check_unchanged, first_difference

FACTS = {"slide": "a.svs", "region": (0, 0, 10, 10), "fit": {"steps": 9}}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "run" / "ledger.json", "remove the folder to start again")


def test_nothing_is_checked_before_the_first_run(ledger: Ledger) -> None:
    ledger.check(FACTS)
    assert not ledger.exists
    assert ledger.facts == {}


def test_the_facts_of_a_run_are_those_of_its_file(ledger: Ledger) -> None:
    ledger.begin(FACTS)
    assert Ledger(ledger.path, "").facts == FACTS | {"region": [0, 0, 10, 10]}
    assert [path.name for path in ledger.path.parent.iterdir()] == ["ledger.json"]


def test_the_same_facts_and_facts_that_are_no_longer_asked_for_pass(ledger: Ledger) -> None:
    ledger.begin(FACTS)
    ledger.check(FACTS)
    ledger.check({"slide": "a.svs"})


def test_another_fact_is_named_with_the_remedy(ledger: Ledger) -> None:
    ledger.begin(FACTS)
    expected = (
        r"run was left by a run with fit\.steps = 9, but it is 8 now: "
        r"use the same settings, or remove the folder to start again$"
    )
    with pytest.raises(ValueError, match=expected):
        ledger.check(FACTS | {"fit": {"steps": 8}})


@pytest.mark.parametrize(("text", "words"), [('{"slide": ', "is damaged"), ("[1]", "is not the ledger of a run")])
def test_a_damaged_file_is_named(ledger: Ledger, text: str, words: str) -> None:
    ledger.begin(FACTS)
    ledger.path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"ledger\.json {words}: remove the folder"):
        ledger.check(FACTS)


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, ""),
        ({}, {"a": 1}, "a = None, but it is 1 now"),
        ({"a": [1, 2]}, {"a": [1]}, "a[1] = 2, but it is None now"),
        ({"a": '{"b": [1]}'}, {"a": '{"b": [2]}'}, "a.b[0] = 1, but it is 2 now"),
        ({"a": "x" * 200}, {"a": "y"}, f"a = {'x' * 40} ... {'x' * 40}, but it is y now"),
    ],
)
def test_the_first_difference_is_named(before: dict[str, object], now: dict[str, object], words: str) -> None:
    assert first_difference(before, now) == words


def test_a_tuple_and_the_list_that_json_makes_of_it_are_the_same() -> None:
    check_unchanged({"caps": ["a", "b"]}, {"caps": ("a", "b")}, Path("x"), "")
