"""Losses are zero for the truth, match examples computed by hand and ignore unknown types."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from napari_pathprune.datasets.type_names import UNKNOWN_TYPE
from napari_pathprune.training.losses import (
    SMOOTH,
    cross_entropy,
    dice_loss,
    gradient_loss,
    hovernet_losses,
    rarity_weights,
)
from napari_pathprune.training.targets import compute_targets


def certain_logits(target, classes, logit=40.0):
    """Return logits of nearly certain probabilities."""
    return F.one_hot(target.clamp(min=0), classes).movedim(-1, 1).float() * logit


@pytest.fixture
def truth(two_discs):
    targets = compute_targets(two_discs, torch.tensor([0, 0, 0, 1, 0, 0, 0, 2]).numpy(), two_discs.shape)
    return {name: torch.from_numpy(getattr(targets, name)).unsqueeze(0) for name in ("nuclear", "hv", "types")}


def perfect_maps(truth):
    return {
        "tp": certain_logits(truth["types"], 3),
        "np": certain_logits(truth["nuclear"], 2),
        "hv": truth["hv"].clone(),
    }


def test_the_truth_costs_nothing(truth):
    terms = hovernet_losses(perfect_maps(truth), truth)
    assert list(terms) == ["np_ce", "np_dice", "hv_mse", "hv_msge", "tp_ce", "tp_dice"]
    for name, value in terms.items():
        assert value.shape == (), name
        assert abs(float(value)) < 1e-5, name


def test_every_term_grows_when_its_map_is_wrong(truth):
    maps = perfect_maps(truth)
    wrong = {"tp": maps["tp"].roll(1, dims=1), "np": -maps["np"], "hv": -maps["hv"]}
    for name, value in hovernet_losses(wrong, truth).items():
        assert float(value) > 0.05, name


def test_a_network_without_types_has_no_type_terms(truth):
    maps = perfect_maps(truth)
    del maps["tp"]
    assert list(hovernet_losses(maps, truth)) == ["np_ce", "np_dice", "hv_mse", "hv_msge"]


def test_cross_entropy_of_two_pixels_computed_by_hand():
    logits = torch.tensor([[[[0.0, 2.0]], [[0.0, 0.0]]]])  # (1, 2, 1, 2)
    target = torch.tensor([[[1, 0]]])
    by_hand = (math.log(2) + math.log(1 + math.exp(-2))) / 2
    assert float(cross_entropy(logits, target)) == pytest.approx(by_hand, rel=1e-6)


def test_dice_of_two_pixels_computed_by_hand():
    even = torch.zeros(1, 2, 1, 2)  # probability one half everywhere
    target = torch.tensor([[[1, 0]]])
    # each class: overlap 0.5, sum of probabilities 1, of truth 1
    by_hand = 2 * (1 - (2 * 0.5 + SMOOTH) / (1 + 1 + SMOOTH))
    assert float(dice_loss(even, target)) == pytest.approx(by_hand, rel=1e-6)


def test_dice_is_pooled_over_the_batch():
    target = torch.zeros(2, 1, 4, dtype=torch.int64)
    target[0] = 1  # one patch is all nucleus, the other has none
    assert float(dice_loss(certain_logits(target, 2), target)) == pytest.approx(0.0, abs=1e-4)
    assert float(dice_loss(certain_logits(1 - target, 2), target)) == pytest.approx(2.0, abs=1e-3)


@pytest.mark.parametrize("loss", [cross_entropy, dice_loss])
def test_pixels_of_unknown_type_are_ignored(loss):
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4, 5)
    target = torch.randint(0, 3, (2, 4, 5))
    target[:, :2] = UNKNOWN_TYPE
    expected = loss(logits[:, :, 2:], target[:, 2:])
    torch.testing.assert_close(loss(logits, target), expected)
    logits.requires_grad_()
    loss(logits, target).backward()
    assert not logits.grad[:, :, :2].any()
    assert logits.grad[:, :, 2:].any()


@pytest.mark.parametrize("loss", [cross_entropy, dice_loss])
def test_without_known_pixels_the_loss_is_zero_and_finite(loss):
    logits = torch.randn(1, 3, 4, 5, requires_grad=True)
    value = loss(logits, torch.full((1, 4, 5), UNKNOWN_TYPE))
    value.backward()
    assert value.item() == 0
    assert torch.isfinite(logits.grad).all()


def make_ramp(along_x, along_y, size=9):
    y, x = torch.meshgrid(torch.arange(size).float(), torch.arange(size).float(), indexing="ij")
    return along_x * x + along_y * y


EVERYWHERE = torch.zeros(1, 9, 9)
EVERYWHERE[:, 2:-2, 2:-2] = 1  # where the 5 x 5 kernels do not reach the border


def kernel_sum():
    """Return the response to a slope of 1: the sum of dx * dx / (dx^2 + dy^2), by symmetry 24 / 2 = 12."""
    return sum(dx * dx / (dx * dx + dy * dy) for dx in range(-2, 3) for dy in range(-2, 3) if dx or dy)


def test_gradient_loss_differentiates_horizontal_along_x_and_vertical_along_y():
    nothing = torch.zeros(1, 2, 9, 9)
    slope = kernel_sum()
    assert slope == pytest.approx(12)
    for horizontal, vertical, expected in [
        (make_ramp(1, 0), make_ramp(0, 0), slope**2 / 2),
        (make_ramp(0, 0), make_ramp(0, 1), slope**2 / 2),
        (make_ramp(0, 1), make_ramp(1, 0), 0.0),  # slopes across a map's own direction do not count
        (make_ramp(0.5, 7), make_ramp(-3, 0.5), (0.5 * slope) ** 2),
    ]:
        hv = torch.stack([horizontal, vertical]).unsqueeze(0)
        assert float(gradient_loss(hv, nothing, EVERYWHERE)) == pytest.approx(expected, abs=1e-3)


def test_gradient_loss_ignores_a_shift_and_everything_outside_nuclei():
    torch.manual_seed(0)
    target = torch.rand(1, 2, 9, 9)
    assert float(gradient_loss(target, target, EVERYWHERE)) == 0
    assert float(gradient_loss(target + 3.0, target, EVERYWHERE)) == pytest.approx(0.0, abs=1e-6)
    assert float(gradient_loss(-target, target, torch.zeros(1, 9, 9))) == 0


def test_every_term_falls_on_the_way_to_the_truth(truth):
    torch.manual_seed(0)
    goal = perfect_maps(truth)
    start = {name: torch.randn_like(m) for name, m in goal.items()}
    name_of = {"np_ce": "np", "np_dice": "np", "hv_mse": "hv", "hv_msge": "hv", "tp_ce": "tp", "tp_dice": "tp"}
    for term, name in name_of.items():
        here = start[name].clone().requires_grad_()
        hovernet_losses(start | {name: here}, truth)[term].backward()
        assert float((here.grad * (goal[name] - start[name])).sum()) < 0, term
        way = [start | {name: torch.lerp(start[name], goal[name], t)} for t in (0.0, 0.3, 0.6, 1.0)]
        values = [float(hovernet_losses(maps, truth)[term]) for maps in way]
        assert values == sorted(values, reverse=True), term


def test_weighted_cross_entropy_computed_by_hand():
    """A pixel of class 0 at even odds, one of class 1 that is nearly right, and one of unknown class."""
    logits, target = torch.zeros(1, 2, 1, 3), torch.tensor([[[0, 1, UNKNOWN_TYPE]]])
    logits[0, 1, 0, 1] = 2.0  # the pixel of class 1 is nearly right
    costs = torch.tensor([2.0, 1.0]).log(), (1 + torch.tensor(-2.0).exp()).log()
    weights = torch.tensor([1.0, 3.0])
    expected = (1.0 * costs[0][0] + 3.0 * costs[1]) / 4.0
    assert cross_entropy(logits, target, weights).item() == pytest.approx(expected.item())


def test_weighted_cross_entropy_without_known_pixels_is_zero():
    target = torch.full((1, 2, 2), UNKNOWN_TYPE)
    assert cross_entropy(torch.randn(1, 3, 2, 2), target, torch.ones(3)).item() == 0.0


def test_equal_weights_change_nothing():
    logits, target = torch.randn(2, 3, 4, 4), torch.randint(0, 3, (2, 4, 4))
    assert cross_entropy(logits, target, torch.ones(3)).item() == pytest.approx(cross_entropy(logits, target).item())


@pytest.mark.parametrize("rarity", [0.0, 0.5, 1.0])
def test_rare_types_have_larger_weights(rarity):
    shares = np.array([0.7, 0.2, 0.1])
    weights = rarity_weights(shares, rarity).double().numpy()
    assert (weights * shares).sum() == pytest.approx(1.0)
    assert weights[2] / weights[0] == pytest.approx(7.0**rarity)
