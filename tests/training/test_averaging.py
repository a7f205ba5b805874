"""The moving average of the weights."""

import pytest
import torch
from small_fits import SETTINGS, Points, seeded_network, squares
from torch import nn

from napari_pathprune.training.averaging import start_average
from napari_pathprune.training.fit import fit
from napari_pathprune.training.fit_events import StepDone


def decay_at(count, decay):
    return min(decay, (1 + count) / (10 + count))


@pytest.mark.parametrize("decay", [0.0, 0.15, 0.995])
def test_the_average_equals_one_computed_by_hand(decay):
    model = nn.BatchNorm1d(2).requires_grad_(False)
    average, expected = start_average(model, decay), None
    for count, value in enumerate((1.0, 3.0, -2.0, 5.0)):
        for tensor in (model.weight, model.running_mean):  # running statistics are averaged too
            tensor.fill_(value)
        model.num_batches_tracked.fill_(count + 1)
        average.update_parameters(model)
        kept = decay_at(count, decay)
        expected = value if expected is None else kept * expected + (1 - kept) * value
        assert average.module.weight.tolist() == pytest.approx([expected] * 2)
        assert average.module.running_mean.tolist() == pytest.approx([expected] * 2)
        assert average.module.num_batches_tracked.item() == count + 1  # whole numbers are copied


def test_a_fitted_model_ends_with_the_average_of_its_weights():
    model, average = seeded_network(), None
    for event in fit(model, Points(16), squares, SETTINGS):
        if isinstance(event, StepDone):
            now = model.layers[0].weight.detach().clone()
            decay = decay_at(event.step - 1, SETTINGS.averaging)
            average = now if average is None else decay * average + (1 - decay) * now
    torch.testing.assert_close(model.layers[0].weight.detach(), average)
    assert not torch.equal(now, average)
