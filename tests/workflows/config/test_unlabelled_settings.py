"""Settings of slides without annotation are checked."""

import pytest

from napari_pathprune.workflows.config.unlabelled_settings import UnlabelledSettings


@pytest.mark.parametrize(
    ("changes", "message"), [({"mpp": -0.25}, "got mpp = -0.25"), ({"weight": 0.0}, "got weight = 0.0")]
)
def test_values_out_of_range_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        UnlabelledSettings("slide.svs", **changes)
