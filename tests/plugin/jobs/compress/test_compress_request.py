"""A request becomes a command line that `pathprune` understands."""

from pathlib import Path

import pytest
from typer.main import get_command

from napari_pathprune.cli.command_line import build_app
from napari_pathprune.plugin.jobs.compress.compress_request import CompressRequest, next_free
from napari_pathprune.plugin.jobs.compress.cut_preview import CutSettings

FULL = CompressRequest(
    "hovernet-s",
    Path("/data"),
    Path("/out/small.safetensors"),
    CutSettings("channels", 0.75, "l1", "max", 0.5, 8, ("d0.block[0:8]", "conv0")),
    stages=3,
    allowed_drop=0.02,
    fit_steps=100,
    learning_rate=0.001,
    teacher="parent",
)


def parse(request):
    command = get_command(build_app(request.verb)).commands[request.verb]
    return command.make_context(request.verb, list(request.arguments()[1:])).params


def test_every_setting_of_a_compression_is_an_option():
    given = {name: value for name, value in parse(FULL).items() if value not in (None, False, ())}
    assert given == {
        "model": "hovernet-s",
        "source": Path("/data"),
        "out": Path("/out/small.safetensors"),
        "ratio": pytest.approx(0.25),
        "criterion": "l1",
        "decider": "max",
        "max_skip_ratio": 0.5,
        "round_to": 8,
        "steps": 3,
        "allowed_drop": 0.02,
        "cap": ["d0.block[0:8]=0", "conv0=0"],
        "fit_steps": 100,
        "learning_rate": 0.001,
        "teacher": "parent",
    }


def test_a_fine_tuning_has_no_options_of_a_cut():
    request = CompressRequest("m", Path("/data.toml"), Path("/out/tuned.safetensors"))
    given = {name: value for name, value in parse(request).items() if value not in (None, False, ())}
    assert given == {"model": "m", "source": Path("/data.toml"), "out": Path("/out/tuned.safetensors")}


def test_a_slide_without_labels_takes_the_place_of_the_images():
    request = CompressRequest("m", None, Path("/out/s.safetensors"), CutSettings(), slide=Path("/a b.svs"), mpp=0.25)
    params = parse(request)
    assert (params["source"], params["unlabelled"], params["mpp"]) == (None, ["/a b.svs"], 0.25)
    assert CompressRequest.from_json(request.to_json()) == request


def test_a_request_comes_back_from_json():
    assert CompressRequest.from_json(FULL.to_json()) == FULL
    assert CompressRequest.from_json(CompressRequest("m", Path("d"), Path("o")).to_json()).cut is None


def test_the_next_free_name_avoids_models_and_stages(tmp_path):
    path = tmp_path / "small.safetensors"
    assert next_free(path) == path
    path.touch()
    (tmp_path / "small-2.stages").mkdir()
    assert next_free(path).name == "small-3.safetensors"
