"""Instance maps for the tests of this folder."""

import numpy as np
import pytest
from drawn_maps import draw_discs


@pytest.fixture(scope="session")
def discs():
    return draw_discs((200, 240), 60, seed=3)


@pytest.fixture(scope="session")
def types_of_discs(discs):
    rng = np.random.default_rng(4)
    return rng.dirichlet(np.ones(4), size=discs.shape).transpose(2, 0, 1).astype(np.float32)
