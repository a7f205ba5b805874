"""Networks whose norms do something."""

import pytest
import torch
from torch import nn


@pytest.fixture
def randomise_norms():
    """Return a function that gives the norms of a model random weights and statistics, and sets evaluation mode."""

    def randomise(model, *, negative=False):
        torch.manual_seed(5)
        for norm in model.modules():
            if isinstance(norm, nn.BatchNorm2d):
                nn.init.normal_(norm.running_mean, 0.0, 0.3)
                nn.init.uniform_(norm.running_var, 0.5, 2.0)
                nn.init.normal_(norm.bias, 0.0, 0.3)
                nn.init.uniform_(norm.weight, -1.0 if negative else 0.5, 1.0)
        return model.eval()

    return randomise


@pytest.fixture(autouse=True)
def one_thread():
    """Use one thread: threads of small networks mostly wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
