"""Whatever a result depends on is compared, and mistakes show before the first tile."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_pathprune.slides.reader import Slide, open_slide, slide_from_arrays
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.segment.result_files import LABELS, OUTLINES, RUN, TABLE
from napari_pathprune.workflows.segment.run_facts import FACTS, check_run, collect_facts, read_finished


def collect(slide: Slide, checkpoint: Checkpoint) -> dict[str, object]:
    return collect_facts(slide, checkpoint, region=None, tissue_only=True, scaling="fixed")


def test_another_file_of_the_same_name_shape_size_and_time_differs(checkpoint: Checkpoint, tmp_path: Path) -> None:
    path, found = tmp_path / "slide.tif", []
    pixels = np.random.default_rng(0).integers(0, 255, (300, 260, 3), np.uint8)
    for image in (pixels, pixels[::-1]):
        tifffile.imwrite(path, image, photometric="rgb")
        os.utime(path, ns=(10**18, 10**18))
        with open_slide(path, mpp=0.25) as slide:
            found.append(collect(slide, checkpoint))
    differing = {name for name, value in found[0].items() if value != found[1][name]}
    assert differing == {"slide_pixels"}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"mpp": 0.5}, "model_mpp"),
        ({"type_names": ("a", "b", "c", "d")}, "model_types"),
        ({"config": {"mode": "original"}}, "model_config"),
    ],
)
def test_another_header_of_the_model_differs(checkpoint: Checkpoint, change: dict[str, object], name: str) -> None:
    slide = slide_from_arrays([np.zeros((50, 60, 3), np.uint8)], mpp=0.25)
    before, now = collect(slide, checkpoint), collect(slide, dataclasses.replace(checkpoint, **change))  # type: ignore[arg-type]
    assert [key for key, value in before.items() if value != now[key]] == [name]


def test_runs_of_earlier_versions_had_one_phase(checkpoint: Checkpoint, tmp_path: Path) -> None:
    slide = slide_from_arrays([np.zeros((50, 60, 3), np.uint8)], mpp=0.25)
    one, four = (
        collect_facts(slide, checkpoint, region=None, tissue_only=True, scaling="fixed", phases=n) for n in (1, 4)
    )
    for name in (LABELS, TABLE, OUTLINES):
        (tmp_path / name).touch()
    run = {"tiles": 1, "nuclei": 2, "seconds": 3.0, "megapixels": 4.0, "region_yxyx_px": [0, 0, 50, 60]}
    for facts, other, was in ((one, four, "1, but it is 4 now"), (four, one, "4, but it is 1 now")):
        (tmp_path / RUN).write_text(json.dumps({**run, FACTS: facts}), encoding="utf-8")
        assert read_finished(tmp_path, facts) is not None
        with pytest.raises(ValueError, match=f"phases = {was}"):
            read_finished(tmp_path, other)
    earlier = {name: value for name, value in one.items() if name != "phases"}
    (tmp_path / RUN).write_text(json.dumps({**run, FACTS: earlier}), encoding="utf-8")
    assert read_finished(tmp_path, one) is not None
    with pytest.raises(ValueError, match="phases = 1, but it is 4 now"):
        read_finished(tmp_path, four)


def test_mistakes_show_before_the_first_tile(checkpoint: Checkpoint, tmp_path: Path) -> None:
    slide = slide_from_arrays([np.zeros((50, 60, 3), np.uint8)], mpp=0.25)
    unknown = slide_from_arrays([np.zeros((50, 60, 3), np.uint8)])
    (tmp_path / "file").touch()
    (tmp_path / "a" / RUN).mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / LABELS).symlink_to(tmp_path / "a")
    with pytest.raises(ValueError, match="pass mpp"):
        check_run(unknown, checkpoint, tmp_path / "new", model_name="m", region=None)
    with pytest.raises(ValueError, match="not inside the slide"):
        check_run(slide, checkpoint, tmp_path / "new", model_name="m", region=(0, 0, 51, 5))
    with pytest.raises(ValueError, match="is not UTF-8"):
        check_run(slide, checkpoint, tmp_path / os.fsdecode(b"\xff"), model_name="m", region=None)
    with pytest.raises(NotADirectoryError):
        check_run(slide, checkpoint, tmp_path / "file" / "new", model_name="m", region=None)
    with pytest.raises(IsADirectoryError):
        check_run(slide, checkpoint, tmp_path / "a", model_name="m", region=None)
    with pytest.raises(ValueError, match="is a link"):
        check_run(slide, checkpoint, tmp_path / "b", model_name="m", region=None)
    assert check_run(slide, checkpoint, tmp_path / "new", model_name="m", region=None) == checkpoint.mpp
    assert not (tmp_path / "new").exists()
