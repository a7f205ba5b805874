"""Our HoVer-Net gives what TIAToolbox's gives for the same weights, in both checkpoint formats."""

import pytest
import torch

from napari_pathprune.workflows.checkpoint import load

pytestmark = [pytest.mark.peers, pytest.mark.timeout(1800)]

CASES = [("fast", 6, 256), ("fast", None, 256), ("original", 5, 270), ("original", None, 270)]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def peer(request, tiatoolbox_hovernet):
    """A network of full width with random weights and batch norms whose statistics matter."""
    mode, num_types, size_px = request.param
    torch.manual_seed(8)
    model = tiatoolbox_hovernet(num_types=num_types, mode=mode).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.2)
    image = torch.rand(1, 3, size_px, size_px) * 255
    _tame(model, image)
    return model, {"mode": mode, "num_types": num_types, "width": 1.0}, image


def _tame(model, image):
    """Set each batch norm's statistics close to what comes in, so that logits are of the order of ten, as in life."""

    def measure(module, inputs):
        module.running_var.copy_(inputs[0].var(dim=(0, 2, 3)) + 0.01)
        module.running_mean.copy_(inputs[0].mean(dim=(0, 2, 3)) + 0.05 * torch.randn_like(module.running_mean))

    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    handles = [norm.register_forward_pre_hook(measure) for norm in norms]
    with torch.inference_mode():
        model(image)
    for handle in handles:
        handle.remove()


def flat(weights):
    return weights


def original(weights):
    return {"desc": weights}


def data_parallel(weights):
    return {"desc": {f"module.{name}": tensor for name, tensor in weights.items()}}


@pytest.mark.parametrize("dress", [flat, original, data_parallel])
def test_every_key_of_either_format_arrives(peer, tmp_path, dress):
    model, config, _ = peer
    weights = model.state_dict()
    torch.save(dress(weights), tmp_path / "net.tar")
    loaded = load(tmp_path / "net.tar")
    assert loaded.config == config
    assert set(weights) - set(loaded.weights) == {"upsample2x.unpool_mat"}
    assert all(torch.equal(tensor, weights[name]) for name, tensor in loaded.weights.items())
    assert set(loaded.model().state_dict()) == set(loaded.weights)


def test_same_weights_give_the_same_logits(peer, tmp_path):
    model, config, image = peer
    torch.save({"desc": model.state_dict()}, tmp_path / "net.tar")
    ours = load(tmp_path / "net.tar").model()
    with torch.inference_mode():
        theirs, found = model(image), ours(image)
    assert set(found) == set(theirs) == ({"tp", "np", "hv"} if config["num_types"] else {"np", "hv"})
    for name, expected in theirs.items():
        assert found[name].shape == expected.shape
        assert expected.std() > 0.1, "logits should vary, or the comparison says nothing"
        difference = (found[name] - expected).abs().max().item()
        print(f"{config} {name}: largest {expected.abs().max():.3g}, difference {difference:.1e}")  # noqa: T201 - measured
        assert difference < 1e-4
