"""Statistics of batch norms after re-estimation, compared with means and variances by hand."""

import copy

import pytest
import torch
from pruning_nets import Attention, Grouped
from torch import Tensor, nn

from napari_pathprune.pruning import choose, compact, importance, recalibrate, trace


def images(count: int, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [3 + 2 * torch.randn(4, 3, 16, 16, generator=generator).to(dtype) for _ in range(count)]


def test_statistics_are_the_mean_over_all_batches():
    model = nn.Sequential(nn.BatchNorm2d(3, momentum=0.3), nn.Dropout(0.5)).train()
    fresh = recalibrate(model, iter(images(7)))
    means, variances = (torch.stack(parts).mean(dim=0) for parts in zip(*map(moments, images(7)), strict=True))
    assert torch.allclose(fresh[0].running_mean, means, atol=1e-5)
    assert torch.allclose(fresh[0].running_var, variances, atol=1e-4)
    assert fresh[0].momentum == 0.3


def moments(batch: Tensor) -> tuple[Tensor, Tensor]:
    return batch.mean(dim=(0, 2, 3)), batch.var(dim=(0, 2, 3))


@pytest.mark.parametrize("training", [True, False])
def test_the_model_and_its_weights_are_not_changed(training):
    model = Grouped().train(training)
    model.middle.train(not training)
    state = copy.deepcopy(model.state_dict())
    fresh = recalibrate(model, images(2))
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())
    assert [m.training for m in fresh.modules()] == [m.training for m in model.modules()]
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), fresh.parameters(), strict=True))
    assert not torch.equal(model.first[1].running_mean, fresh.first[1].running_mean)
    assert fresh.first[1].running_mean.data_ptr() != model.first[1].running_mean.data_ptr()


def test_it_restores_the_variance_of_a_compact_model():
    torch.manual_seed(0)
    model = recalibrate(Grouped().eval(), images(3))
    graph = trace(model, images(1)[0])
    small = compact(model, graph, choose(graph, importance(model, graph), 0.5))
    fresh = recalibrate(small, images(3))
    with torch.no_grad():
        for norm, x in ((small.middle[1], small.middle[0](small.first(images(1)[0]))),):
            assert abs(float(norm(x).var()) - 1) > 0.02
        x = fresh.middle[0](fresh.first(images(1)[0]))
        assert float(fresh.middle[1](x).var()) == pytest.approx(1, abs=0.02)


def test_without_batch_norms_it_is_a_copy():
    model = Attention()
    fresh = recalibrate(model, [])
    assert fresh is not model
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), fresh.parameters(), strict=True))


def test_statistics_in_half_precision():
    fresh = recalibrate(Grouped().half(), images(2, torch.float16))
    assert fresh.first[1].running_var.dtype == torch.float16
    assert bool(torch.isfinite(fresh.first[1].running_var).all())


def test_mappings_and_tuples_are_arguments():
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(3)

        def forward(self, image: Tensor, scale: float = 1.0) -> Tensor:
            return self.norm(image * scale)

    (batch,) = images(1)
    by_name, by_place = recalibrate(Named(), [{"image": batch, "scale": 2.0}]), recalibrate(Named(), [(batch, 2.0)])
    assert torch.equal(by_name.norm.running_mean, by_place.norm.running_mean)
    assert torch.allclose(by_name.norm.running_mean, 2 * batch.mean(dim=(0, 2, 3)), atol=1e-5)


def test_missing_and_infinite_images_are_refused():
    with pytest.raises(ValueError, match="got no images"):
        recalibrate(Grouped(), [])
    with pytest.raises(ValueError, match=r"not finite in 'first\.1'; check the images"):
        recalibrate(Grouped(), [images(1)[0] * float("nan")])


def test_norms_that_do_not_run_keep_their_statistics():
    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.aux = nn.BatchNorm2d(3), nn.BatchNorm2d(3)

        def forward(self, x):
            return self.aux(x) if self.training else self.body(x)

    model = Head().eval()
    model.aux.running_mean.fill_(3.0)
    model.aux.num_batches_tracked.fill_(5)
    fresh = recalibrate(model, [torch.rand(4, 3, 4, 4)])
    assert fresh.aux.running_mean.tolist() == [3.0, 3.0, 3.0]
    assert fresh.aux.num_batches_tracked == 5
    assert 0.3 < float(fresh.body.running_mean.mean()) < 0.7


def test_instance_norms_take_the_mean_over_all_batches():
    model, batches = nn.InstanceNorm2d(3, track_running_stats=True).eval(), images(3)
    fresh = recalibrate(model, batches)
    means = torch.stack([batch.mean(dim=(0, 2, 3)) for batch in batches]).mean(0)
    assert torch.allclose(fresh.running_mean, means, atol=1e-5)
    assert fresh.momentum == model.momentum


@pytest.mark.parametrize("wrong", [3, "image", torch.zeros(2, 5, 4, 4), [], None])
def test_batches_that_the_model_does_not_accept_are_refused(wrong):
    with pytest.raises(ValueError, match="does not run on the example input"):
        recalibrate(Grouped(), [wrong])
