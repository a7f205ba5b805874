"""The settings of a cut as the form states them."""

import pytest

pytestmark = pytest.mark.gui


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
    form.set_width("conv0", 4)
    form.set_width("conv0", 8)
    form.release("conv0")
    assert form.keep.value() == 35
    assert form.settings() == CutSettings("macs", 0.35, max_skip_ratio=0.5, round_to=8)
    form.show_problem("broken.safetensors is not a model file")
    assert form.numbers.text() == form.problem == "broken.safetensors is not a model file"


def test_layers_set_by_hand_make_a_plan(qtbot, monkeypatch):
    from napari_pathprune.plugin.jobs.compress.cut_preview import read_model
    from napari_pathprune.plugin.widgets.compress.compress_cut import CompressCut
    from napari_pathprune.plugin.widgets.compress.speed_panel import SpeedPanel

    monkeypatch.setattr(SpeedPanel, "show_model", lambda *_: None)
    form = CompressCut()
    qtbot.addWidget(form)
    (read,) = read_model("hovernet-s-compact")
    form.keep.setValue(50)
    form.show_model(read)
    assert form.plan() is None  # the target is enough
    one, two = sorted(form.preview.widths, key=lambda group: group.dense_width)[-2:]
    form.set_width(one.name, one.dense_width)
    form.set_width(two.name, two.splits)
    qtbot.waitUntil(lambda: "set by hand" in form.numbers.text())
    assert "1 layer kept whole\n1 layer set by hand" in form.numbers.text()
    assert (form.settings().whole, form.settings().widths) == ((one.name,), ((two.name, two.splits),))
    plan = form.plan()
    assert (len(plan.keep[one.name]), len(plan.keep[two.name])) == (one.dense_width, two.splits)
    assert plan.criterion == "l2"
