"""Model files come back bit-equal; other files are refused, and nothing in them is executed."""

import dataclasses
import json
import os
import pickle
import re
import stat
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from napari_pathprune.base.packaged_file import packaged_models
from napari_pathprune.models import build
from napari_pathprune.pruning import choose, compact, importance, trace
from napari_pathprune.workflows import checkpoint as module
from napari_pathprune.workflows.checkpoint import Checkpoint, find, load, save
from napari_pathprune.workflows.checkpoint_header import FORMAT, HEADER_KEY

CONFIG = {"mode": "fast", "num_types": 4, "width": 0.0625}


@pytest.fixture
def dense(tiny_hovernet):
    return Checkpoint(
        architecture="hovernet",
        config=CONFIG,
        weights=tiny_hovernet.state_dict(),
        lineage=({"step": "trained", "steps": 7, "images": ["a", "b"]}, {"step": "pruned", "ratio": 0.5}),
        type_names=("background", "neoplastic", "inflammatory", "connective"),
        mpp=0.5,
        licence="CC0-1.0",
        card={"PQ": {"left out": 0.43}, "note": "für Demonstration"},
    )


@pytest.fixture
def file(dense, tmp_path):
    save(dense, tmp_path / "dense.safetensors")
    return tmp_path / "dense.safetensors"


def same(one, other):
    assert list(one) == list(other)
    return all(one[name].dtype == other[name].dtype and torch.equal(one[name], other[name]) for name in one)


def test_a_dense_model_comes_back_bit_equal_with_its_metadata(dense, file, tiny_hovernet):
    loaded = load(file)
    assert same(dict(sorted(loaded.weights.items())), dict(sorted(dense.weights.items())))
    for entry in dataclasses.fields(Checkpoint):
        if entry.name != "weights":
            assert getattr(loaded, entry.name) == getattr(dense, entry.name), entry.name
    model = loaded.model()
    assert not model.training
    image = torch.rand(1, 3, 96, 104) * 255
    with torch.inference_mode():
        assert all(torch.equal(m, tiny_hovernet(image)[name]) for name, m in model(image).items())


def test_a_compact_model_comes_back_bit_equal(dense, tiny_hovernet, tmp_path):
    graph = trace(tiny_hovernet, torch.zeros(1, 3, 96, 96))
    plan = choose(graph, importance(tiny_hovernet, graph, criterion="l2"), ratio=0.4)
    small = compact(tiny_hovernet, graph, plan, verify=False)
    save(dataclasses.replace(dense, weights=small.state_dict()), tmp_path / "small.safetensors")
    loaded = load(tmp_path / "small.safetensors")
    assert loaded.params == sum(p.numel() for p in small.parameters()) < 0.7 * dense.params
    model = loaded.model()
    assert same(model.state_dict(), small.state_dict())
    image = torch.rand(1, 3, 104, 96) * 255
    with torch.inference_mode():
        assert all(torch.equal(m, small(image)[name]) for name, m in model(image).items())


def test_models_of_one_checkpoint_share_nothing(dense):
    one, other = dense.model(), dense.model()
    with torch.no_grad():
        for parameter in one.parameters():
            parameter.zero_()
    assert same(other.state_dict(), dict(dense.weights))


def test_params_are_those_of_the_model(dense):
    assert dense.params == sum(p.numel() for p in dense.model().parameters())


def test_half_precision_halves_the_file_and_rounds_once(dense, file, tmp_path):
    half = tmp_path / "half.safetensors"
    save(dense, half, half=True)
    assert half.stat().st_size < 0.75 * file.stat().st_size
    weights = load(half).weights
    for name, tensor in dense.weights.items():
        expected = tensor.half().float() if tensor.dtype == torch.float32 else tensor
        assert weights[name].dtype == tensor.dtype
        assert torch.equal(weights[name], expected), name
    again = tmp_path / "again.safetensors"
    save(load(half), again, half=True)
    assert same(load(again).weights, weights)


def test_half_precision_does_not_overflow(dense, tmp_path):
    weights = dict(dense.weights)
    weights["conv0.bn.running_var"] = torch.full((4,), 1e6)
    save(dataclasses.replace(dense, weights=weights), tmp_path / "half.safetensors", half=True)
    loaded = load(tmp_path / "half.safetensors").weights
    assert torch.equal(loaded["conv0.bn.running_var"], weights["conv0.bn.running_var"])


def test_channels_last_weights_are_saved_as_they_are(dense, tmp_path):
    model = dense.model().to(memory_format=torch.channels_last)
    save(dataclasses.replace(dense, weights=model.state_dict()), tmp_path / "last.safetensors")
    assert same(dict(sorted(load(tmp_path / "last.safetensors").weights.items())), dict(sorted(dense.weights.items())))


def test_a_file_is_as_readable_as_others_are(file, tmp_path):
    (tmp_path / "plain").write_text("x")
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize("length", range(8))
def test_headers_of_every_length_are_read(dense, tmp_path, length):
    """A safetensors file starts with the length of its header, whose bytes may look like those of a pickle."""
    path = tmp_path / "m.safetensors"
    few = dataclasses.replace(dense, weights={"a": torch.zeros(1)}, lineage=())
    for pad in range(length * 32, length * 32 + 32, 4):
        save(dataclasses.replace(few, licence="x" * pad), path)
        assert load(path).licence == "x" * pad


def test_headers_that_look_like_a_pickle_occur(dense, tmp_path):
    """Make sure that the test above meets a file that starts like a pickle."""
    few, starts = dataclasses.replace(dense, weights={"a": torch.zeros(1)}, lineage=()), set()
    for pad in range(0, 256, 4):
        save(dataclasses.replace(few, licence="x" * pad), tmp_path / "m.safetensors")
        starts.add((tmp_path / "m.safetensors").read_bytes()[0])
    assert 0x80 in starts


# Files that are no model ---------------------------------------------------------------------------------------------


def test_the_message_on_a_missing_model_lists_the_packaged_ones(tmp_path):
    with pytest.raises(ValueError, match=r"there is no model .*nothing.safetensors.*give a file") as caught:
        load(tmp_path / "nothing.safetensors")
    for name in packaged_models():
        assert name in str(caught.value)


def test_packaged_models_are_found_by_name(monkeypatch, file):
    monkeypatch.setattr(module, "packaged_models", lambda: {"tiny": file})
    assert find("tiny") == file
    assert load("tiny").licence == "CC0-1.0"
    with pytest.raises(ValueError, match="one of tiny"):
        find("tinny")
    assert find(file) == file


def test_a_folder_is_reported_as_such(tmp_path):
    with pytest.raises(ValueError, match="is a folder"):
        load(tmp_path)


def test_an_empty_file_is_reported_as_such(tmp_path):
    (tmp_path / "m.safetensors").touch()
    with pytest.raises(ValueError, match="is empty"):
        load(tmp_path / "m.safetensors")


@pytest.mark.parametrize("share", [0.00001, 0.0001, 0.05, 0.5, 0.999999])
def test_a_truncated_file_is_reported_as_such(file, share):
    content = file.read_bytes()
    file.write_bytes(content[: max(1, int(share * len(content)))])
    with pytest.raises(ValueError, match=f"{re.escape(str(file))} is not a model file, or is truncated"):
        load(file)


@pytest.mark.parametrize(
    "content", [b"hello, this is no model", b"II*\0" + bytes(100), b"{", b'{"a": 1}', b"\xff" * 64]
)
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="not a model file"):
        load(tmp_path / "m.safetensors")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_safetensors_of_another_program_are_refused(tmp_path, metadata):
    save_file({"a": torch.zeros(2)}, tmp_path / "m.safetensors", metadata=metadata)
    with pytest.raises(ValueError, match="no pathprune header; it was written by another program"):
        load(tmp_path / "m.safetensors")


def test_a_newer_format_asks_for_an_update(tmp_path):
    header = {HEADER_KEY: json.dumps({"format": "pathprune-99"})}
    save_file({"a": torch.zeros(2)}, tmp_path / "m.safetensors", metadata=header)
    with pytest.raises(ValueError, match="'pathprune-99'; this version reads 'pathprune-1': update"):
        load(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    "header",
    ["{", "[]", "3", '"x"', json.dumps({"format": FORMAT}), json.dumps({"format": FORMAT, "stored_as_half": ["a"]}),
     json.dumps({"format": FORMAT, "stored_as_half": {"z": "float32"}}),
     json.dumps({"format": FORMAT, "stored_as_half": {"a": "load"}})],
)  # fmt: skip
def test_a_damaged_header_is_reported_as_such(tmp_path, header):
    save_file({"a": torch.zeros(2)}, tmp_path / "m.safetensors", metadata={HEADER_KEY: header})
    with pytest.raises(ValueError, match="damaged pathprune header"):
        load(tmp_path / "m.safetensors")


def test_weights_of_another_architecture_are_refused(dense):
    untyped = dataclasses.replace(dense, config={**CONFIG, "num_types": None})
    with pytest.raises(ValueError, match=r"not those of a hovernet with .*: 0 keys are missing, \d+ are unknown"):
        untyped.model()


@pytest.mark.parametrize("change", [{"architecture": "unet-of-mine"}, {"config": {"depth": 3}}])
def test_an_architecture_that_is_not_known_is_named(dense, change):
    with pytest.raises(ValueError, match=r"unet-of-mine|depth"):
        dataclasses.replace(dense, **change).model()


# Saving ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.pth", "model", "model.safetensors.gz"])
def test_other_endings_are_refused(dense, tmp_path, name):
    with pytest.raises(ValueError, match=r"written as .safetensors"):
        save(dense, tmp_path / name)


def test_a_changed_model_has_no_scores_of_its_own(dense):
    scored = dataclasses.replace(dense, card={"purpose": "for demonstration", "PQ": 0.4})
    changed = scored.with_step(dict(dense.weights), {"step": "pruned"})
    assert changed.card == {"purpose": "for demonstration"}
    assert changed.lineage == (*dense.lineage, {"step": "pruned"})


def test_missing_type_names_are_reported(dense, tmp_path):
    save(dataclasses.replace(dense, type_names=("background", "neoplastic")), tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match="names 2 types, but its network has 4"):
        load(tmp_path / "m.safetensors")


def test_a_folder_that_does_not_exist_is_named(dense, tmp_path):
    with pytest.raises(ValueError, match=r"the folder .*nowhere does not exist"):
        save(dense, tmp_path / "nowhere" / "m.safetensors")


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, MemoryError])
def test_an_interrupted_save_leaves_the_old_file_and_nothing_else(dense, file, monkeypatch, error):
    before = file.read_bytes()
    whole = Path.write_bytes

    def half(path, content):
        whole(path, bytes(content)[: len(content) // 2])
        raise error

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(error):
        save(dataclasses.replace(dense, licence="new"), file)
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert file.read_bytes() == before


def test_a_full_disk_is_reported(dense, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="disk full"):
        save(dense, tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_values_that_json_cannot_hold_leave_no_file(dense, tmp_path):
    with pytest.raises(TypeError):
        save(dataclasses.replace(dense, card={"when": object()}), tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


# Pickles ---------------------------------------------------------------------------------------------------------


class Shell:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


class Python:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return exec, (f"open({str(self.marker)!r}, 'w').close()",)


def zipped(content, path):
    torch.save(content, path)


def legacy(content, path):
    torch.save(content, path, _use_new_zipfile_serialization=False)


def bare(protocol):
    def write(content, path):
        path.write_bytes(pickle.dumps(content, protocol=protocol))

    return write


@pytest.mark.parametrize("payload", [Shell, Python])
@pytest.mark.parametrize("write", [zipped, legacy, bare(0), bare(2), bare(4), bare(5)])
@pytest.mark.parametrize("place", ["alone", "in desc", "beside desc"])
def test_a_pickle_that_would_execute_code_is_refused_and_nothing_runs(tmp_path, payload, write, place):
    marker, path = tmp_path / "marker", tmp_path / "model.tar"
    bomb = payload(marker)
    tensors = {"conv0./.weight": torch.zeros(1)}
    contents = {"alone": bomb, "in desc": {"desc": {**tensors, "x": bomb}}, "beside desc": {"desc": tensors, "x": bomb}}
    write(contents[place], path)
    with pytest.raises(ValueError, match=r"model.tar is (refused.*nothing of it was executed|not a model file)"):
        load(path)
    assert not marker.exists()


def test_the_payloads_work(tmp_path):
    """Make sure that the payloads of the test above would run if the pickle were loaded."""
    for number, payload in enumerate((Shell, Python)):
        marker = tmp_path / f"marker{number}"
        pickle.loads(pickle.dumps(payload(marker)))  # noqa: S301 - made by this test
        assert marker.exists()


@pytest.mark.parametrize("write", [zipped, legacy])
def test_damaged_pickles_are_refused(tmp_path, write):
    path = tmp_path / "model.tar"
    model = build("hovernet", width=0.01)
    write({"desc": dict(list(model.state_dict().items())[:8])}, path)
    content = path.read_bytes()
    broken = [content[:cut] for cut in range(1, min(len(content), 1500), 37)]
    broken += [
        content[:place] + bytes([content[place] ^ 0x5A]) + content[place + 1 :]
        for place in range(0, min(len(content), 1500), 41)
    ]
    for damaged in broken:
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"model\.tar"):
            load(path).model()
