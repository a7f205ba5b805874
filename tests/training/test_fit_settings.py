"""Settings out of range are refused with a message that names them."""

import pytest

from napari_pathprune.training.fit_settings import FitSettings


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": 0}, "steps = 0; give 1 or more"),
        ({"batch": -1}, "batch = -1"),
        ({"save_every": 0}, "save_every = 0"),
        ({"learning_rate": 0.0}, "learning_rate = 0.0; give a number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate = nan"),
        ({"warmup": 1.5}, "warmup = 1.5; give a share"),
        ({"averaging": -0.1}, "averaging"),
        ({"patience": 3}, "patience = 3, but validate_every = 0 .*; give validate_every too"),
        ({"patience": -1}, "patience = -1; give 0 or more"),
        ({"schedule": "cosin"}, "'cosin'; give one of cosine, one-cycle"),
        ({"norms": "keep"}, "norms 'keep'; give one of batch, kept"),
        ({"batch": 3, "devices": 2}, "batch of 3 for 2 devices; give a multiple of 2"),
    ],
)
def test_settings_out_of_range_are_named(change, words):
    with pytest.raises(ValueError, match=words):
        FitSettings(**change)


def test_workers_require_a_system_that_can_fork(monkeypatch):
    assert FitSettings(workers=2).workers == 2
    monkeypatch.setattr("multiprocessing.get_all_start_methods", lambda: ["spawn"])  # as on Windows
    with pytest.raises(ValueError, match=r"workers = 2, .*; give workers = 0"):
        FitSettings(workers=2)
