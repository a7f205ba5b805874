"""Augmentation: the instance map moves with the picture, ids are traced, colours stay in range."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label

from napari_pathprune.datasets.patches.augment import Augmentation, colour, warp
from napari_pathprune.datasets.patches.stain import measure_look

UNCHANGED = Augmentation(
    scale=(1.0, 1.0), stain=0, restain=0, hue=0, saturation=0, brightness=0, contrast=0, blur=0, blur_px=0.3, noise=0
)


def paint(instances):
    """Paint each nucleus in a grey value of its own."""
    return np.repeat((instances * 20 + 30).astype(np.uint8)[..., None], 3, axis=2)


def as_patch(image):
    return torch.from_numpy(image.transpose(2, 0, 1).copy()).float()


@pytest.fixture(scope="module")
def tissue():
    rng = np.random.default_rng(4)
    pink = np.array([215, 150, 190]) + rng.normal(0, 12, (48, 56, 3))
    pink[10:30, 12:40] = np.array([90, 60, 130]) + rng.normal(0, 12, (20, 28, 3))
    return np.clip(pink, 0, 255).astype(np.uint8)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), zoom=st.sampled_from([0.5, 1.0, 2.0]), patch_px=st.sampled_from([31, 64, 150]))
def test_every_nucleus_of_a_patch_is_traced_to_the_image(seed, zoom, patch_px):
    instances = np.zeros((64, 80), np.int32)
    instances[5:30, 8:35], instances[28:60, 36:70], instances[30:50, 4:30] = 3, 7, 9
    patch, parts, source = warp(
        paint(instances), instances, patch_px, zoom, Augmentation(), np.random.default_rng(seed)
    )
    assert patch.shape == (3, patch_px, patch_px)
    assert 0 <= patch.min() <= patch.max() <= 255
    assert parts.shape == (patch_px, patch_px)
    ids = np.unique(parts[parts > 0])
    np.testing.assert_array_equal(ids, np.arange(1, len(source)))  # 1 to n without gaps
    assert source[0] == 0
    assert set(source[1:].tolist()) <= {3, 7, 9}
    inside = parts > 0
    for number in ids:  # each nucleus is one connected component
        assert label(parts == number, connectivity=1).max() == 1
    # where the colour clearly belongs to a nucleus, the map agrees
    agree = np.abs(source[parts] * 20 + 30 - patch[0].numpy()) <= 1
    assert agree.mean() > 0.6
    if inside.any():
        assert agree[inside].mean() > 0.5


def test_nuclei_keep_their_area_at_scale_1(two_discs):
    areas = {3: [], 7: []}
    for seed in range(40):
        _, parts, source = warp(paint(two_discs), two_discs, 64, 1.0, UNCHANGED, np.random.default_rng(seed))
        at_edge = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
        for number in set(range(1, len(source))) - set(at_edge.tolist()):
            areas[int(source[number])].append(int((parts == number).sum()))
    for number, found in areas.items():
        expected = (two_discs == number).sum()
        assert len(found) > 5
        assert np.median(found) == pytest.approx(expected, rel=0.03)


def test_zoom_magnifies(two_discs):
    _, parts, source = warp(paint(two_discs), two_discs, 160, 2.0, UNCHANGED, np.random.default_rng(3))
    sizes = [(parts == number).sum() for number in range(1, len(source)) if source[number] == 7]
    assert max(sizes) == pytest.approx(4 * (two_discs == 7).sum(), rel=0.15)


@pytest.mark.parametrize("turn", ["none", "quarter"])
@pytest.mark.parametrize("mirror", [False, True])
def test_quarter_turns_and_mirroring_change_no_pixel_values(two_discs, turn, mirror):
    augmentation = dataclasses.replace(UNCHANGED, turn=turn, mirror=mirror)
    side = two_discs.shape[0]
    instances = two_discs[:side, :side]
    image = np.random.default_rng(1).integers(0, 256, (side, side, 3)).astype(np.uint8)
    seen = set()
    for seed in range(40):
        patch, parts, source = warp(image, instances, side, 1.0, augmentation, np.random.default_rng(seed))
        pixels = patch.permute(1, 2, 0).round().numpy()
        fits = [
            (quarters, step)
            for quarters in range(4)
            for step in (1, -1)
            if np.array_equal(np.rot90(image, quarters)[:, ::step], pixels)
        ]
        assert len(fits) == 1
        ((quarters, step),) = fits
        np.testing.assert_array_equal(source[parts], np.rot90(instances, quarters)[:, ::step])
        seen |= set(fits)
    assert len(seen) == {"none": 1, "quarter": 4}[turn] * (2 if mirror else 1)


def test_patches_differ_by_rotation_and_mirroring(two_discs):
    marked = paint(two_discs)
    patches = [warp(marked, two_discs, 48, 1.0, UNCHANGED, np.random.default_rng(seed))[0] for seed in range(6)]
    for i, one in enumerate(patches):
        for other in patches[:i]:
            assert (one - other).abs().mean() > 1


@pytest.mark.parametrize("other", [False, True])
def test_zero_ranges_leave_the_colours_unchanged(tissue, other):
    patch = as_patch(tissue)
    same = colour(patch.clone(), measure_look(tissue[::-1]) if other else None, UNCHANGED, np.random.default_rng(0))
    torch.testing.assert_close(same, patch, atol=0.1, rtol=0)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), grey=st.sampled_from([None, 0, 255]))
def test_colours_stay_in_range(tissue, seed, grey):
    strong = Augmentation(stain=0.9, restain=1, hue=0.5, saturation=1, brightness=0.5, contrast=0.9, noise=40)
    image = tissue if grey is None else np.full_like(tissue, grey)
    changed = colour(as_patch(image), measure_look(tissue), strong, np.random.default_rng(seed))
    assert (changed.shape, changed.dtype) == ((3, *tissue.shape[:2]), torch.float32)
    assert changed.isfinite().all()
    assert 0 <= changed.min() <= changed.max() <= 255


@pytest.mark.parametrize(
    ("setting", "least"),
    [({"stain": 0.5}, 1), ({"hue": 0.3}, 1), ({"saturation": 0.9}, 1), ({"brightness": 0.3}, 1), ({"contrast": 0.5}, 1),
     ({"noise": 30.0}, 1), ({"blur": 1.0, "blur_px": 3.0}, 1), ({"restain": 1.0}, 1)],
)  # fmt: skip
def test_each_setting_has_an_effect(tissue, setting, least):
    moved = dataclasses.replace(UNCHANGED, **setting)
    other = np.clip(tissue.astype(int) // 2 + 90, 0, 255).astype(np.uint8)
    changes = [
        (colour(as_patch(tissue), measure_look(other), moved, np.random.default_rng(seed)) - as_patch(tissue))
        .abs()
        .mean()
        for seed in range(5)
    ]
    assert max(changes) > least


def test_a_patch_depends_on_its_generator_alone(tissue, two_discs):
    state = torch.get_rng_state()

    def patch(seed):
        rng = np.random.default_rng(seed)
        cut, _, _ = warp(paint(two_discs), two_discs, 48, 1.0, Augmentation(), rng)
        return colour(cut, measure_look(tissue), Augmentation(restain=1.0, blur=1.0), rng)

    first = patch(3)
    torch.manual_seed(5)
    assert torch.equal(patch(3), first)
    assert not torch.equal(patch(4), first)
    torch.manual_seed(5)
    untouched = torch.get_rng_state()
    patch(3)
    assert torch.equal(torch.get_rng_state(), untouched)
    torch.set_rng_state(state)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("turn", "half"),
        ("scale", (1.2, 1.1)),
        ("hue", 0.6),
        ("stain", -0.1),
        ("brightness", 1.5),
        ("blur_px", 0.1),
        ("noise", -1.0),
    ],
)
def test_settings_out_of_range_are_refused_by_name(setting, value):
    with pytest.raises(ValueError, match=f"got {setting} = "):
        Augmentation(**{setting: value})
