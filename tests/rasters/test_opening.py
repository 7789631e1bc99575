import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import promptseg as ps
from promptseg.errors import ConfigError, InputError
from promptseg.rasters.array import ArrayReader
from promptseg.rasters.opening import how_shown, open_as_before, reopen_raster
from promptseg.rasters.raster import Raster
from promptseg.rasters.window import Window
from raster_files import mean_of, ramp


class TestOfAnArray:
    def test_a_window_has_the_pixels_of_the_array(self):
        array = ramp(40, 50)
        with ps.open_raster(array) as raster:
            assert isinstance(raster, Raster)
            assert (raster.size, raster.georeference) == ((40, 50), None)
            pixels = raster.read(Window(5, 6, 10, 20))
        assert np.array_equal(pixels, array[5:15, 6:26])
        assert pixels.flags.c_contiguous
        assert not np.shares_memory(pixels, array)

    def test_one_band_is_gray(self):
        array = ramp(40, 50, 1)
        pixels = ps.open_raster(array[:, :, 0]).read(Window(0, 0, 40, 50))
        assert np.array_equal(pixels, np.repeat(array, 3, 2))

    def test_transparent_pixels_have_no_data_and_are_black(self):
        array = ramp(40, 50, 4)
        array[..., 3] = 255
        array[:10, :, 3] = 0
        raster = ps.open_raster(array)
        window = Window(5, 0, 10, 50)
        assert raster.valid(window)[:, 0].tolist() == [False] * 5 + [True] * 5
        assert not raster.read(window)[:5].any()
        assert np.array_equal(raster.read(window)[5:], array[10:15, :, :3])

    def test_where_a_window_has_data_is_known_once_it_was_read(self, monkeypatch):
        raster = ps.open_raster(np.where(ramp(40, 50, 1) > 100, np.nan, ramp(40, 50, 1)), limits=(0, 255))
        windows = [Window(0, 0, 20, 30), Window(0, 0, 20, 31)]
        expected = [raster.valid(window) for window in windows]
        raster.read(windows[0])
        raster.valid(windows[0])[:] = False  # It is the caller's own.
        read = ArrayReader.read
        asked = []
        monkeypatch.setattr(ArrayReader, "read", lambda reader, window, *rest: asked.append(window) or read(reader, window, *rest))
        for window, valid in zip(windows, expected, strict=True):
            assert np.array_equal(raster.valid(window), valid)
        assert asked == windows[1:]

    def test_bands_are_chosen_and_stretched(self):
        array = ramp(40, 50, 12, "uint16", 4000)
        pixels = ps.open_raster(array, bands=(4, 3, 2), limits=(0, 4000)).read(Window(0, 0, 40, 50))
        assert np.abs(pixels - array[..., [3, 2, 1]] * (255 / 4000)).max() <= 0.51

    def test_a_reduced_window_is_an_average(self):
        array = ramp(96, 120)
        pixels = ps.open_raster(array).read(Window(0, 0, 96, 120), (24, 30))
        assert np.abs(pixels - mean_of(array, 4)).max() <= 0.51

    def test_a_reduced_window_of_many_strips_is_an_average_too(self, monkeypatch):
        monkeypatch.setattr("promptseg.rasters.averaging._AT_ONCE", 1000)  # 8 rows of 120.
        array = ramp(97, 120, dtype="float32")
        one = ps.open_raster(array, limits=(0, 250)).read(Window(0, 0, 97, 120), (31, 47))
        monkeypatch.setattr("promptseg.rasters.averaging._AT_ONCE", 1 << 22)
        assert np.abs(one.astype(int) - ps.open_raster(array, limits=(0, 250)).read(Window(0, 0, 97, 120), (31, 47))).max() <= 1

    def test_pixels_without_data_do_not_darken_an_average(self):
        array = np.full((40, 40), 100.0, np.float32)
        array[:, 1::2] = np.nan
        array[:10] = np.nan
        raster = ps.open_raster(array, limits=(0, 255))
        pixels = raster.read(Window(0, 0, 40, 40), (10, 10))
        assert np.unique(pixels[3:]).tolist() == [100]
        assert raster.valid(Window(0, 0, 40, 40), (10, 10))[:, 0].tolist() == [False] * 2 + [True] * 8  # Rows 8 and 9 share theirs.

    def test_an_array_mapped_from_a_file_is_not_loaded(self, tmp_path):
        np.save(tmp_path / "a.npy", ramp(40, 50))
        array = np.load(tmp_path / "a.npy", mmap_mode="r")
        assert np.array_equal(ps.open_raster(array).read(Window(1, 2, 3, 4)), array[1:4, 2:6])

    @pytest.mark.parametrize("array", [np.zeros(5), np.zeros((2, 3, 4, 5)), np.zeros((0, 5)), np.zeros((3, 3), complex), np.array([["a"]])])
    def test_an_array_that_is_no_raster_is_named(self, array):
        with pytest.raises(InputError, match=r"a raster (is an array|has samples of)"):
            ps.open_raster(array)

    def test_it_cannot_be_opened_again_by_its_description(self):
        with pytest.raises(InputError, match="from an array in memory cannot be opened again: save the array"):
            reopen_raster(ps.open_raster(ramp(4, 5)).description)

    def test_a_closed_raster_is_named(self):
        raster = ps.open_raster(ramp(4, 5))
        raster.close()
        raster.close()
        with pytest.raises(InputError, match="array is closed"):
            raster.read(Window(0, 0, 1, 1))


class TestOfWindows:
    @pytest.mark.parametrize("window", [Window(0, 0, 41, 50), Window(0, 0, 40, 51), Window(40, 0, 1, 1), (0, 0, 1, 1), None])
    def test_a_window_beyond_the_end_is_named_with_the_size(self, window):
        for read in (ps.open_raster(ramp(40, 50)).read, ps.open_raster(ramp(40, 50)).valid):
            with pytest.raises(InputError, match="does not lie in array, which has 40 rows and 50 columns"):
                read(window)

    @pytest.mark.parametrize("size", [(11, 10), (10, 11), (0, 10), (5,), 5, (5.0, 5), (True, 5), "ab"])
    def test_a_size_that_is_none_of_the_window_is_named(self, size):
        with pytest.raises(InputError, match=r"a window of \(10, 10\) \(height, width\) is read in that size or a smaller one, got "):
            ps.open_raster(ramp(40, 50)).read(Window(0, 0, 10, 10), size)

    def test_a_window_too_large_to_hold_is_refused_before_it_is_read(self):
        huge = np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (50_000, 50_000, 3))
        with pytest.raises(InputError, match=r"at most 178956970 pixels are read at once, got 50000 x 50000 of array: read it by windows"):
            ps.open_raster(huge).read(Window(0, 0, 50_000, 50_000))


class TestOfAFile:
    def test_what_is_no_path_and_no_array_is_named(self):
        for source in (None, 5, [[1, 2]], b"scene.tif"):
            with pytest.raises(InputError, match="a raster is a path or an array, got "):
                ps.open_raster(source)

    def test_an_archive_is_told_from_a_damaged_file(self, tmp_path):
        with zipfile.ZipFile(tmp_path / "image.zarr.zip", "w") as archive:
            archive.writestr("zarr.json", "{}")
        with pytest.raises(InputError, match=r"image\.zarr\.zip is a ZIP archive: unpack it"):
            ps.open_raster(tmp_path / "image.zarr.zip")

    def test_an_absent_file_is_named_with_the_one_that_is_meant(self, tmp_path):
        (tmp_path / "scene.tif").write_bytes(b"")
        with pytest.raises(InputError, match=r"there is no such file.*scene\.tif"):
            ps.open_raster(tmp_path / "scen.tif")

    def test_an_address_is_called_one(self):
        with pytest.raises(InputError, match=r"^https://a\.org/scene\.tif is an address, and a raster is read from a file: download it"):
            ps.open_raster("https://a.org/scene.tif")

    def test_a_link_to_nothing_is_named_with_its_target(self, tmp_path):
        (tmp_path / "scene.tif").symlink_to(tmp_path / "gone.tif")
        with pytest.raises(InputError, match=r"scene\.tif: there is no such file: it is a link to .*gone\.tif, and nothing is there"):
            ps.open_raster(tmp_path / "scene.tif")

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_a_pipe_is_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "scene.tif")
        with pytest.raises(InputError, match=r"scene\.tif is neither a file nor a folder, such as a pipe or a device"):
            ps.open_raster(tmp_path / "scene.tif")

    @pytest.mark.parametrize("text", ["/vsicurl/http://127.0.0.1:1/a.tif", "http://127.0.0.1:1/a.tif", "GTIFF_DIR:1:a.tif", "a\0b"])
    def test_text_that_is_no_file_reaches_no_library(self, text):
        with pytest.raises(InputError, match=r"^cannot read raster|is an address, and a raster is read from a file"):
            ps.open_raster(text)

    def test_wrong_options_are_named_before_a_file_stays_open(self, write_tiff):
        path = write_tiff(ramp(64, 64, 12))
        with pytest.raises(InputError, match="12 bands, and does not say"):
            ps.open_raster(path)
        with pytest.raises(ConfigError, match="stretch is two percentiles"):
            ps.open_raster(path, bands=1, stretch=(98, 2))
        files = Path("/proc/self/fd")
        assert not any("scene.tif" in os.path.realpath(each) for each in (files.iterdir() if files.is_dir() else ()))


WHOLE_RANGE = {"bands": None, "stretch": (0, 100)}


class TestAsBefore:
    def test_limits_stay_while_samples_are_of_the_same_kind(self, write_tiff):
        before = json.loads(json.dumps(how_shown(ps.open_raster(write_tiff(ramp(64, 64, 1, "uint16", 3000)), stretch=(0, 100)))))
        path = write_tiff(ramp(64, 64, 1, "uint16", 5000))
        assert how_shown(open_as_before(path, before, **WHOLE_RANGE)) == before
        assert before["limits"][0][1] < 3001

    @pytest.mark.parametrize(("bands", "dtype"), [(3, "uint16"), (1, "float32"), (1, "uint8")])
    def test_samples_of_another_kind_have_limits_of_their_own(self, bands, dtype, write_tiff):
        before = how_shown(ps.open_raster(write_tiff(ramp(64, 64, 1, "uint16", 3000)), stretch=(0, 100)))
        path = write_tiff(ramp(64, 64, bands, dtype, 200))
        with open_as_before(path, before, **WHOLE_RANGE) as raster, ps.open_raster(path, stretch=(0, 100)) as fresh:
            assert raster.description == fresh.description

    @pytest.mark.parametrize("limits", ["x", None, [[5, 1]], [[1, 2], [3, 4]]])
    def test_limits_that_are_damaged_are_found_again(self, limits, write_tiff):
        path = write_tiff(ramp(64, 64, 1, "uint16", 3000))
        expected = how_shown(ps.open_raster(path, stretch=(0, 100)))
        for before in ({**expected, "limits": limits}, "x", None):
            assert how_shown(open_as_before(path, before, **WHOLE_RANGE)) == expected


class TestOfADescription:
    def test_it_is_json_and_opens_the_same_pixels(self, write_tiff):
        array = ramp(300, 200, 5, "uint16", 5000)
        with ps.open_raster(write_tiff(array), bands=(5, 1, 2), stretch=(1, 90)) as first:
            description = json.loads(json.dumps(first.description))
            pixels = first.read(Window(10, 20, 100, 90))
        with reopen_raster(description) as again:
            assert np.array_equal(again.read(Window(10, 20, 100, 90)), pixels)
            assert again.description == description

    def test_another_process_stretches_alike(self, write_tiff):
        path = write_tiff(np.random.default_rng(0).gamma(2, 500, (700, 900, 3)).astype("float32"))
        code = (
            "import hashlib, json, sys; import promptseg as ps; from promptseg.rasters.opening import reopen_raster\n"
            "from promptseg.rasters.window import Window\n"
            "raster = ps.open_raster(sys.argv[1]) if sys.argv[1].endswith('.tif') else reopen_raster(json.loads(sys.argv[1]))\n"
            "print(json.dumps([raster.description, hashlib.sha256(raster.read(Window(0, 0, 700, 900))).hexdigest()]))"
        )

        def told(argument):
            done = subprocess.run([sys.executable, "-c", code, argument], capture_output=True, text=True, check=True, timeout=120)
            return json.loads(done.stdout)

        first = told(str(path))
        assert told(str(path)) == first
        assert told(json.dumps(first[0])) == first
        assert 0 < first[0]["limits"][0][0] < first[0]["limits"][0][1]

    def test_a_file_that_was_changed_since_is_named(self, write_tiff):
        path = write_tiff(ramp(64, 64))
        description = ps.open_raster(path).description
        os.utime(path, ns=(1, 1))
        with pytest.raises(InputError, match=r"scene\.tif was changed since it was opened first: expected \d+ bytes of time \d+, found"):
            reopen_raster(description)

    def test_a_file_that_is_gone_is_named(self, write_tiff):
        path = write_tiff(ramp(64, 64))
        description = ps.open_raster(path).description
        path.unlink()
        with pytest.raises(InputError, match="there is no such file"):
            reopen_raster(description)

    @pytest.mark.parametrize(
        "description", [None, {}, {"path": "a.tif"}, {"path": 5, "kind": "gdal", "bands": [1]}, {"path": "a", "kind": "x", "bands": [1]}]
    )
    def test_what_is_no_description_is_named(self, description):
        with pytest.raises(InputError, match="the description of a raster is what Raster"):
            reopen_raster(description)
