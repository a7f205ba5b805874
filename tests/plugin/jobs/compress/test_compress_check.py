"""Every problem of a request is reported before it starts, each in one line."""

import cv2
import numpy as np
import pytest
import tifffile

from napari_pathprune.plugin.jobs.compress import compress_check as module
from napari_pathprune.plugin.jobs.compress.compress_check import check_in_process, check_request
from napari_pathprune.plugin.jobs.compress.compress_request import CompressRequest
from napari_pathprune.plugin.jobs.compress.cut_preview import CutSettings


@pytest.fixture
def request_of(tmp_path):
    """Return a function that makes a request for two annotated images, with changes."""
    for part in ("images", "labels"):
        (tmp_path / "data" / part).mkdir(parents=True)
    for number in range(2):
        cv2.imwrite(str(tmp_path / "data" / "images" / f"{number}.png"), np.zeros((80, 80, 3), np.uint8))
        tifffile.imwrite(tmp_path / "data" / "labels" / f"{number}.tif", np.eye(80, dtype=np.uint16))

    def make(**changes):
        given = {"data": tmp_path / "data", "out": tmp_path / "small.safetensors", "cut": CutSettings(keep=0.5)}
        return CompressRequest("hovernet-s-compact", **{**given, **changes})

    return make


def test_a_good_request_has_no_problems_in_its_own_process(request_of):
    (checked,) = check_in_process(request_of())
    assert checked.problems == ()
    assert (checked.images, checked.held_out) == (2, 0)


def test_all_problems_are_reported_at_once(request_of, tmp_path):
    request = request_of(
        data=tmp_path / "nowhere",
        out=tmp_path / "no" / "small.safetensors",
        cut=CutSettings(keep=0.02, max_skip_ratio=0.1),
        teacher="nobody.safetensors",
    )
    problems = check_request(request).problems
    assert [any(part in line for line in problems) for part in ("no does not exist", "nowhere", "nobody", "at least")]
    assert len(problems) == 4
    assert not any("\n" in line for line in problems)


def test_a_drop_cannot_be_measured_without_validation_images(request_of):
    (problem,) = check_request(request_of(allowed_drop=0.02)).problems
    assert "validation images" in problem


def test_a_model_is_never_overwritten(request_of, tmp_path):
    out = tmp_path / "small.safetensors"
    out.touch()
    assert "exists already" in check_request(request_of(out=out)).problems[0]
    (tmp_path / "small.stages").mkdir()  # a compression that was stopped goes on
    assert check_request(request_of(out=out)).problems == ()
    assert "exists already" in check_request(request_of(out=out, cut=None)).problems[0]


def test_a_full_disk_is_reported(request_of, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage)
    assert "0 MB free" in check_request(request_of()).problems[0]


def test_a_check_that_fails_states_its_last_line(request_of, monkeypatch):
    monkeypatch.setattr(module.CompressRequest, "to_json", lambda _: "{")
    with pytest.raises(RuntimeError, match="JSONDecodeError"):
        next(check_in_process(request_of()))
