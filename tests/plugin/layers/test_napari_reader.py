import dask.array as da
import numpy as np
import pytest
import tifffile

from napari_pathprune.base.packaged_file import packaged_file
from napari_pathprune.plugin.layers.napari_reader import get_reader, is_slide, read_slide
from napari_pathprune.plugin.layers.sample_data import SLIDE


def write_pyramid(path, image, levels=3, *, ome=True, mpp=0.25):
    """Write a tiled RGB pyramid."""
    size = {"PhysicalSizeX": mpp, "PhysicalSizeY": mpp, "axes": "YXS"}
    options = {"tile": (64, 64), "photometric": "rgb"}
    with tifffile.TiffWriter(path, ome=ome) as tif:
        tif.write(image, subifds=levels - 1, metadata=size if ome else None, **options)
        for level in range(1, levels):
            tif.write(image[:: 2**level, :: 2**level], subfiletype=1, **options)


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 255, (400, 600, 3), np.uint8)


def test_an_aperio_slide_is_a_lazy_rgb_layer_in_microns():
    path = str(packaged_file(SLIDE))
    [(data, attributes, kind)] = get_reader(path)(path)
    assert kind == "image"
    assert isinstance(data, da.Array)
    assert data.shape == (2967, 2220, 3)
    assert attributes["rgb"]
    assert not attributes["multiscale"]
    assert attributes["scale"] == (0.499, 0.499)
    assert attributes["units"] == ("um", "um")
    assert attributes["name"] == "CMU-1-Small-Region"
    assert attributes["metadata"] == {"mpp": (0.499, 0.499), "path": path}
    with tifffile.TiffFile(path) as tif:
        expected = tif.series[0].asarray()
    np.testing.assert_array_equal(data[500:900, 700:1300].compute(), expected[500:900, 700:1300])


def test_a_pyramid_is_multiscale_and_only_sliced_pixels_are_read(tmp_path, picture, monkeypatch):
    path = tmp_path / "slide.ome.tif"
    write_pyramid(path, picture)
    [(levels, attributes, _)] = read_slide(str(path))
    assert attributes["multiscale"]
    assert attributes["name"] == "slide"
    assert attributes["scale"] == (0.25, 0.25)
    assert [level.shape for level in levels] == [(400, 600, 3), (200, 300, 3), (100, 150, 3)]
    from napari_pathprune.slides.tiff.tiff_level import TiffLevel

    boxes = []
    whole = TiffLevel.read
    monkeypatch.setattr(TiffLevel, "read", lambda self, box: boxes.append(box) or whole(self, box))
    np.testing.assert_array_equal(np.asarray(levels[0][10:20, 30:40]), picture[10:20, 30:40])
    assert boxes == [(10, 30, 20, 40)]


def test_a_slide_without_pixel_size_has_no_scale(tmp_path, picture):
    path = tmp_path / "plain.tif"
    write_pyramid(path, picture, ome=False)
    [(_, attributes, _)] = read_slide(str(path))
    assert "scale" not in attributes
    assert "units" not in attributes
    assert attributes["metadata"]["mpp"] is None


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((50, 60, 3), {"photometric": "rgb"}),
        ((50, 60), {"tile": (16, 16)}),
        ((4, 50, 60), {"tile": (16, 16), "photometric": "minisblack"}),
        ((4, 64, 64, 3), {"tile": (16, 16), "photometric": "rgb"}),
    ],
    ids=["small plain picture", "grey", "stack", "stack of pictures"],
)
def test_other_tiffs_are_left_to_other_readers(tmp_path, shape, options):
    path = tmp_path / "other.tif"
    tifffile.imwrite(path, np.zeros(shape, np.uint8), **options)
    assert get_reader(str(path)) is None


def write_thumbnail_first(path, picture):
    with tifffile.TiffWriter(path) as tif:
        tif.write(picture[::8, ::8], photometric="rgb")
        tif.write(picture, photometric="rgb", tile=(64, 64))


def write_channels(path, picture):
    tifffile.imwrite(path, np.moveaxis(picture, 2, 0), ome=True, metadata={"axes": "CYX"}, photometric="minisblack")


def write_strips(path, picture):
    tifffile.imwrite(path, picture, ome=True, photometric="rgb", rowsperstrip=16)


def write_big(path, picture):
    tifffile.imwrite(path, picture, bigtiff=True, photometric="rgb", tile=(64, 64))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("first.tif", write_thumbnail_first),
        ("channels.ome.tif", write_channels),
        ("strips.ome.tiff", write_strips),
        ("big.btf", write_big),
        ("big.ome.tf2", write_big),
        ("philips.scn", write_big),
        ("UPPER.QPTIFF", write_big),
        ("ventana.bif", write_big),
    ],
)
def test_what_the_command_line_reads_is_a_slide_in_napari_too(tmp_path, picture, name, write):
    path = tmp_path / name
    write(path, picture)
    [(data, attributes, _)] = get_reader(str(path))(str(path))
    assert attributes["rgb"]
    np.testing.assert_array_equal(np.asarray(data[100:120, 50:90]), picture[100:120, 50:90])


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    "name", ["mask.tif", "a.tiff", "MASK.TIF", "a.svs", "A.SVS", "a.btf", "a.ndpi", "a.scn", "a.ome.TIF"]
)
def test_the_reader_is_not_offered_for_plain_tiffs(name):
    """napari asks which reader to use wherever patterns of two match, before either sees the file."""
    from npe2 import PluginManager

    readers = PluginManager.instance().iter_compatible_readers(name)
    commands = [reader.command for reader in readers if reader.plugin_name == "napari-pathprune"]
    is_offered = not name.lower().endswith((".tif", ".tiff")) or ".ome." in name
    assert commands == ["napari-pathprune.read_slide"] * is_offered


def test_sixteen_bit_colour_is_left_to_other_readers(tmp_path):
    path = tmp_path / "deep.tif"
    tifffile.imwrite(path, np.zeros((64, 64, 3), np.uint16), tile=(16, 16), photometric="rgb")
    assert get_reader(str(path)) is None


def test_missing_files_other_formats_and_lists_are_declined(tmp_path):
    (tmp_path / "text.tif").write_text("not a TIFF")
    assert get_reader(str(tmp_path / "text.tif")) is None
    assert get_reader(str(tmp_path / "missing.svs")) is None
    assert get_reader(str(tmp_path / "photo.png")) is None
    path = str(packaged_file(SLIDE))
    assert get_reader([path, path]) is None


def test_a_damaged_svs_is_accepted_and_its_error_names_the_file(tmp_path):
    path = tmp_path / "half.svs"
    path.write_bytes(packaged_file(SLIDE).read_bytes()[:1000])
    assert is_slide(path)
    with pytest.raises(ValueError, match=r"half\.svs"):
        get_reader(str(path))(str(path))


@pytest.mark.usefixtures("plugin")
def test_npe2_finds_the_reader(tmp_path, picture):
    import npe2

    path = tmp_path / "slide.ome.tif"
    write_pyramid(path, picture)
    [(levels, attributes, kind)] = npe2.read([str(path)], stack=False, plugin_name="napari-pathprune")
    assert kind == "image"
    assert len(levels) == 3
    assert attributes["name"] == "slide"
