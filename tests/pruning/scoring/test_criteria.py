"""Criteria, compared with numbers computed by hand."""

import pytest
import torch
from torch import Tensor

from napari_pathprune.pruning.graph import ChannelGroup
from napari_pathprune.pruning.scoring.criteria import Evidence, bn_scale, first_order, fpgm, l1, l2, random

THREE = torch.tensor([[3.0, -4], [0, 0], [6, -8]])


def make_evidence(*filters: Tensor, norms: tuple[Tensor, ...] = (), splits: int = 1, seed: int = 0) -> Evidence:
    width = len((filters or norms)[0])
    return Evidence(ChannelGroup("conv", width, (), splits), filters, norms, seed)


def test_norms_of_filters():
    assert l1(make_evidence(THREE, 2 * THREE)).tolist() == [[7, 0, 14], [14, 0, 28]]
    assert l2(make_evidence(THREE, 2 * THREE)).tolist() == [[5, 0, 10], [10, 0, 20]]


def test_the_geometric_median_has_the_smallest_distances():
    assert fpgm(make_evidence(THREE)).tolist() == [[10, 15, 15]]
    assert fpgm(make_evidence(THREE[:1])).tolist() == [[0]]


def test_distances_are_those_within_a_split():
    assert fpgm(make_evidence(torch.tensor([[0.0], [1], [5], [7]]), splits=2)).tolist() == [[1, 1, 2, 2]]


def test_slimming_reads_the_norms_whatever_the_filters():
    gamma = torch.tensor([[-2.0, 1], [0, 0], [1, 1]])  # a layer norm over two positions of each channel
    assert bn_scale(make_evidence(THREE, norms=(gamma, -2 * gamma))).tolist() == [[1.5, 0, 1], [3, 0, 2]]
    with pytest.raises(ValueError, match="no norm with weights acts on channel group 'conv'"):
        bn_scale(make_evidence(THREE))


def test_first_order_sums_before_it_takes_the_absolute_value():
    assert first_order(make_evidence(THREE)).tolist() == [[1, 0, 2]]


def test_random_scores_depend_on_seed_and_name_only():
    assert torch.equal(random(make_evidence(THREE)), random(make_evidence(2 * THREE)))
    assert not torch.equal(random(make_evidence(THREE)), random(make_evidence(THREE, seed=1)))
    assert random(make_evidence(THREE)).shape == (1, 3)
