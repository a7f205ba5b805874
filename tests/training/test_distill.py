"""Distillation from a teacher."""

import pytest
import torch
from torch import nn

from napari_pathprune.training.distill import Distillation
from napari_pathprune.training.losses import hovernet_losses


class ConstantNetwork(nn.Module):
    """Returns the same maps for every input."""

    def __init__(self, **maps):
        super().__init__()
        self.maps, self.seen = maps, None

    def forward(self, images):
        self.seen = images
        return self.maps


def random_maps(seed, types=3, size=6):
    generator = torch.Generator().manual_seed(seed)
    return {
        "tp": torch.randn(2, types, size, size, generator=generator),
        "np": torch.randn(2, 2, size, size, generator=generator),
        "hv": torch.rand(2, 2, size, size, generator=generator),
    }


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(9)
    nuclear = torch.randint(0, 2, (2, 6, 6), generator=generator)
    return {
        "image": torch.rand(2, 3, 20, 20, generator=generator),
        "nuclear": nuclear,
        "hv": torch.rand(2, 2, 6, 6, generator=generator),
        "types": nuclear * 2,
    }


def test_a_student_that_agrees_with_its_teacher_has_no_loss(batch):
    maps = random_maps(1)
    terms = Distillation(hovernet_losses, ConstantNetwork(**maps))(maps, batch)
    from_teacher = {name: float(term) for name, term in terms.items() if name.endswith("_teacher")}
    assert list(from_teacher) == ["tp_teacher", "np_teacher", "hv_teacher"]
    assert all(abs(term) < 1e-6 for term in from_teacher.values())


def test_the_divergence_equals_one_computed_by_hand():
    """One pixel, logits 0 and 4 against 0 and 0, temperature 2: softened teacher (1/2, 1/2), student by e^2."""
    student = {"np": torch.tensor([0.0, 4.0]).reshape(1, 2, 1, 1)}
    teacher = ConstantNetwork(np=torch.zeros(1, 2, 1, 1))
    losses = Distillation(lambda _maps, _batch: {}, teacher, share=0.25, temperature=2.0)
    e2 = torch.tensor(2.0).exp()
    low, high = 1 / (1 + e2), e2 / (1 + e2)
    expected = 4.0 * (0.5 * (0.5 / low).log() + 0.5 * (0.5 / high).log())
    term = losses(student, {"image": torch.zeros(1, 3, 4, 4)})["np_teacher"]
    assert float(term) == pytest.approx(0.25 * float(expected), rel=1e-5)


def test_the_share_weights_both_sides(batch):
    maps, teacher = random_maps(1), ConstantNetwork(**random_maps(2))
    truth = hovernet_losses(maps, batch)
    alone = Distillation(hovernet_losses, teacher, share=0.0)(maps, batch)
    assert all(float(alone[name]) == pytest.approx(float(term)) for name, term in truth.items())
    assert all(float(term) == 0.0 for name, term in alone.items() if name.endswith("_teacher"))
    whole = Distillation(hovernet_losses, teacher, share=1.0)(maps, batch)
    assert all(float(whole[name]) == 0.0 for name in truth)
    half = Distillation(hovernet_losses, teacher, share=0.5)(maps, batch)
    for name, term in half.items():
        assert float(term) == pytest.approx(0.5 * float(truth.get(name, whole[name])))


def test_gradient_descent_leads_to_the_maps_of_the_teacher():
    """Only the terms of the teacher are used here, without any ground truth."""
    maps = {name: nn.Parameter(value) for name, value in random_maps(1).items()}
    expected = random_maps(2)
    batch = {"image": torch.zeros(2, 3, 20, 20), "nuclear": torch.ones(2, 6, 6, dtype=torch.int64)}
    losses = Distillation(lambda _maps, _batch: {}, ConstantNetwork(**expected), share=1.0, temperature=1.0)
    optimizer = torch.optim.Adam(maps.values(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        sum(losses(maps, batch).values()).backward()
        optimizer.step()
    for name in ("tp", "np"):
        assert torch.allclose(maps[name].softmax(1), expected[name].softmax(1), atol=0.02), name
    assert torch.allclose(maps["hv"], expected["hv"], atol=0.02)


def test_the_teacher_sees_the_patch_and_gets_no_gradient(batch, tiny_hovernet):
    student, image = random_maps(1, types=4, size=4), torch.rand(2, 3, 96, 96)
    student = {name: value.requires_grad_() for name, value in student.items()}
    inner = {**batch, "image": image, "nuclear": batch["nuclear"][:, :4, :4]}
    inner |= {"hv": batch["hv"][..., :4, :4], "types": batch["types"][:, :4, :4]}
    tiny_hovernet.train()
    terms = Distillation(hovernet_losses, tiny_hovernet)(student, inner)
    sum(terms.values()).backward()
    assert not tiny_hovernet.training
    assert all(parameter.grad is None for parameter in tiny_hovernet.parameters())
    assert student["np"].grad.abs().sum() > 0


def test_a_teacher_with_other_maps_is_refused(batch):
    with pytest.raises(ValueError, match="give a teacher with the same types and map sizes"):
        Distillation(hovernet_losses, ConstantNetwork(np=torch.zeros(2, 2, 6, 6)))(random_maps(1), batch)


@pytest.mark.parametrize(
    ("change", "words"), [({"share": 1.5}, "share=1.5"), ({"temperature": 0.0}, "temperature=0.0")]
)
def test_numbers_out_of_range_are_named(change, words):
    with pytest.raises(ValueError, match=words):
        Distillation(hovernet_losses, nn.Identity(), **change)
