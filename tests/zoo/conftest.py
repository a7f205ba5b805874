"""Makes the helpers beside the tests of the pruning room importable."""

import sys
from pathlib import Path

import pytest
import torch

for folder in (Path(__file__).parent, Path(__file__).parents[1] / "pruning"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    torch.set_num_threads(1)
