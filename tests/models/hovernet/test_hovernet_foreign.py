"""Checkpoints of other implementations give the same network, with every key accounted for."""

import pytest
import torch

from napari_pathprune.models.hovernet.hovernet import HoVerNet
from napari_pathprune.models.hovernet.hovernet_foreign import UNPOOL, convert_hovernet_weights, infer_hovernet_config
from napari_pathprune.workflows.checkpoint import load, save


def make_original(weights):
    """Return a checkpoint as the original implementation saves it."""
    return {"desc": weights, "optimizer": {"state": {}, "param_groups": [{"lr": 1e-4}]}, "lr_scheduler": {"step": 3}}


def make_prefixed(weights):
    """Return a checkpoint as the original implementation saves it from data-parallel training."""
    return make_original({f"module.{name}": tensor for name, tensor in weights.items()})


def make_flat(weights):
    """Return a checkpoint as TIAToolbox saves it."""
    return weights


@pytest.mark.parametrize(
    ("convert", "mode", "num_types"),
    [
        (make_original, "fast", 5),
        (make_prefixed, "fast", None),
        (make_flat, "fast", 5),
        (make_original, "original", None),
        (make_prefixed, "original", 3),
        (make_flat, "original", None),
    ],
)
def test_each_format_gives_the_same_network(tmp_path, convert, mode, num_types):
    torch.manual_seed(6)
    model = HoVerNet(mode=mode, num_types=num_types, width=0.0625).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    weights = dict(model.state_dict())
    path = tmp_path / "hovernet.tar"
    torch.save(convert(weights | {UNPOOL: torch.ones(2, 2)}), path)
    loaded = load(path)
    assert set(loaded.weights) == set(weights)  # every key, and no other
    assert loaded.config == {"mode": mode, "num_types": num_types, "width": 0.0625}
    assert len(loaded.type_names) == (num_types or 0)
    assert loaded.lineage == ({"step": "imported", "file": "hovernet.tar"},)
    assert loaded.licence == "not stated"
    rebuilt = loaded.model()
    assert rebuilt.mode == mode
    assert all(torch.equal(tensor, weights[name]) for name, tensor in rebuilt.state_dict().items())


@pytest.mark.parametrize("ending", ["tar", "pth", "pt"])
@pytest.mark.parametrize("zipped", [True, False])
def test_any_extension_is_read(tmp_path, tiny_hovernet, ending, zipped):
    path = tmp_path / f"model.{ending}"
    torch.save(make_flat(tiny_hovernet.state_dict()), path, _use_new_zipfile_serialization=zipped)
    assert load(path).config == {"mode": "fast", "num_types": 4, "width": 0.0625}


def test_a_foreign_checkpoint_can_be_saved_as_our_own(tmp_path, tiny_hovernet):
    torch.save(make_original(tiny_hovernet.state_dict()), tmp_path / "model.tar")
    save(load(tmp_path / "model.tar"), tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert again.lineage == ({"step": "imported", "file": "model.tar"},)
    assert all(torch.equal(again.weights[name], tensor) for name, tensor in tiny_hovernet.state_dict().items())


def test_only_the_prefix_and_the_upsampling_constant_are_removed():
    weights = convert_hovernet_weights(
        make_prefixed({"conv_bot.weight": torch.ones(2), "a.module.b": torch.ones(1), UNPOOL: torch.ones(2, 2)}), "x"
    )
    assert list(weights) == ["conv_bot.weight", "a.module.b"]


@pytest.mark.parametrize(
    "content",
    [
        None,
        3,
        "text",
        [torch.ones(1)],
        {"desc": {"a": 1}},
        {"desc": [1, 2]},
        {"epoch": 5},
    ],
)
def test_content_that_is_not_a_state_dict_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(ValueError, match=r"x\.pth holds no state dict of a HoVer-Net; expected tensors, or"):
        load(tmp_path / "x.pth")


def test_another_upsampling_is_refused():
    with pytest.raises(ValueError, match="does not repeat pixels"):
        convert_hovernet_weights({UNPOOL: torch.tensor([[1.0, 0.0], [0.0, 0.0]])}, "x")


@pytest.mark.parametrize("key", ["conv0./.weight", "decoder.np.u3.conva.weight", "decoder.hv.u0.conv.weight"])
@pytest.mark.parametrize("how", ["missing", "a number", "a vector"])
def test_another_network_is_refused_with_the_missing_key(tiny_hovernet, key, how):
    weights = dict(tiny_hovernet.state_dict())
    if how == "missing":
        del weights[key]
    else:
        weights[key] = torch.tensor(1.0) if how == "a number" else torch.ones(3)
    with pytest.raises(ValueError, match=f"net.tar is not a HoVer-Net: it has no convolution '{key}'"):
        infer_hovernet_config(weights, "net.tar")


def test_an_invalid_type_branch_is_refused(tiny_hovernet):
    weights = dict(tiny_hovernet.state_dict()) | {"decoder.tp.u0.conv.weight": torch.tensor(1.0)}
    with pytest.raises(ValueError, match=r"no convolution 'decoder\.tp\.u0\.conv\.weight'"):
        infer_hovernet_config(weights, "net.tar")


def test_an_empty_state_dict_is_refused(tmp_path):
    torch.save({}, tmp_path / "x.pth")
    with pytest.raises(ValueError, match="is not a HoVer-Net"):
        load(tmp_path / "x.pth")


def test_other_decoder_kernels_are_refused(tiny_hovernet):
    weights = dict(tiny_hovernet.state_dict()) | {"decoder.np.u3.conva.weight": torch.zeros(16, 64, 7, 7)}
    with pytest.raises(ValueError, match=r"kernels of 7 px; expected 3 .fast. or 5 .original."):
        infer_hovernet_config(weights, "net.tar")


def test_unknown_keys_are_named_when_the_model_is_built(tmp_path, tiny_hovernet):
    """HoVer-Net+ has another branch, which must not be dropped silently."""
    weights = dict(tiny_hovernet.state_dict()) | {"decoder.ls.u0.conv.weight": torch.zeros(5, 4, 1, 1)}
    torch.save(weights, tmp_path / "plus.pth")
    with pytest.raises(ValueError, match=r"1 are unknown \(decoder\.ls\.u0\.conv\.weight\)"):
        load(tmp_path / "plus.pth").model()


WRAPPERS = {
    "no counters": lambda w: {"desc": {n: t for n, t in w.items() if not n.endswith("num_batches_tracked")}},
    "state_dict": lambda w: {"state_dict": w, "epoch": 3},
    "model": lambda w: {"model": w, "optimizer": {}},
    "model_state_dict": lambda w: {"model_state_dict": w},
    "net": lambda w: {"net": w, "epoch": 1},
    "lightning": lambda w: {
        "state_dict": {"loss.weight": torch.ones(2), **{f"model.{n}": t for n, t in w.items()}},
        "optimizer_states": [{}],
    },
    "two prefixes": lambda w: {f"model._orig_mod.{n}": t for n, t in w.items()},
    "two wrappers": lambda w: {"model": {"state_dict": {f"net.module.{n}": t for n, t in w.items()}}},
    "half": lambda w: {n: t.half() if t.is_floating_point() else t for n, t in w.items()},
    "bfloat16": lambda w: {n: t.bfloat16() if t.is_floating_point() else t for n, t in w.items()},
}


@pytest.mark.parametrize("convert", WRAPPERS.values(), ids=WRAPPERS.keys())
def test_wrappers_and_prefixes_of_other_programs_load(tmp_path, convert):
    torch.manual_seed(6)
    weights = dict(HoVerNet(num_types=5, width=0.0625).state_dict())
    torch.save(convert(weights), tmp_path / "net.pth")
    loaded = load(tmp_path / "net.pth").model().state_dict()
    assert set(loaded) == set(weights)
    for name, tensor in weights.items():
        torch.testing.assert_close(loaded[name], tensor, rtol=0.01, atol=0.001)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"layer.weight": torch.ones(3)}, r"net\.pth is not a HoVer-Net: .*found 1 keys \(layer\.weight\)"),
        ({}, r"net\.pth is not a HoVer-Net: .*found no keys"),
        ({"epoch": 3, "args": {}}, r"net\.pth .*found 2 keys \(epoch, args\)"),
        ([1, 2], r"net\.pth holds no state dict .*found list"),
    ],
)
def test_what_cannot_load_names_the_file_and_its_keys(tmp_path, content, message):
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "net.pth")


def test_missing_and_unknown_keys_are_named_with_the_file(tmp_path):
    weights = dict(HoVerNet(num_types=5, width=0.0625).state_dict())
    weights["extra.weight"] = weights.pop("conv_bot.weight")
    torch.save(weights, tmp_path / "net.pth")
    with pytest.raises(
        ValueError, match=r"net\.pth does not hold .*1 keys are missing \(conv_bot\.weight\), 1 are unknown"
    ):
        load(tmp_path / "net.pth")
