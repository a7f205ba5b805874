import dataclasses

import pytest

from napari_pathprune.plugin.widgets.model.model_words import describe_speed, list_card, list_facts, list_history
from napari_pathprune.workflows.info.measure_speed import Speed
from napari_pathprune.workflows.info.model_info import describe


@pytest.fixture(scope="module")
def description():
    return describe("hovernet-s-compact")


def test_facts_name_architecture_pixel_size_cost_and_licence(description):
    assert list_facts(description) == [
        ("Architecture", "HoVer-Net (mode fast, width 0.25)"),
        ("Pixel size", "0.25 µm/px"),
        ("Parameters", "326,185 (14% of 2,369,624 before pruning)"),
        ("MACs", "1.32 G for 256 px in, 164 px out"),
        ("Licence", "BSD-3-Clause (weights); training data CC0-1.0, BSD-3-Clause and MIT"),
    ]


def test_what_is_unknown_is_said_to_be_so(description):
    bare = dataclasses.replace(description.checkpoint, mpp=None, lineage=(), card={})
    other = dataclasses.replace(description, checkpoint=bare)
    facts = dict(list_facts(other))
    assert facts["Pixel size"] == "unknown"
    assert facts["Parameters"] == "326,185"
    ((name, text),) = list_card(other)
    assert name == "Ceiling of agreement"
    assert text.startswith("not measured: pathprune evaluate ")
    assert list_history(other) == [("Steps", "not recorded")]


def test_training_data_and_steps_are_the_history(description):
    names, texts = zip(*list_history(description), strict=True)
    assert names == ("Trained on", *(f"Step {number}" for number in range(1, 7)))
    assert texts[0].startswith("85 tissue images")
    assert texts[4].startswith("Pruned by taylor: 2894 of 4640 channels cut")


def test_the_card_holds_the_rest(description):
    card = dict(list_card(description))
    assert card["Purpose"] == "for demonstration, not for diagnosis"
    assert "Trained on" not in card
    assert card["Scores on kumar_monuseg"].startswith("unseen images 9, pq 0.4091")


def test_a_speed_is_worded_as_time_for_a_square_millimetre():
    assert describe_speed(Speed(20.4, "CPU, 2 threads")) == "1 mm² takes about 20 s (CPU, 2 threads)"
