"""The ceiling of agreement travels in the card of a model, and nothing is invented where there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from napari_pathprune.workflows.checkpoint import load
from napari_pathprune.workflows.checkpoint_card import update_card
from napari_pathprune.workflows.evaluate.ceiling import (
    CARD_KEY,
    Ceiling,
    advise_on_ceiling,
    find_ceiling,
    read_ceiling,
)

MEASURED = Ceiling("tiny.safetensors", {"pq": 0.87, "f1": 0.94, "dice": 0.93}, 5, 1, "a.svs (8 windows)")


def test_a_card_has_one_ceiling_for_each_number_of_phases() -> None:
    averaged = Ceiling("tiny.safetensors", {"pq": 0.95}, 5, 4, "a.svs (8 windows)")
    card = {**MEASURED.to_card(), **averaged.to_card()}
    assert read_ceiling(card, "tiny.safetensors") == MEASURED
    assert read_ceiling(card, "tiny.safetensors", 4) == averaged
    assert "averaged over 4 phases" in averaged.line


@pytest.mark.parametrize(
    "entry", [None, 0.87, [], {}, {"PQ": "high"}, {"PQ": 1.2, "largest shift in px": 5}, {"PQ": 0.8}, {"PQ": True}]
)
def test_other_entries_are_not_taken_for_a_ceiling(entry: object) -> None:
    assert read_ceiling({CARD_KEY: entry}, "tiny") is None


def test_the_ceiling_of_a_file_is_found_if_its_weights_are_those_that_are_meant(model_file: Path) -> None:
    assert find_ceiling(str(model_file)) is None
    update_card(model_file, MEASURED.to_card())
    assert find_ceiling(str(model_file)) == MEASURED
    assert find_ceiling(str(model_file), 4) is None
    assert find_ceiling(str(model_file), 1, load(model_file).fingerprint()) == MEASURED
    assert find_ceiling(str(model_file), 1, "0123456789abcdef") is None


def test_a_model_that_is_gone_has_no_ceiling(tmp_path: Path) -> None:
    assert find_ceiling(str(tmp_path / "gone.safetensors")) is None


def test_the_advice_is_a_command_that_measures_what_is_missing() -> None:
    assert advise_on_ceiling("m", 4) == "ceiling not measured: pathprune evaluate m --shift --phases 4 --to-card"


def test_a_ceiling_is_looked_up_without_torch() -> None:
    """Importing it takes seconds, in which the window of a dock that compares would not answer."""
    code = (
        "import sys; from napari_pathprune.workflows.compare.compare import compare; "
        "from napari_pathprune.workflows.evaluate.ceiling import find_ceiling; "
        "print(find_ceiling('hovernet-s') is not None, 'torch' in sys.modules)"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.split() == ["True", "False"]
