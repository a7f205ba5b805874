"""First-order scores, compared with gradients by hand and with the change of the loss."""

import pytest
import torch
from pruning_nets import Grouped
from torch import Tensor, nn

from napari_pathprune.pruning import Target, gradual, linear_steps, taylor, trace

IMAGE = torch.zeros(1, 3, 16, 16)


def batches(count: int = 3) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(2, 3, 16, 16, generator=generator) for _ in range(count)]


def loss(model: nn.Module, images: Tensor) -> Tensor:
    return (model(images) - images[:, :2]).square().mean()


def test_it_is_the_mean_over_batches_of_weights_times_gradients():
    torch.manual_seed(0)
    model = Grouped().train()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    scores = taylor(model, trace(model, IMAGE), iter(batches()), loss)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())
    model.eval()
    expected = torch.zeros(2, 8)
    for images in batches():
        for row, weight in enumerate((model.first[0].weight, model.last.weight)):
            (gradient,) = torch.autograd.grad(loss(model, images), weight)
            expected[row] += (weight * gradient).detach().flatten(1).sum(dim=1).abs() / 3
    assert torch.allclose(scores["first.0"], expected.mean(dim=0), atol=1e-7)


def test_it_predicts_the_change_of_the_loss():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 2, 1)).eval()
    with torch.no_grad():
        model[2].weight *= torch.logspace(-3, -1, 16)[:, None, None]
    (images,) = batches(1)
    scores = taylor(model, trace(model, IMAGE), [images], loss)["0"]
    whole = loss(model, images).item()
    changes = []
    for channel in range(16):
        weight, bias = model[0].weight[channel].detach().clone(), model[0].bias[channel].detach().clone()
        with torch.no_grad():
            model[0].weight[channel] *= 0.99  # first order: a small step
            changes.append(100 * abs(loss(model, images).item() - whole))
            model[0].weight[channel], model[0].bias[channel] = weight, bias
    assert torch.allclose(scores, torch.tensor(changes), rtol=0.1, atol=1e-4)


def test_it_drives_a_schedule():
    model = Grouped().eval()
    graph = trace(model, IMAGE)

    def by_data(now, now_graph):
        return taylor(now, now_graph, batches(1), loss, decider="convolved")

    steps = list(gradual(model, graph, linear_steps(Target.from_ratio(0.5), 2), criterion=by_data))
    assert [len(step.plan.keep["first.0"]) for step in steps] == [8, 4]  # a multiple of its four splits
    assert steps[-1].plan.criterion == "by_data"


def test_scores_in_half_precision():
    model = Grouped().half().eval()
    scores = taylor(model, trace(model, IMAGE.half()), [batches(1)[0].half()], loss)
    assert all(own.dtype == torch.float32 and bool(torch.isfinite(own).all()) for own in scores.values())


class TwoHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.heads = nn.ModuleList(nn.Sequential(nn.Conv2d(4, 5, 1), nn.ReLU(), nn.Conv2d(5, 2, 1)) for _ in range(2))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        return [head(x) for head in self.heads]


def test_a_loss_that_leaves_a_group_out_is_refused():
    model = TwoHeads()
    graph = trace(model, IMAGE)
    with pytest.raises(ValueError, match=r"does not reach channel group 'heads\.1\.0'"):
        taylor(model, graph, batches(1), lambda model, images: model(images)[0].mean())


@pytest.mark.parametrize(
    ("given", "measure", "words"),
    [
        ([], loss, "got no batches"),
        (batches(1), lambda model, images: model(images) - images[:, :2], r"loss of shape \(2, 2, 16, 16\) on batch 1"),
        (batches(1), lambda model, images: loss(model, images) * float("nan"), "loss nan on batch 1"),
        (batches(1), lambda _, images: images.mean(), "that depends on the model"),
    ],
)
def test_losses_that_are_not_finite_scalars_are_refused(given, measure, words):
    model = Grouped()
    with pytest.raises(ValueError, match=words):
        taylor(model, trace(model, IMAGE), given, measure)
