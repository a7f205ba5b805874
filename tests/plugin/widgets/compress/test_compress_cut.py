"""Numbers on the form are short."""

import pytest

pytestmark = pytest.mark.gui


def test_large_numbers_have_three_digits():
    from napari_pathprune.plugin.widgets.compress.compress_cut import format_count

    assert [format_count(n) for n in (999, 1000, 326_185, 2_369_624, 12_345_678_901)] == [
        "999",
        "1 k",
        "326 k",
        "2.37 M",
        "12.3 G",
    ]


def test_the_form_returns_its_settings_and_keeps_slider_and_number_alike(qtbot):
    from napari_pathprune.plugin.jobs.compress.cut_preview import CutSettings
    from napari_pathprune.plugin.widgets.compress.compress_cut import CompressCut

    form = CompressCut()
    qtbot.addWidget(form)
    assert form.settings() == CutSettings()
    form.slider.setValue(35)
    form.measure.setCurrentIndex(1)
    form.skip_cap.setValue(50)
    form.round_to.setValue(8)
    form.toggle_whole("conv0")
    assert form.keep.value() == 35
    assert form.settings() == CutSettings("macs", 0.35, max_skip_ratio=0.5, round_to=8, whole=("conv0",))
    form.show_problem("broken.safetensors is not a model file")
    assert form.numbers.text() == form.problem == "broken.safetensors is not a model file"
