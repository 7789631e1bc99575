import os
from xml.sax.saxutils import escape

import numpy as np
import pytest

import promptseg as ps
from promptseg.errors import InputError
from promptseg.rasters.mosaic import parts_of
from promptseg.rasters.opening import check_unchanged
from promptseg.rasters.window import Window
from raster_files import ramp

pytest.importorskip("rasterio", reason="mosaics need rasterio")

WHOLE = Window(0, 0, 64, 64)
MOSAIC = """<VRTDataset rasterXSize="64" rasterYSize="64"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>
<SourceFilename relativeToVRT="RELATIVE">SOURCE</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"""
TILES = """<GDAL_WMS><Service name="TMS"><ServerUrl>ADDRESS/${z}/${x}/${y}.png</ServerUrl></Service><DataWindow><UpperLeftX>0</UpperLeftX>
<UpperLeftY>0</UpperLeftY><LowerRightX>64</LowerRightX><LowerRightY>64</LowerRightY><SizeX>64</SizeX><SizeY>64</SizeY></DataWindow>
<BandsCount>1</BandsCount></GDAL_WMS>"""
CACHED = """<MRF_META><CachedSource><Source>SOURCE</Source></CachedSource><Raster><Size x="64" y="64" c="1"/><PageSize x="64" y="64" c="1"/>
<Compression>PNG</Compression></Raster></MRF_META>"""


@pytest.fixture
def mosaic(tmp_path):
    """Write a mosaic of one part: ``mosaic("scene.tif", name=…, relative=True)``."""

    def write(source, name="scene.vrt", relative=False):
        (tmp_path / name).write_text(MOSAIC.replace("SOURCE", escape(str(source))).replace("RELATIVE", str(int(relative))))
        return tmp_path / name

    return write


def read(path, **options):
    with ps.open_raster(path, **options) as raster:
        return raster.read(WHOLE)[..., 0]


def test_parts_are_read_and_so_are_mosaics_of_mosaics(mosaic, write_tiff):
    array = ramp(64, 64, 1)
    part = write_tiff(array, "a & b.tif")
    assert np.array_equal(read(mosaic(part)), array[..., 0])
    mosaic(part.name, "inner.vrt", relative=True)
    assert np.array_equal(read(mosaic("inner.vrt", relative=True)), array[..., 0])
    assert np.array_equal(read(mosaic(f"GTIFF_DIR:1:{part}")), array[..., 0])


BANDS = """<VRTDataset rasterXSize="64" rasterYSize="64">{}</VRTDataset>"""
BAND = """<VRTRasterBand dataType="{}" band="{}"><SimpleSource><SourceFilename relativeToVRT="1">{}</SourceFilename>
<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"""


def test_bands_of_different_types_are_each_shown_as_what_they_are(write_tiff, tmp_path):
    types = {"Byte": "uint8", "UInt16": "uint16", "Float32": "float32"}
    arrays = {kind: ramp(64, 64, 1, dtype) * (1 if kind == "Byte" else 200) for kind, dtype in types.items()}
    for kind, array in arrays.items():
        write_tiff(array, f"{kind}.tif")
    bands = [BAND.format(kind, number, f"{kind}.tif") for number, kind in enumerate(types, 1)]
    (tmp_path / "scene.vrt").write_text(BANDS.format("".join(bands)))
    assert np.array_equal(read(tmp_path / "scene.vrt", bands=1), arrays["Byte"][..., 0])
    for number, kind in ((2, "UInt16"), (3, "Float32")):
        expected = np.rint(arrays[kind][..., 0].astype(float) * (255 / 50_000))
        assert np.array_equal(read(tmp_path / "scene.vrt", bands=number, limits=(0, 50_000)), expected)
    with ps.open_raster(tmp_path / "scene.vrt", bands=(3, 2, 1), stretch=(0, 100)) as raster:
        pixels = raster.read(WHOLE)
        assert raster.description["type"] == "float32"
        assert pixels.min(axis=(0, 1)).tolist() == [0, 0, 0]
        assert pixels.max(axis=(0, 1)).tolist() == [255, 255, 255]
    with ps.open_raster(tmp_path / "scene.vrt", bands=2) as raster:
        assert raster.description["limits"] is not None


def test_a_part_that_is_absent_is_named_at_once(mosaic, write_tiff, tmp_path):
    with pytest.raises(InputError, match=r"scene\.vrt is made of other files, and one cannot be opened: .*gone\.tif: No such file"):
        ps.open_raster(mosaic("gone.tif", relative=True))
    mosaic(tmp_path / "gone.tif", "inner.vrt")
    with pytest.raises(InputError, match=r"inner\.vrt is made of other files, and one cannot be opened: .*gone\.tif: No such file"):
        ps.open_raster(mosaic("inner.vrt", relative=True))


def test_a_mosaic_of_itself_is_named(mosaic):
    with pytest.raises(InputError, match=r"scene\.vrt is made of itself"):
        ps.open_raster(mosaic("scene.vrt", relative=True))
    mosaic("scene.vrt", "inner.vrt", relative=True)
    with pytest.raises(InputError, match=r"scene\.vrt is made of itself: its parts are .*scene\.vrt of .*inner\.vrt"):
        ps.open_raster(mosaic("inner.vrt", relative=True))


@pytest.mark.parametrize(
    "source",
    [
        "ADDRESS/a.tif",
        "vrt://ADDRESS/a.tif",
        "WMS:ADDRESS/a",
        "/vsicurl/ADDRESS/a.tif",
        "/vsizip//vsis3/bucket/a.zip/a.tif",
        'ZARR:"/vsicurl/ADDRESS/a"',
        TILES,
    ],
)
def test_nothing_is_fetched_from_an_address(source, mosaic, internet, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(InputError, match=r"scene\.vrt is made of parts at addresses, and nothing is fetched"):
        read(mosaic(source.replace("ADDRESS", internet.address)))
    assert not internet.was_asked()


def test_a_part_that_describes_what_to_fetch_is_named(mosaic, tmp_path, internet):
    (tmp_path / "tiles.tif").write_text(TILES.replace("ADDRESS", internet.address))
    with pytest.raises(
        InputError, match=r"scene\.vrt has .*tiles\.tif as a part, which is a description and no raster: nothing is fetched"
    ):
        read(mosaic("tiles.tif", relative=True))
    assert not internet.was_asked()


def test_a_cache_of_an_address_is_named(tmp_path, internet):
    (tmp_path / "cache.mrf").write_text(CACHED.replace("SOURCE", f"{internet.address}/a.tif"))
    with pytest.raises(InputError, match=r"cache\.mrf is made of parts at addresses, and nothing is fetched"):
        read(tmp_path / "cache.mrf")
    assert not internet.was_asked()


def test_overviews_beside_a_raster_that_are_at_an_address_are_not_fetched(mosaic, write_tiff, internet):
    array = ramp(64, 64, 1)
    path = write_tiff(array)
    mosaic(f"{internet.address}/a.tif", "scene.tif.ovr")
    assert np.array_equal(read(path), array[..., 0])
    assert not internet.was_asked()


def test_a_part_that_changes_or_goes_changes_the_mosaic(mosaic, write_tiff):
    part = write_tiff(ramp(64, 64, 1), "part.tif")
    mosaic(part, "inner.vrt")
    with ps.open_raster(mosaic("inner.vrt", relative=True)) as raster:
        description = raster.description
    check_unchanged(description)
    os.utime(part, ns=(2**62, 2**62))
    with pytest.raises(InputError, match=r"scene\.vrt was changed since it was opened first"):
        check_unchanged(description)
    part.unlink()
    with pytest.raises(InputError, match=r"scene\.vrt was changed since it was opened first"):
        check_unchanged(description)


def test_the_files_of_mosaics_of_each_other_are_found_once(mosaic):
    one = mosaic("inner.vrt", relative=True)
    other = mosaic("scene.vrt", "inner.vrt", relative=True)
    assert set(parts_of(one)) == {one, other}
