"""Our HoVer-Net gives what TIAToolbox's gives for the same weights, in both checkpoint formats."""

import pytest
import torch

from napari_pathprune.workflows.checkpoint import load

pytestmark = pytest.mark.peers

CASES = [("fast", 6, 256), ("fast", None, 256), ("original", 5, 270), ("original", None, 270)]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
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
    return model, mode, num_types, image


def _tame(model, image):
    """Set each batch norm's statistics close to what comes in: logits are of the order of ten then, as in trained ones."""

    def measure(module, inputs):
        module.running_var.copy_(inputs[0].var(dim=(0, 2, 3)) + 0.01)
        module.running_mean.copy_(inputs[0].mean(dim=(0, 2, 3)) + 0.05 * torch.randn_like(module.running_mean))

    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    handles = [norm.register_forward_pre_hook(measure) for norm in norms]
    with torch.inference_mode():
        model(image)
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize("dress", ["flat", "original", "data-parallel"])
def test_same_weights_give_the_same_logits(peer, tmp_path, dress):
    model, mode, num_types, image = peer
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    if dress == "data-parallel":
        weights = {f"module.{name}": tensor for name, tensor in weights.items()}
    torch.save(weights if dress == "flat" else {"desc": weights}, tmp_path / "net.tar")
    loaded = load(tmp_path / "net.tar")
    assert loaded.config == {"mode": mode, "num_types": num_types, "width": 1.0}
    stripped = {name.removeprefix("module.") for name in weights}
    assert stripped - set(loaded.weights) == {"upsample2x.unpool_mat"}
    assert set(loaded.weights) <= stripped
    ours = loaded.model()
    with torch.inference_mode():
        theirs, found = model(image), ours(image)
    assert set(found) == set(theirs) == ({"tp", "np", "hv"} if num_types else {"np", "hv"})
    for name, expected in theirs.items():
        assert found[name].shape == expected.shape
        assert expected.std() > 0.1, "logits should vary, or the comparison says nothing"
        difference = (found[name] - expected).abs().max().item()
        print(f"{mode} {num_types} {dress} {name}: range {expected.abs().max():.3g}, max difference {difference:.2e}")  # noqa: T201 - a measurement
        assert difference < 1e-4
