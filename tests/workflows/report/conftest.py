"""The compression of `report_cases` as a fixture."""

from __future__ import annotations

import pytest
from report_cases import make_report

from napari_pathprune.workflows.compress.compress_report import CompressReport


@pytest.fixture
def report() -> CompressReport:
    return make_report()
