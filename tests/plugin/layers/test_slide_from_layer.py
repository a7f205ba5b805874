import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils import Colormap

from napari_pathprune.plugin.layers.slide_from_layer import (
    copy_placement,
    find_mpp,
    get_shape,
    is_slide_layer,
    slide_from_layer,
)

RGB = np.random.default_rng(1).integers(0, 255, (40, 60, 3), np.uint8)


@pytest.mark.parametrize(
    ("attributes", "mpp"),
    [
        ({"scale": (0.25, 0.5), "units": ("um", "um")}, (0.25, 0.5)),
        ({"scale": (250, 250), "units": ("nm", "nm")}, (0.25, 0.25)),
        ({"scale": (0.25e-3, 0.25e-3), "units": ("mm", "mm")}, (0.25, 0.25)),
        ({"affine": np.diag([0.5, 0.5, 1]), "units": ("um", "um")}, (0.5, 0.5)),
        ({"scale": (0.25, 0.25), "rotate": 30, "units": ("um", "um")}, (0.25, 0.25)),
        ({"scale": (0.25, 0.25)}, None),
        ({"metadata": {"mpp": 0.25}}, (0.25, 0.25)),
        ({"metadata": {"mpp": (0.25, 0.5)}}, (0.25, 0.5)),
        ({"metadata": {"resolution": (0.5, 0.5)}}, (0.5, 0.5)),
        ({"metadata": {"resolution": "300 dpi"}}, None),
        ({"metadata": {"mpp": 0.0}}, None),
        ({"scale": (1, 1), "units": ("m", "m")}, None),
        ({"scale": (0.25, 0.25), "units": ("um", "um"), "metadata": {"mpp": 9}}, (0.25, 0.25)),
        ({}, None),
    ],
    ids=str,
)
def test_the_pixel_size_comes_from_the_scale_or_else_from_the_metadata(attributes, mpp):
    found = find_mpp(Image(RGB, rgb=True, **attributes))
    assert found == (None if mpp is None else pytest.approx(mpp))


@pytest.mark.parametrize(
    "levels",
    [
        RGB,
        da.from_array(RGB, chunks=(16, 16, 3)),
        zarr.array(RGB, chunks=(16, 16, 3)),
        [zarr.array(RGB), zarr.array(RGB[::2, ::2])],
        [da.from_array(RGB), da.from_array(RGB[::2, ::2])],
    ],
    ids=["numpy", "dask", "zarr", "zarr levels", "dask levels"],
)
def test_layers_of_any_reader_are_slides(levels):
    layer = Image(levels, rgb=True, multiscale=isinstance(levels, list), scale=(0.5, 0.5), units=("um", "um"), name="s")
    slide = slide_from_layer(layer)
    assert slide.name == "s"
    assert slide.mpp == (0.5, 0.5)
    assert slide.shape == get_shape(layer) == (40, 60)
    assert len(slide.levels) == 1 + isinstance(levels, list)
    np.testing.assert_array_equal(slide.read((5, 10, 25, 50)), RGB[5:25, 10:50])


def test_transparent_pixels_become_white():
    pixels = np.dstack([RGB, np.full(RGB.shape[:2], 255, np.uint8)])
    pixels[:20, :, 3] = 0
    slide = slide_from_layer(Image(pixels, rgb=True))
    assert (slide.read((0, 0, 20, 60)) == 255).all()
    np.testing.assert_array_equal(slide.read((20, 0, 40, 60)), RGB[20:])


def test_a_grey_layer_becomes_rgb():
    assert slide_from_layer(Image(RGB[..., 0])).read((0, 0, 2, 2)).shape == (2, 2, 3)


def test_an_explicit_pixel_size_overrides_the_layer():
    assert slide_from_layer(Image(RGB, rgb=True), (0.3, 0.3)).mpp == (0.3, 0.3)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Image(np.zeros((3, 8, 8), np.uint8), name="stack"), "got layer 'stack', expected a two-dimensional image"),
        (Labels(np.zeros((8, 8), int), name="cells"), "got layer 'cells', expected a two-dimensional image"),
        (Image(np.zeros((8, 8, 3), np.uint16), rgb=True, name="deep"), "deep: got uint16 pixels"),
    ],
    ids=["stack", "labels", "16 bit"],
)
def test_other_layers_are_rejected_by_name(layer, message):
    with pytest.raises(ValueError, match=message):
        slide_from_layer(layer)


OMERO = Colormap([[0, 0, 0, 1], [0, 0.2, 0.9, 1]], name="0033E6")


@pytest.mark.parametrize("colormap", ["red", "magenta", "bop orange", "I Blue", OMERO], ids=str)
def test_one_colour_channel_is_not_a_slide(colormap):
    with pytest.raises(ValueError, match="one colour channel of an image"):
        slide_from_layer(Image(RGB[..., 0], colormap=colormap))


@pytest.mark.parametrize("colormap", [None, "gray", "viridis", ["red", "green", "blue"]])
def test_no_channel_of_an_image_that_napari_splits_is_a_slide(colormap):
    channels = ViewerModel().add_image(RGB, channel_axis=2, colormap=colormap)
    in_one_map = isinstance(colormap, str)  # then the lowest one cannot be told from a grey slide
    for layer in channels[in_one_map:]:
        with pytest.raises(ValueError, match="one colour channel of an image"):
            slide_from_layer(layer)


@pytest.mark.parametrize("colormap", ["gray", "gray_r", "viridis", "magma", "inferno", "turbo"])
def test_a_grey_slide_in_false_colours_is_a_slide(colormap):
    assert slide_from_layer(Image(RGB[..., 0], colormap=colormap)).shape == (40, 60)


def test_only_two_dimensional_images_can_be_slides():
    assert is_slide_layer(Image(RGB, rgb=True))
    assert not is_slide_layer(Image(np.zeros((3, 8, 8))))
    assert not is_slide_layer(Labels(np.zeros((8, 8), int)))


number = st.floats(0.1, 3.0)


@settings(deadline=None, max_examples=50)
@given(
    scale=st.tuples(number, number),
    translate=st.tuples(number, number),
    rotate=st.floats(-90, 90),
    shear=st.floats(-0.5, 0.5),
    origin=st.tuples(st.integers(0, 500), st.integers(0, 500)),
    point=st.tuples(st.integers(0, 50), st.integers(0, 50)),
)
def test_a_result_is_aligned_with_the_pixels_of_its_region(scale, translate, rotate, shear, origin, point):
    affine = [[0.9, 0.2, 5], [-0.1, 1.1, -3], [0, 0, 1]]
    units = ("um", "um")
    slide = Image(
        RGB, rgb=True, scale=scale, translate=translate, rotate=rotate, shear=[shear], affine=affine, units=units
    )
    result = Labels(np.zeros((8, 8), int), **copy_placement(slide, origin))
    on_slide = slide.data_to_world(np.add(origin, point))
    np.testing.assert_allclose(result.data_to_world(point), on_slide, rtol=1e-6, atol=1e-6)
    assert result.units == slide.units
