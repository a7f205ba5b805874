"""Losses towards a parent are lowest where the maps equal its own, and mix with those of annotated patches."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from two_convolutions import TwoConvolutions, random_two_convolutions

from napari_pathprune.training.losses import hovernet_losses
from napari_pathprune.training.soft_targets import ParentTargets, parent_losses, soft_dice_loss


@pytest.fixture
def parent() -> TwoConvolutions:
    return random_two_convolutions(seed=1)


@pytest.fixture
def batch() -> dict[str, Tensor]:
    """Return two patches, the first one with annotation."""
    generator = torch.Generator().manual_seed(0)
    plain = 255.0 * torch.rand(2, 3, 64, 64, generator=generator)
    nuclear = (torch.rand(2, 60, 60, generator=generator) > 0.5).long()
    return {
        "image": plain.flip(1),
        "plain": plain,
        "labelled": torch.tensor([True, False]),
        "nuclear": nuclear,
        "hv": torch.zeros(2, 2, 60, 60),
        "types": nuclear,
    }


def take(batch: dict[str, Tensor], row: int) -> dict[str, Tensor]:
    return {name: values[row : row + 1] for name, values in batch.items()}


def test_the_maps_of_the_parent_have_no_gradient(parent: TwoConvolutions, batch: dict[str, Tensor]) -> None:
    targets = {name: values.detach() for name, values in parent(batch["plain"]).items()}
    maps = {name: values.clone().requires_grad_() for name, values in targets.items()}
    torch.stack(list(parent_losses(maps, targets).values())).sum().backward()
    for name, values in maps.items():
        assert values.grad is not None
        assert values.grad.abs().max() < 1e-6, name
    hard = {name: values.clone().requires_grad_() for name, values in targets.items()}
    torch.stack(list(parent_losses(hard, targets, is_hard=True).values())).sum().backward()
    assert hard["np"].grad is not None
    assert hard["np"].grad.abs().max() > 1e-6


def test_any_other_maps_are_worse(parent: TwoConvolutions, batch: dict[str, Tensor]) -> None:
    targets = parent(batch["plain"])
    same, other = (parent_losses(maps, targets) for maps in (targets, parent(batch["image"])))
    assert all(other[name] > same[name] for name in same)


def test_soft_dice_of_disjoint_classes_is_one_each() -> None:
    sure = torch.tensor([[20.0, -20.0]]).reshape(1, 2, 1, 1)
    assert soft_dice_loss(sure, sure.flip(1).softmax(dim=1)).item() == pytest.approx(2.0, abs=0.01)


def test_the_parent_sees_no_changed_colours(parent: TwoConvolutions, batch: dict[str, Tensor]) -> None:
    losses, maps = ParentTargets(parent), parent(batch["plain"])
    expected = parent_losses(maps, maps)
    found = losses(maps, batch)
    assert found.keys() == expected.keys()
    assert all(torch.isclose(found[name], expected[name]) for name in expected)


def test_each_patch_has_the_losses_of_its_kind(parent: TwoConvolutions, batch: dict[str, Tensor]) -> None:
    student = random_two_convolutions(seed=2)
    losses = ParentTargets(parent, hovernet_losses)
    maps = student(batch["image"])
    both = losses(maps, batch)
    labelled = hovernet_losses(student(batch["image"][:1]), take(batch, 0))
    unlabelled = parent_losses(student(batch["image"][1:]), parent(batch["plain"][1:]))
    for name, term in (labelled | unlabelled).items():
        assert torch.isclose(both[name], 0.5 * term, rtol=1e-4), name
    for row, absent in ((0, unlabelled), (1, labelled)):
        alone = losses(student(batch["image"][row : row + 1]), take(batch, row))
        assert list(alone) == list(both), "the log has the same columns whatever patches a batch holds"
        assert all(alone[name] == 0.0 for name in absent)


def test_a_parent_with_other_types_is_refused(batch: dict[str, Tensor]) -> None:
    student, other = random_two_convolutions(num_types=4), random_two_convolutions(num_types=3)
    with pytest.raises(ValueError, match="give a parent with the same types"):
        ParentTargets(other)(student(batch["image"]), batch)
