"""The numbers of a comparison as shown."""

import numpy as np
import pytest
from qtpy.QtWidgets import QLabel

from napari_pathprune.workflows.compare.compare import compare
from napari_pathprune.workflows.compare.segmentation import Segmentation

pytestmark = pytest.mark.gui


def test_an_agreement_stands_beside_its_ceiling(qtbot, two_discs):
    from napari_pathprune.plugin.widgets.compare.comparison_numbers import ComparisonNumbers

    side = Segmentation("a", two_discs, (0, 0, 64, 80), (64, 80), model="gone.safetensors")
    *_, end = compare(side, side)
    numbers = ComparisonNumbers()
    qtbot.addWidget(numbers)
    numbers.show_comparison(end.comparison)
    advice = "Ceiling not measured: pathprune evaluate gone.safetensors --shift --to-card"
    assert advice in [label.text() for label in numbers.widget().findChildren(QLabel)]
    assert numbers.ceiling == advice


@pytest.mark.parametrize("mpp", [(0.5, 0.5), None])
def test_scores_and_types_are_shown(qtbot, two_discs, mpp):
    from napari_pathprune.plugin.widgets.compare.comparison_numbers import ComparisonNumbers

    side = Segmentation("a", two_discs, (0, 0, 64, 80), (64, 80), mpp=mpp)
    *_, end = compare(side, side, is_truth=True)
    numbers = ComparisonNumbers()
    qtbot.addWidget(numbers)
    for _ in range(2):  # a second comparison replaces the first
        numbers.show_comparison(end.comparison)
    texts = [label.text() for label in numbers.widget().findChildren(QLabel)]
    assert "<b>Accuracy</b>" in texts
    assert texts.count("PQ") == 1
    assert ("PQ", "1.000") in numbers.scores
    assert ("F1", "1.000" if mpp else "–") in numbers.scores  # noqa: RUF001 - the dash of an unknown score
    density = f"2 ({end.comparison.density(2):,.0f})" if mpp else "2"
    assert numbers.types == [("nucleus", density, density)]
    assert np.all([label.toolTip() for label in numbers.widget().findChildren(QLabel) if label.text() == "PQ"])


def test_320_px_are_enough(qtbot, two_discs):
    from napari_pathprune.plugin.widgets.compare.comparison_numbers import ComparisonNumbers

    side = Segmentation("a", two_discs, (0, 0, 64, 80), (64, 80), mpp=(0.01, 0.01), model="gone.safetensors")
    *_, end = compare(side, side)
    numbers = ComparisonNumbers()
    qtbot.addWidget(numbers)
    numbers.show_comparison(end.comparison)
    assert len(numbers.types[-1][1]) >= len("1,687 (1,029)")
    assert numbers.widget().minimumSizeHint().width() <= 280
