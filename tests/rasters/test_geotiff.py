import os
import struct
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from PIL import Image

import promptseg as ps
from forks import forked
from promptseg.errors import InputError, InputWarning, MissingDependencyError
from promptseg.rasters.window import Window
from raster_files import mean_of, ramp

rasterio = pytest.importorskip("rasterio", reason="GeoTIFF needs rasterio")


def whole(raster):
    return Window(0, 0, *raster.size)


class TestWhereItLies:
    NORTH_UP = rasterio.Affine(0.25, 0, 412_345.25, 0, -0.25, 5_512_345.5)
    ROTATED = rasterio.Affine.translation(412_345.25, 5_512_345.5) @ rasterio.Affine.rotation(31) @ rasterio.Affine.scale(0.25, -0.25)
    SOUTH_UP = rasterio.Affine(0.25, 0, 412_345.25, 0, 0.25, 5_512_345.5)

    @pytest.mark.parametrize("epsg", [32632, 32733])
    @pytest.mark.parametrize("transform", [NORTH_UP, ROTATED, SOUTH_UP], ids=["north-up", "rotated", "south-up"])
    def test_corners_are_where_rasterio_has_them(self, transform, epsg, write_tiff):
        path = write_tiff(ramp(70, 90), transform=transform, crs=rasterio.CRS.from_epsg(epsg))
        georeference = ps.open_raster(path).georeference
        corners = np.array([[0, 0], [90, 0], [0, 70], [90, 70], [100_000, 100_000]], float)
        with rasterio.open(path) as dataset:
            world = np.array([dataset.transform @ corner for corner in map(tuple, corners)])
            assert rasterio.CRS.from_wkt(georeference.wkt) == dataset.crs
        assert georeference.epsg == epsg
        assert np.abs(georeference.to_pixels(world) - corners).max() < 0.001
        assert np.abs(georeference.to_world(corners) - world).max() < 0.001 * 0.25

    def test_a_map_from_pixel_centers_is_moved_to_edges(self, write_tiff):
        path = write_tiff(
            ramp(70, 90), transform=self.NORTH_UP, crs="EPSG:32632", edit=lambda dataset: dataset.update_tags(AREA_OR_POINT="Point")
        )
        assert ps.open_raster(path).georeference.matrix == tuple(self.NORTH_UP)[:6]

    def test_a_raster_without_a_map_has_no_georeference(self, write_tiff):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert ps.open_raster(write_tiff(ramp(70, 90))).georeference is None

    def test_a_format_without_maps_has_no_georeference(self, tmp_path):
        cv2.imwrite(str(tmp_path / "scan.ppm"), ramp(70, 90))
        assert ps.open_raster(tmp_path / "scan.ppm").georeference is None

    def test_a_map_that_is_almost_none_is_kept(self, write_tiff):
        transform = rasterio.Affine(1.000001, 0, 0, 0, 1, 0)
        assert ps.open_raster(write_tiff(ramp(70, 90), transform=transform)).georeference.matrix == tuple(transform)[:6]

    def test_a_map_without_a_coordinate_system_is_kept(self, write_tiff):
        georeference = ps.open_raster(write_tiff(ramp(70, 90), transform=self.ROTATED)).georeference
        assert (georeference.epsg, georeference.wkt) == (None, None)
        assert np.allclose(georeference.matrix, tuple(self.ROTATED)[:6], atol=0)

    def test_a_coordinate_system_without_a_code_is_told_as_wkt_alone(self, write_tiff):
        crs = rasterio.CRS.from_proj4("+proj=tmerc +lat_0=12.3 +lon_0=45.6 +k=0.9997 +x_0=7000 +y_0=0 +ellps=GRS80 +units=m")
        georeference = ps.open_raster(write_tiff(ramp(70, 90), transform=self.NORTH_UP, crs=crs)).georeference
        assert georeference.epsg is None
        assert "45.6" in georeference.wkt

    def test_control_points_are_told_and_results_are_in_pixels(self, write_tiff):
        points = [rasterio.control.GroundControlPoint(row, col, 11 + col / 100, 48 - row / 100) for row in (0, 70) for col in (0, 90)]
        path = write_tiff(ramp(70, 90), gcps=points, crs="EPSG:4326")
        with pytest.warns(InputWarning, match=r"scene\.tif is placed in the world by control points .*Warp it first, such as by gdalwarp"):
            assert ps.open_raster(path).georeference is None

    def test_a_map_that_cannot_be_inverted_is_refused(self, write_tiff):
        path = write_tiff(ramp(70, 90), transform=rasterio.Affine(1, 1, 5, 1, 1, 5))
        with pytest.raises(InputError, match="cannot be inverted"):
            ps.open_raster(path)


class TestPixels:
    @pytest.mark.parametrize(
        "profile", [{}, {"compress": "deflate"}, {"tiled": False, "blockysize": 1}, {"tiled": False}, {"interleave": "band"}]
    )
    def test_a_window_has_the_pixels_of_the_file(self, profile, write_tiff):
        array = ramp(130, 200)
        with ps.open_raster(write_tiff(array, **({"interleave": "pixel"} | profile))) as raster:
            for window in (whole(raster), Window(3, 5, 60, 130), Window(129, 199, 1, 1), Window(60, 60, 10, 10)):
                assert np.array_equal(raster.read(window), array[window.y : window.bottom, window.x : window.right])
                assert raster.valid(window).all()

    @pytest.mark.parametrize("shape", [(1, 500), (500, 1), (1, 1)])
    def test_a_strip_of_one_pixel_is_read(self, shape, write_tiff):
        array = ramp(*shape)
        with ps.open_raster(write_tiff(array)) as raster:
            assert np.array_equal(raster.read(whole(raster)), array)

    def test_one_band_is_gray(self, write_tiff):
        array = ramp(70, 90, 1)
        with ps.open_raster(write_tiff(array)) as raster:
            assert np.array_equal(raster.read(whole(raster)), np.repeat(array, 3, 2))

    def test_colors_are_taken_as_the_file_names_them(self, write_tiff):
        array = ramp(70, 90, 4)
        colors = [getattr(rasterio.enums.ColorInterp, name) for name in ("blue", "green", "red", "undefined")]
        path = write_tiff(array, edit=lambda dataset: setattr(dataset, "colorinterp", colors))
        with ps.open_raster(path) as raster:
            assert np.array_equal(raster.read(whole(raster)), array[..., 2::-1])

    def test_twelve_bands_need_a_choice_and_are_listed_by_name(self, write_tiff):
        def name(dataset):
            dataset.descriptions = [f"B{number:02}" for number in range(1, 13)]

        array = ramp(70, 90, 12, "uint16", 9000)
        path = write_tiff(array, edit=name)
        with pytest.raises(InputError, match=r"scene\.tif has 12 bands, .*4 'B04'.*12 'B12'\. Choose one or three"):
            ps.open_raster(path)
        with ps.open_raster(path, bands=(4, 3, 2), limits=(0, 9000)) as raster:
            assert np.abs(raster.read(whole(raster)) - array[..., [3, 2, 1]] * (255 / 9000)).max() <= 0.51

    @pytest.mark.parametrize("dtype", ["uint16", "int16", "float32", "float64"])
    def test_samples_of_more_bits_are_stretched_and_the_limits_are_told(self, dtype, write_tiff):
        array = ramp(200, 300, 1, dtype, 3000)
        with ps.open_raster(write_tiff(array), stretch=(5, 95)) as raster:
            ((low, high),) = raster.description["limits"]
            assert np.allclose((low, high), np.percentile(array, (5, 95)))
            expected = np.clip((array.astype(float) - low) / (high - low), 0, 1) * 255
            assert np.abs(raster.read(whole(raster)) - expected).max() <= 0.51

    def test_colors_of_a_palette_are_shown(self, write_tiff):
        table = {0: (0, 0, 0, 255), 1: (200, 100, 50, 255), 2: (10, 20, 30, 255)}
        array = np.arange(64 * 64).reshape(64, 64).astype(np.uint8) % 3
        path = write_tiff(array, photometric="palette", edit=lambda dataset: dataset.write_colormap(1, table))
        with ps.open_raster(path) as raster:
            assert np.array_equal(raster.read(whole(raster)), np.array([table[index][:3] for index in range(3)])[array])

    def test_one_bit_is_black_and_white(self, write_tiff):
        array = ramp(64, 64, 1) % 2
        with ps.open_raster(write_tiff(array, nbits=1)) as raster:
            assert np.array_equal(raster.read(whole(raster))[..., :1], array * 255)

    @pytest.mark.parametrize("options", [{}, {"nbits": 2}, {"nbits": 4}])
    def test_where_low_samples_are_white_they_are_shown_so(self, options, write_tiff):
        most = 2 ** options.get("nbits", 8) - 1
        array = ramp(64, 64, 1, most=most)
        with ps.open_raster(write_tiff(array, photometric="miniswhite", **options)) as raster:
            assert np.array_equal(raster.read(whole(raster))[..., :1], (most - array) * (255 // most))

    def test_where_low_samples_are_white_limits_are_still_of_the_samples(self, write_tiff):
        array = ramp(64, 64, 1, "uint16", 4000)
        with ps.open_raster(write_tiff(array, photometric="miniswhite"), limits=(0, 4000)) as raster:
            assert np.abs(raster.read(whole(raster))[..., :1] - (255 - array / 4000 * 255)).max() <= 0.51

    def test_complex_numbers_are_refused(self, write_tiff):
        with pytest.raises(InputError, match=r"scene\.tif has complex numbers \(complex64\)"):
            ps.open_raster(write_tiff(np.zeros((64, 64), np.complex64)))


class TestNoData:
    @pytest.mark.parametrize("nodata", [0, -9999, float("nan")])
    def test_pixels_with_the_value_of_no_data_are_black_and_do_not_count(self, nodata, write_tiff):
        array = ramp(128, 128, 1, "float32", 1000) + 5
        array[:50] = nodata
        with ps.open_raster(write_tiff(array, nodata=nodata), stretch=(0, 100)) as raster:
            assert raster.description["limits"] == [[array[50:].min(), array[50:].max()]]
            assert not raster.read(whole(raster))[:50].any()
            assert np.array_equal(raster.valid(whole(raster)), np.broadcast_to(np.arange(128)[:, None] >= 50, (128, 128)))

    def test_a_pixel_has_data_where_one_of_its_bands_has(self, write_tiff):
        array = ramp(64, 64) // 2 + 1
        array[:10] = 0
        array[20:30, :, 0] = 0
        with ps.open_raster(write_tiff(array, nodata=0)) as raster:
            assert raster.valid(whole(raster))[:, 0].tolist() == [False] * 10 + [True] * 54

    @pytest.mark.parametrize("kind", ["alpha", "mask"])
    def test_alpha_and_masks_say_where_data_is(self, kind, write_tiff):
        there = np.zeros((64, 64), np.uint8)
        there[20:, 10:] = 255
        array = ramp(64, 64)
        if kind == "alpha":
            path = write_tiff(np.dstack([array, there]), photometric="RGB", alpha="yes")
        else:
            with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
                path = write_tiff(array, edit=lambda dataset: dataset.write_mask(there))
        with ps.open_raster(path) as raster:
            assert np.array_equal(raster.valid(whole(raster)), there > 0)
            assert np.array_equal(raster.read(whole(raster)), array * (there > 0)[..., None])

    @pytest.mark.parametrize("first", [0, 1])
    def test_an_average_leaves_out_what_has_no_data(self, first, write_tiff):
        array = np.full((128, 128), 100, np.uint8)
        array[:, first::2] = 0
        with ps.open_raster(write_tiff(array, nodata=0)) as raster:
            assert np.unique(raster.read(whole(raster), (32, 32))).tolist() == [100]

    @pytest.mark.parametrize("overviews", [(), (4,)])
    @pytest.mark.parametrize("nothing", [np.nan, np.inf])
    def test_an_average_is_of_what_is_a_number_without_a_value_of_no_data(self, nothing, overviews, write_tiff):
        array = ramp(128, 128, 1, "float32")
        array[::8, ::8] = nothing  # A quarter of the pixels of the result would be of such a one.
        array[:64, :64] = nothing
        with ps.open_raster(write_tiff(array, overviews=overviews), limits=(0, 255)) as raster:
            valid = raster.valid(whole(raster), (32, 32))
            reduced = raster.read(whole(raster), (32, 32))[..., 0]
        known = np.where(np.isfinite(array), array, np.nan)[..., 0].reshape(32, 4, 32, 4)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # Of squares without a number.
            expected = np.nanmean(known, axis=(1, 3))
        assert np.array_equal(valid, np.isfinite(expected))
        assert np.abs(reduced[valid] - expected[valid]).max() <= 0.51

    def test_no_data_everywhere_is_named_when_values_are_to_be_stretched(self, write_tiff):
        path = write_tiff(np.full((64, 64), -9999, np.float32), nodata=-9999)
        with pytest.raises(InputError, match="has no pixel with data, so there is nothing to stretch its values by"):
            ps.open_raster(path)
        with ps.open_raster(path, limits=(0, 1)) as raster:
            assert not raster.valid(whole(raster)).any()


class TestOverviews:
    def test_a_reduced_window_is_read_from_an_overview(self, write_tiff):
        path = write_tiff(ramp(256, 256), overviews=(2, 4), transform=rasterio.Affine.scale(2))
        with rasterio.open(path, "r+", OVERVIEW_LEVEL=1) as dataset:  # The second: a quarter.
            dataset.write(np.full((3, *dataset.shape), 77, np.uint8))
        with ps.open_raster(path) as raster:
            assert np.unique(raster.read(whole(raster), (64, 64))).tolist() == [77]
            assert np.unique(raster.read(Window(64, 64, 128, 128), (32, 32))).tolist() == [77]
            assert len(np.unique(raster.read(whole(raster), (128, 128)))) > 10

    @pytest.mark.parametrize("overviews", [(), (2, 4)])
    def test_a_reduced_window_is_an_average(self, overviews, write_tiff):
        array = ramp(256, 256)
        with ps.open_raster(write_tiff(array, overviews=overviews)) as raster:
            pixels = raster.read(Window(64, 0, 128, 256), (32, 64))
        assert np.abs(pixels - mean_of(array[64:192], 4)).max() <= 1.6  # An overview of an overview is rounded twice.

    def test_percentiles_are_taken_from_an_overview(self, write_tiff, monkeypatch):
        monkeypatch.setattr("promptseg.rasters.stretching._MOST_SAMPLED", 64 * 64)
        array = ramp(256, 256, 1, "uint16", 3000)
        with ps.open_raster(write_tiff(array, overviews=(2, 4)), stretch=(0, 100)) as raster:
            means = mean_of(array, 4)
            assert np.abs(np.array(raster.description["limits"]) - [means.min(), means.max()]).max() < 1

    def test_broken_overviews_are_told_once_and_all_pixels_are_used(self, write_tiff):
        array = ramp(256, 256)
        path = write_tiff(array, overviews=(2, 4), compress="deflate")
        size = path.stat().st_size
        plain_size = write_tiff(array, "plain.tif", compress="deflate").stat().st_size
        with path.open("r+b") as file:  # The tiles of the overviews lie behind those of the image.
            file.seek(plain_size + 1000)
            file.write(b"\xff" * (size - plain_size - 1000))
        with ps.open_raster(path) as raster:
            with pytest.warns(InputWarning, match=r"the overviews of .*scene\.tif cannot be read, .*make them again, such as by gdaladdo"):
                pixels = raster.read(whole(raster), (64, 64))
            assert np.abs(pixels - mean_of(array, 4)).max() <= 0.51
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                raster.read(whole(raster), (64, 64))

    def test_overviews_that_are_described_wrongly_are_told_when_the_file_is_opened(self, write_tiff):
        array = ramp(256, 256)
        path = write_tiff(array, overviews=(2,))
        content = path.read_bytes()
        (entries,) = struct.unpack_from("<H", content, 8)
        after = 8 + 2 + 12 * entries  # Where the first directory names the next, that of the overview.
        (overview,) = struct.unpack_from("<I", content, after)
        assert 0 < overview < len(content)
        path.write_bytes(content[:after] + struct.pack("<I", len(content) + 2) + content[after + 4 :])
        with pytest.warns(InputWarning, match=r"the overviews of .*scene\.tif cannot be read, .*make them again, such as by gdaladdo"):
            raster = ps.open_raster(path)
        with raster:
            assert raster.overviews == ()
            assert np.abs(raster.read(whole(raster), (64, 64)) - mean_of(array, 4)).max() <= 0.51


class TestDamage:
    def test_a_truncated_file_is_named_with_the_place(self, write_tiff):
        path = write_tiff(ramp(512, 512))
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)
        with ps.open_raster(path) as raster:
            assert np.array_equal(raster.read(Window(0, 0, 64, 64)), ramp(512, 512)[:64, :64])
            with pytest.raises(InputError, match=r"scene\.tif cannot be read at x 448 to 512, y 448 to 512: it is truncated or damaged"):
                raster.read(Window(448, 448, 64, 64))

    @pytest.mark.parametrize("content", [b"", b"II*\0", b"no raster at all", b"II*\0\x08\0\0\0\xff\xff" + b"\xff" * 500])
    def test_a_file_that_is_no_raster_is_named(self, content, tmp_path):
        (tmp_path / "scene.tif").write_bytes(content)
        with pytest.raises(InputError, match=r"scene\.tif"):
            ps.open_raster(tmp_path / "scene.tif")

    def test_a_mosaic_names_the_file_that_it_lacks(self, write_tiff):
        part = write_tiff(ramp(64, 64))
        band = f'<SourceFilename relativeToVRT="1">{part.name}</SourceFilename><SourceBand>1</SourceBand>'
        area = '<{0} xOff="0" yOff="0" xSize="64" ySize="64"/>'
        source = f"<SimpleSource>{band}{area.format('SrcRect')}{area.format('DstRect')}</SimpleSource>"
        bands = f'<VRTRasterBand dataType="Byte" band="1"><ColorInterp>Gray</ColorInterp>{source}</VRTRasterBand>'
        mosaic = part.with_suffix(".vrt")
        mosaic.write_text(f'<VRTDataset rasterXSize="64" rasterYSize="64">{bands}</VRTDataset>')
        with ps.open_raster(mosaic) as raster:
            assert np.array_equal(raster.read(whole(raster))[..., 0], ramp(64, 64)[..., 0])
            part.rename(part.with_name("elsewhere.tif"))
        message = r"scene\.vrt is made of other files, and one cannot be opened: .*scene\.tif: No such file"
        with pytest.raises(InputError, match=message):
            ps.open_raster(mosaic)
        mosaic.write_text(mosaic.read_text().replace("<ColorInterp>Gray", "<NoDataValue>0</NoDataValue><ColorInterp>Gray"))
        with pytest.raises(InputError, match=message):
            ps.open_raster(mosaic)

    def test_a_file_that_describes_what_to_fetch_fetches_nothing(self, tmp_path, monkeypatch):
        (tmp_path / "scene.tif").write_text('<GDAL_WMS><Service name="WMS"><ServerUrl>http://127.0.0.1:9/</ServerUrl></Service></GDAL_WMS>')
        with pytest.raises(InputError, match=r"scene\.tif is not a raster that rasterio reads.*[^.]\. Get it again"):
            ps.open_raster(tmp_path / "scene.tif")

    def test_overviews_at_an_address_are_not_fetched(self, write_tiff, internet):
        tags = {"ns": "OVERVIEWS", "OVERVIEW_FILE": f"{internet.address}/a.tif"}
        path = write_tiff(ramp(128, 128), edit=lambda dataset: dataset.update_tags(**tags))
        with pytest.warns(InputWarning, match="the overviews of .*scene.tif cannot be read"), ps.open_raster(path) as raster:
            assert np.array_equal(raster.read(whole(raster)), ramp(128, 128))
        assert not internet.was_asked()

    def test_a_file_in_pieces_that_no_memory_holds_is_named_with_what_to_do(self, write_tiff, monkeypatch):
        monkeypatch.setattr("promptseg.rasters.geotiff.LARGEST_PIECE", 64 * 64 * 3 - 1)
        monkeypatch.setattr("promptseg.rasters.tiff.LARGEST_PIECE", 64 * 64 * 3 - 1)
        with pytest.raises(InputError, match=r"is stored in pieces of 64 x 64 pixels, .*gdal_translate -of COG"):
            ps.open_raster(write_tiff(ramp(128, 128), compress="deflate"))

    def test_without_rasterio_the_package_is_named(self, write_tiff, monkeypatch):
        path = write_tiff(ramp(64, 64))
        monkeypatch.setitem(__import__("sys").modules, "rasterio", None)
        from promptseg.rasters.geotiff import GdalReader

        with pytest.raises(MissingDependencyError, match=r"reading .*scene\.tif needs rasterio, which is not installed: pip install .*geo"):
            GdalReader(path)


class TestMemory:
    SIDE = 32_768

    def test_a_gigapixel_takes_no_more_memory_than_its_windows(self, write_tiff, tmp_path):
        """The file is sparse: a few of its tiles are written."""
        path = tmp_path / "giga.tif"
        profile = {
            "tiled": True,
            "blockxsize": 512,
            "blockysize": 512,
            "sparse_ok": True,
            "bigtiff": "yes",
            "transform": rasterio.Affine.scale(2),
        }
        with rasterio.open(path, "w", driver="GTiff", width=self.SIDE, height=self.SIDE, count=3, dtype="uint16", **profile) as dataset:
            for place in range(0, self.SIDE - 512, 4096):
                dataset.write(ramp(512, 512, 3, "uint16", 3000).transpose(2, 0, 1), window=((place, place + 512), (place, place + 512)))
        code = (
            "import re, sys; import promptseg as ps; from promptseg.rasters.window import Window\n"
            "raster = ps.open_raster(sys.argv[1])\n"
            f"for at in range(0, {self.SIDE} - 1024, 4096): assert raster.read(Window(at, at, 1024, 1024)).any()\n"
            "assert raster.read(Window(4096, 0, 4096, 4096), (512, 512)).shape == (512, 512, 3)\n"
            "print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) >> 10)"  # `getrusage` knows its parent's.
        )
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, timeout=120)
        assert int(done.stdout) < 900  # MB. All pixels would take 6,144.


class TestThreadsAndProcesses:
    def test_threads_read_at_once(self, write_tiff):
        array = ramp(512, 512)
        windows = [Window(y, x, 100, 90) for y in range(0, 400, 40) for x in range(0, 400, 40)]
        with ps.open_raster(write_tiff(array, compress="deflate")) as raster, ThreadPoolExecutor(16) as threads:
            for window, pixels in zip(windows, threads.map(raster.read, windows), strict=True):
                assert np.array_equal(pixels, array[window.y : window.bottom, window.x : window.right])

    def test_a_forked_process_reads_with_a_handle_of_its_own(self, write_tiff):
        array = ramp(256, 256)
        with ps.open_raster(write_tiff(array)) as raster:
            raster.read(Window(0, 0, 10, 10))
            assert forked(lambda: np.array_equal(raster.read(Window(100, 100, 50, 50)), array[100:150, 100:150]))
            assert np.array_equal(raster.read(Window(200, 0, 50, 50)), array[200:250, :50])

    def test_a_closed_raster_is_named_in_every_thread(self, write_tiff):
        raster = ps.open_raster(write_tiff(ramp(64, 64)))
        raster.close()
        raster.close()
        told = []

        def read():
            try:
                raster.read(Window(0, 0, 1, 1))
            except InputError as error:
                told.append(str(error))

        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
        assert "is closed" in told[0]


class TestFilesBeside:
    """GDAL takes files beside a raster for a part of it, and says nothing about damaged ones."""

    JUNK = (b"", b"junk" * 1000, b"II*\0\x08\0\0\0\xff\xff")

    @pytest.mark.parametrize("content", JUNK)
    def test_broken_overviews_are_told_and_all_pixels_are_used(self, content, write_tiff):
        array = ramp(256, 256)
        path = write_tiff(array)
        path.with_name("scene.tif.ovr").write_bytes(content)
        with pytest.warns(InputWarning, match=r"the overviews of .*scene\.tif cannot be read, .*make them again, such as by gdaladdo"):
            raster = ps.open_raster(path)
        with raster:
            assert raster.overviews == ()
            assert np.abs(raster.read(Window(0, 0, 256, 256), (64, 64)) - mean_of(array, 4)).max() <= 0.5

    def test_overviews_of_another_raster_are_told_and_not_shown(self, write_tiff):
        array = ramp(256, 256)
        path = write_tiff(array)
        write_tiff(ramp(150, 100)).rename(path.with_name("scene.tif.ovr"))
        path = write_tiff(array)
        with pytest.warns(InputWarning, match=r"scene\.tif\.ovr holds one of 100 x 150 pixels, which is not a reduced size of 256 x 256"):
            raster = ps.open_raster(path)
        with raster:
            assert np.abs(raster.read(Window(0, 0, 256, 256), (64, 64)) - mean_of(array, 4)).max() <= 0.5

    @pytest.fixture
    def with_overviews(self, write_tiff):
        """Write a GeoTIFF with overviews in a file beside it, which is older."""

        def with_overviews(array, how="average", **profile):
            path = write_tiff(array, **profile)
            with warnings.catch_warnings(), rasterio.Env(TIFF_USE_OVR=True):
                warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
                with rasterio.open(path, "r+") as file:
                    file.build_overviews([2, 4, 8], rasterio.enums.Resampling[how])
            os.utime(path.with_name("scene.tif.ovr"), (1, 1))
            return path

        return with_overviews

    @pytest.mark.parametrize("size", [(256, 300), (255, 301), (9, 400)])
    @pytest.mark.parametrize("how", ["nearest", "average", "cubic", "lanczos", "mode"])
    def test_good_overviews_are_used(self, size, how, with_overviews):
        rows, columns = np.mgrid[: size[0], : size[1]]
        array = np.stack([127 + 120 * np.sin(rows / 9 + shift) * np.cos(columns / 7) for shift in range(3)], 2)
        with ps.open_raster(with_overviews(array.astype(np.uint8), how)) as raster:
            assert len(raster.overviews) == 3

    @pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
    def test_overviews_of_what_was_there_before_are_told_and_not_shown(self, dtype, with_overviews):
        rows, columns = np.mgrid[:256, :300]
        array = (127 + 120 * np.sin(rows / 19) * np.cos(columns / 17)).astype(dtype)
        if dtype == "float32":
            array[:9, :9] = np.nan
        path = with_overviews(array)
        before = path.with_name("scene.tif.ovr").read_bytes()
        path = with_overviews(250 - array)
        path.with_name("scene.tif.ovr").write_bytes(before)
        os.utime(path.with_name("scene.tif.ovr"), (1, 1))
        with pytest.warns(InputWarning, match=r"\(scene\.tif\.ovr is older than the raster, and shows something else\): make them again"):
            raster = ps.open_raster(path, limits=(0, 255))
        with raster:
            difference = raster.read(whole(raster), (64, 75))[..., :1] - mean_of(250 - array[..., None], 4)
            assert np.nanmax(np.abs(difference)) <= 1.5

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"junk",
            b"<PAMDataset><Metadata>",
            b"<other/>",
            b"<PAMDataset><GeoTransform>1,2,three</GeoTransform></PAMDataset>",
            b"<PAMDataset><GeoTransform>1,2,3</GeoTransform></PAMDataset>",
        ],
    )
    @pytest.mark.parametrize("name", ["scene.tif", "scene.png"])
    def test_damaged_facts_are_told(self, content, name, write_tiff, tmp_path):
        path = write_tiff(ramp(64, 64)) if name.endswith("tif") else tmp_path / name
        if path.suffix == ".png":
            Image.fromarray(ramp(64, 64)).save(path)
        path.with_name(f"{name}.aux.xml").write_bytes(content)
        with pytest.raises(InputError, match=rf"{name}\.aux\.xml is damaged \(.*\), and may say where pixels have no data"):
            ps.open_raster(path)

    def test_good_facts_are_used(self, write_tiff):
        array = ramp(64, 64)
        path = write_tiff(array)
        place = "<GeoTransform> 5.0e+05, 5.0e-01, 0.0, 5.8e+06, 0.0, -5.0e-01</GeoTransform>"
        facts = f"<Metadata><MDI key='place'>Stra\xdfe</MDI></Metadata>{place}"
        bands = "".join(f"<PAMRasterBand band='{band}'><NoDataValue>7</NoDataValue></PAMRasterBand>" for band in (1, 2, 3))
        path.with_name("scene.tif.aux.xml").write_bytes(f"<PAMDataset>{facts}{bands}</PAMDataset>".encode("latin-1"))
        with ps.open_raster(path) as raster:
            assert raster.georeference.matrix == (0.5, 0, 5e5, 0, -0.5, 5.8e6)
            assert (raster.valid(Window(0, 0, 64, 64)) == (array != 7).any(axis=2)).all()

    @pytest.mark.parametrize("content", JUNK)
    def test_a_damaged_mask_is_told(self, content, write_tiff):
        path = write_tiff(ramp(64, 64))
        path.with_name("scene.tif.msk").write_bytes(content)
        with pytest.raises(InputError, match=r"scene\.tif\.msk, the mask of scene\.tif, cannot be read \(.*\): make it again"):
            ps.open_raster(path)

    def test_a_damaged_world_file_is_told(self, write_tiff):
        path = write_tiff(ramp(64, 64))
        path.with_name("scene.tfw").write_text("1\n0\n")
        with pytest.raises(InputError, match=r"scene\.tfw is not a world file: expected six numbers"):
            ps.open_raster(path)
