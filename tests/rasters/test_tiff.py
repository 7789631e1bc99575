from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import promptseg as ps
from promptseg.errors import InputError, MissingDependencyError
from promptseg.rasters.stretched import StretchedRaster
from promptseg.rasters.tiff import TiffReader
from promptseg.rasters.window import Window
from raster_files import mean_of, ramp

tifffile = pytest.importorskip("tifffile", reason="TIFF of microscopes needs tifffile")


def whole(raster):
    return Window(0, 0, *raster.size)


def opened(path):
    """The raster as tifffile reads it, whatever else could."""
    reader = TiffReader(path)
    return StretchedRaster(reader, (0, 1, 2) if len(reader.bands) > 2 else (0,), None, {})


class TestOfAMicroscope:
    def test_channels_are_pages_and_are_chosen(self, tmp_path):
        array = ramp(100, 130, 5, "uint16", 3000)
        tifffile.imwrite(tmp_path / "cells.ome.tif", array.transpose(2, 0, 1), metadata={"axes": "CYX"}, tile=(32, 32), compression="zlib")
        with pytest.raises(InputError, match=r"cells\.ome\.tif has 5 bands"):
            ps.open_raster(tmp_path / "cells.ome.tif")
        with ps.open_raster(tmp_path / "cells.ome.tif", bands=(5, 1, 2), limits=(0, 3000)) as raster:
            assert raster.description["kind"] == "tiff"
            assert np.abs(raster.read(Window(3, 5, 90, 120)) - array[3:93, 5:125, [4, 0, 1]] * (255 / 3000)).max() <= 0.51

    def test_a_pyramid_in_sub_ifds_is_used(self, tmp_path):
        array = ramp(256, 256)
        with tifffile.TiffWriter(tmp_path / "slide.ome.tif", bigtiff=True) as file:
            options = {"tile": (64, 64), "photometric": "rgb", "compression": "zlib"}
            file.write(array, subifds=2, metadata={"axes": "YXS"}, **options)
            file.write(mean_of(array, 2).astype(np.uint8), subfiletype=1, **options)
            file.write(np.full((64, 64, 3), 77, np.uint8), subfiletype=1, **options)
        with ps.open_raster(tmp_path / "slide.ome.tif") as raster:
            assert raster.overviews == ((128, 128), (64, 64))
            assert np.array_equal(raster.read(whole(raster)), array)
            assert np.unique(raster.read(whole(raster), (64, 64))).tolist() == [77]
            assert np.abs(raster.read(Window(64, 0, 128, 256), (64, 128)) - mean_of(array, 2)[32:96]).max() <= 1

    def test_the_pages_of_an_svs_are_its_sizes(self, tmp_path):
        array = ramp(256, 320)
        with tifffile.TiffWriter(tmp_path / "slide.svs") as file:
            options = {"photometric": "rgb", "metadata": None, "compression": "zlib"}
            file.write(array, tile=(64, 64), description="Aperio Image Library v10.0\r\n320x256 |AppMag = 20", **options)
            file.write(mean_of(array, 8).astype(np.uint8), description="Aperio Image Library v10.0\r\n320x256 -> 40x32 - |", **options)
            file.write(np.full((64, 80, 3), 77, np.uint8), tile=(64, 64), description="Aperio Image Library v10.0\r\n", **options)
        with ps.open_raster(tmp_path / "slide.svs") as raster:
            assert raster.description["kind"] == "tiff"
            assert raster.overviews == ((64, 80),)
            assert np.array_equal(raster.read(Window(10, 20, 200, 300)), array[10:210, 20:320])
            assert np.unique(raster.read(whole(raster), (64, 80))).tolist() == [77]

    @pytest.mark.parametrize("axes", ["ZYX", "TYX"])
    def test_a_stack_is_refused_with_its_axes(self, axes, tmp_path):
        tifffile.imwrite(tmp_path / "stack.ome.tif", np.zeros((4, 64, 64), np.uint8), metadata={"axes": axes})
        with pytest.raises(InputError, match=rf"stack\.ome\.tif is not one plane: its axes are {axes}, of sizes \(4, 64, 64\)"):
            TiffReader(tmp_path / "stack.ome.tif")

    def test_a_stack_is_not_read_by_another_package_as_its_first_plane(self, tmp_path):
        tifffile.imwrite(tmp_path / "stack.ome.tif", np.zeros((4, 64, 64), np.uint8), metadata={"axes": "ZYX"})
        with pytest.raises(InputError, match=r"stack\.ome\.tif is not one plane"):
            ps.open_raster(tmp_path / "stack.ome.tif")

    @pytest.mark.parametrize("sizes", [(64, 64), (64, 80)])
    def test_a_file_of_several_pages_is_refused(self, sizes, tmp_path):
        with tifffile.TiffWriter(tmp_path / "pages.tif") as file:
            for size in sizes:
                file.write(np.zeros((size, size), np.uint8), metadata=None)
        with pytest.raises(InputError, match=r"pages\.tif has 2 pages, and a raster has one: save the one"):
            ps.open_raster(tmp_path / "pages.tif")
        with pytest.raises(InputError, match=r"pages\.tif (has 2 pages|is not one plane)"):
            TiffReader(tmp_path / "pages.tif")

    def test_a_thumbnail_before_the_image_is_not_taken_for_it(self, tmp_path):
        with tifffile.TiffWriter(tmp_path / "scan.tif") as file:
            file.write(np.zeros((20, 20), np.uint8), metadata=None, subfiletype=1)
            file.write(np.zeros((80, 80), np.uint8), metadata=None)
        with pytest.raises(InputError, match=r"scan\.tif begins with a reduced copy of its image: .* gdal_translate GTIFF_DIR:2:"):
            ps.open_raster(tmp_path / "scan.tif")

    def test_a_reduced_image_alone_is_an_image(self, tmp_path):
        tifffile.imwrite(tmp_path / "scan.tif", np.zeros((20, 30), np.uint8), metadata=None, subfiletype=1)
        with ps.open_raster(tmp_path / "scan.tif") as raster:
            assert raster.size == (20, 30)


class TestStorage:
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"rowsperstrip": 1},
            {"rowsperstrip": 7},
            {"rowsperstrip": 7, "compression": "zlib"},
            {"tile": (32, 48)},
            {"tile": (32, 48), "compression": "zlib", "predictor": True},
            {"byteorder": ">"},
            {"planarconfig": "separate", "tile": (32, 48)},
            {"planarconfig": "separate"},
            {"bigtiff": True, "rowsperstrip": 13},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("dtype", ["uint8", "uint16"])
    def test_a_window_has_the_pixels_of_the_file(self, options, dtype, tmp_path):
        array = ramp(110, 131, dtype=dtype)
        stored = array.transpose(2, 0, 1) if "planarconfig" in options else array
        tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", **options)
        reader = TiffReader(tmp_path / "a.tif")
        for window in (Window(0, 0, 110, 131), Window(31, 47, 2, 2), Window(100, 1, 10, 130), Window(109, 130, 1, 1)):
            values, valid = reader.read(window, window.size, (2, 0))
            assert np.array_equal(values, array[window.y : window.bottom, window.x : window.right, [2, 0]])
            assert values.dtype == dtype
            assert valid.all()
        reader.close()

    def test_a_georeference_and_no_data_are_read_without_rasterio(self, tmp_path):
        keys = (1, 1, 0, 2, 1025, 0, 1, 1, 3072, 0, 1, 32632)
        tags = [
            (33550, "d", 3, (0.25, 0.25, 0.0), True),
            (33922, "d", 6, (0, 0, 0, 500_000.0, 5_400_000.0, 0), True),
            (34735, "H", len(keys), keys, True),
            (42113, "s", 3, "-9", True),
        ]
        array = ramp(64, 64, 1, "int16")[..., 0]
        array[:10] = -9
        tifffile.imwrite(tmp_path / "a.tif", array, extratags=tags, metadata=None)
        reader = TiffReader(tmp_path / "a.tif")
        assert (reader.georeference.epsg, reader.georeference.matrix) == (32632, (0.25, 0.0, 500_000.0, 0.0, -0.25, 5_400_000.0))
        assert reader.read(Window(0, 0, 64, 64), (64, 64), (0,)).valid[:, 0].tolist() == [False] * 10 + [True] * 54
        reader.close()

    def test_tags_that_are_read_late_do_not_move_where_pixels_are_read(self, tmp_path, monkeypatch):
        """The tables of JPEG are such a tag. tifffile writes none: another compression stands in."""
        array = ramp(110, 131)
        tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", tile=(32, 48), compression="zlib")
        monkeypatch.setattr("promptseg.rasters.tiff._JPEG", (8,))
        monkeypatch.setattr(tifffile.TiffPage, "jpegtables", property(lambda page: page.parent.filehandle.seek(0) and None))
        with opened(tmp_path / "a.tif") as raster:
            assert np.array_equal(raster.read(whole(raster)), array)

    def test_threads_read_at_once(self, tmp_path):
        array = ramp(400, 400)
        tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", tile=(64, 64), compression="zlib")
        windows = [Window(y, x, 90, 80) for y in range(0, 300, 30) for x in range(0, 300, 30)]
        with opened(tmp_path / "a.tif") as raster, ThreadPoolExecutor(16) as threads:
            for window, pixels in zip(windows, threads.map(raster.read, windows), strict=True):
                assert np.array_equal(pixels, array[window.y : window.bottom, window.x : window.right])


class TestDamage:
    def test_a_truncated_file_is_named_with_the_place(self, tmp_path):
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, ramp(256, 256), photometric="rgb", tile=(64, 64))
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)
        with opened(path) as raster:
            assert raster.read(Window(0, 0, 64, 64)).any()
            with pytest.raises(InputError, match=r"a\.tif cannot be read at \(192, 192, 256, 256\): it is truncated or damaged"):
                raster.read(Window(192, 192, 64, 64))

    @pytest.mark.parametrize("content", [b"", b"II*\0", b"no raster at all", b"II*\0\x08\0\0\0\xff\xff" + b"\xff" * 500])
    def test_a_file_that_is_no_tiff_is_named(self, content, tmp_path):
        (tmp_path / "a.tif").write_bytes(content)
        with pytest.raises(InputError, match=r"a\.tif is not a TIFF file that tifffile reads, or is damaged"):
            TiffReader(tmp_path / "a.tif")

    def test_complex_numbers_are_refused(self, tmp_path):
        tifffile.imwrite(tmp_path / "a.tif", np.zeros((64, 64), np.complex64))
        with pytest.raises(InputError, match=r"a\.tif has samples of complex64"):
            TiffReader(tmp_path / "a.tif")

    def test_a_closed_raster_is_named(self, tmp_path):
        tifffile.imwrite(tmp_path / "a.tif", ramp(64, 64), photometric="rgb")
        raster = opened(tmp_path / "a.tif")
        raster.close()
        with pytest.raises(InputError, match=r"a\.tif is closed"):
            raster.read(Window(0, 0, 1, 1))

    def test_without_tifffile_the_package_is_named(self, tmp_path, monkeypatch):
        tifffile.imwrite(tmp_path / "a.tif", ramp(64, 64), photometric="rgb")
        monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
        with pytest.raises(MissingDependencyError, match=r"reading .*a\.tif needs tifffile, which is not installed: pip install .*geo"):
            TiffReader(tmp_path / "a.tif")

    def test_a_compression_that_needs_another_package_is_named_at_once(self, tmp_path, monkeypatch):
        tifffile.imwrite(tmp_path / "a.tif", ramp(64, 64), photometric="rgb", compression="zlib")

        def decode(*_):
            raise ValueError("<COMPRESSION.JPEG: 7> requires the 'imagecodecs' package")

        monkeypatch.setattr(tifffile.TiffPage, "decode", property(lambda _: decode))
        with pytest.raises(MissingDependencyError, match=r"a\.tif needs package imagecodecs .*: pip install imagecodecs"):
            TiffReader(tmp_path / "a.tif")
