import json
import shutil

import numpy as np
import pytest

import promptseg as ps
from promptseg.errors import InputError, MissingDependencyError
from promptseg.rasters.ome_zarr import ZarrReader
from promptseg.rasters.opening import reopen_raster
from promptseg.rasters.window import Window
from raster_files import mean_of, ramp

zarr = pytest.importorskip("zarr", reason="OME-Zarr needs zarr")


NEW = int(zarr.__version__.split(".")[0]) > 2
"""Whether this zarr writes the third format, in which OME-Zarr 0.5 is. For Python 3.10 there is none that does."""


@pytest.fixture(params=["0.4", "0.5"] if NEW else ["0.4"])
def write(request, tmp_path):
    """Write an OME-Zarr of arrays, the largest first: ``write([array, …], "cyx")``."""

    def write(levels, axes="cyx", omero=None, chunk=64):
        folder = tmp_path / "image.zarr"
        group = zarr.open_group(str(folder), mode="w", **({"zarr_format": 2 if request.param == "0.4" else 3} if NEW else {}))
        create = group.create_array if NEW else group.create_dataset
        kinds = {"c": "channel", "t": "time"}
        for number, array in enumerate(levels):
            chunks = tuple(min(chunk, side) for side in array.shape)
            create(str(number), shape=array.shape, dtype=array.dtype, chunks=chunks)[...] = array
        said = {
            "multiscales": [
                {
                    "axes": [{"name": axis, "type": kinds.get(axis, "space")} for axis in axes],
                    "datasets": [{"path": str(number)} for number in range(len(levels))],
                }
            ],
            **({"omero": {"channels": [{"label": label} for label in omero]}} if omero else {}),
        }
        group.attrs.update(said if request.param == "0.4" else {"ome": {"version": "0.5", **said}})
        return folder

    return write


def whole(raster):
    return Window(0, 0, *raster.size)


def test_channels_are_chosen_and_listed_by_their_labels(write):
    array = ramp(100, 130, 4, "uint16", 3000)
    path = write([array.transpose(2, 0, 1)], omero=["DAPI", "FITC", "Cy3", "Cy5"])
    with pytest.raises(InputError, match=r"image\.zarr has 4 bands, .*: 1 'DAPI', 2 'FITC', 3 'Cy3', 4 'Cy5'\. Choose"):
        ps.open_raster(path)
    with ps.open_raster(path, bands=(4, 1, 1), limits=(0, 3000)) as raster:
        assert raster.georeference is None
        assert np.abs(raster.read(Window(3, 5, 90, 120)) - array[3:93, 5:125, [3, 0, 0]] * (255 / 3000)).max() <= 0.51


def test_axes_of_length_one_and_no_channels_are_fine(write):
    array = ramp(100, 130, 1)
    with ps.open_raster(write([array.reshape(1, 1, 1, 100, 130)], "tczyx")) as raster:
        assert np.array_equal(raster.read(whole(raster)), np.repeat(array, 3, 2))
    with ps.open_raster(write([array[..., 0].T], "xy")) as raster:
        assert np.array_equal(raster.read(whole(raster)), np.repeat(array, 3, 2))


def test_a_reduced_window_is_read_from_a_smaller_level(write):
    array = ramp(256, 256)
    levels = [array, mean_of(array, 2).astype(np.uint8), np.full((64, 64, 3), 77, np.uint8)]
    with ps.open_raster(write([level.transpose(2, 0, 1) for level in levels])) as raster:
        assert raster.overviews == ((128, 128), (64, 64))
        assert np.array_equal(raster.read(whole(raster)), array)
        assert np.unique(raster.read(whole(raster), (64, 64))).tolist() == [77]


def test_a_description_opens_it_again_unless_it_was_changed(write):
    array = ramp(100, 130, 1, "float32", 500)[..., 0]
    path = write([array], "yx")
    with ps.open_raster(path) as raster, reopen_raster(json.loads(json.dumps(raster.description))) as again:
        assert np.array_equal(again.read(whole(raster)), raster.read(whole(raster)))
        description = raster.description
    write([array[:90]], "yx")
    with pytest.raises(InputError, match=r"image\.zarr was changed since"):
        reopen_raster(description)


@pytest.mark.parametrize("axes", ["zyx", "tyx"])
def test_a_stack_is_refused_with_its_axes(axes, write):
    with pytest.raises(InputError, match=rf"image\.zarr is not one plane: its axes are \{{'{axes[0]}': 5, 'y': 20, 'x': 30\}}"):
        ps.open_raster(write([np.zeros((5, 20, 30), np.uint8)], axes))


def test_a_folder_that_is_no_ome_zarr_is_named(tmp_path):
    with pytest.raises(InputError, match="is a folder, and not an OME-Zarr"):
        ps.open_raster(tmp_path)
    zarr.open_group(str(tmp_path / "a.zarr"), mode="w")
    with pytest.raises(InputError, match=r"a\.zarr (has no image of its own|is a folder, and not an OME-Zarr)"):
        ps.open_raster(tmp_path / "a.zarr")


def test_of_a_folder_of_images_one_is_named(write, tmp_path):
    field = tmp_path / "plate.zarr" / "B" / "03" / "0"
    zarr.open_group(str(tmp_path / "plate.zarr"), mode="w").attrs["plate"] = {"wells": [{"path": "B/03"}]}
    shutil.copytree(write([np.zeros((20, 30), np.uint8)], "yx"), field)
    with pytest.raises(InputError, match=rf"plate\.zarr has no image of its own .*: give the folder in it that has one, such as {field}$"):
        ps.open_raster(tmp_path / "plate.zarr")


def test_an_array_of_an_image_is_told_from_the_image(write):
    path = write([np.zeros((20, 30), np.uint8)], "yx")
    with pytest.raises(InputError, match=r"is an array of Zarr alone|is a folder, and not an OME-Zarr"):
        ps.open_raster(path / "0")


def test_a_level_that_is_gone_is_named(write):
    path = write([np.zeros((20, 30), np.uint8), np.zeros((10, 15), np.uint8)], "yx")
    shutil.rmtree(path / "1")
    with pytest.raises(InputError, match=r"image\.zarr is not an OME-Zarr that zarr reads, or is damaged"):
        ps.open_raster(path)


def test_a_level_outside_of_the_folder_is_refused(write):
    path = write([np.zeros((20, 30), np.uint8)], "yx")
    for file in (path / ".zattrs", path / "zarr.json"):
        if file.is_file():
            file.write_text(file.read_text().replace('"path": "0"', '"path": "../0"'))
    with pytest.raises(InputError, match=r"names '\.\./0' as one of its arrays, which does not lie in it"):
        ps.open_raster(path)


def test_a_filter_that_could_run_code_is_refused_before_a_chunk_is_read(write):
    path = write([np.zeros((20, 30), np.uint8)], "yx")
    file = path / "0" / ".zarray"
    if not file.is_file():
        file = path / "0" / "zarr.json"
    found = json.loads(file.read_text())
    found["filters"] = [{"id": "pickle"}]
    file.write_text(json.dumps(found))
    with pytest.raises(InputError, match=r"has a filter for Python objects, which .* may run code"):
        ps.open_raster(path)


def test_a_damaged_chunk_is_named_with_the_place(write):
    path = write([ramp(128, 128, 1, most=250)[..., 0]], "yx")
    for chunk in path.glob("0/**/*"):
        if chunk.is_file() and not chunk.name.startswith(".z") and chunk.name != "zarr.json":
            chunk.write_bytes(b"\xff" * 20)
    with ps.open_raster(path) as raster, pytest.raises(InputError, match=r"image\.zarr cannot be read at \(0, 0, 10, 10\): it is damaged"):
        raster.read(Window(0, 0, 10, 10))


def test_a_closed_raster_is_named(write):
    raster = ps.open_raster(write([np.zeros((20, 30), np.uint8)], "yx"))
    raster.close()
    with pytest.raises(InputError, match=r"image\.zarr is closed"):
        raster.read(Window(0, 0, 1, 1))


def test_without_zarr_the_package_is_named(write, monkeypatch):
    path = write([np.zeros((20, 30), np.uint8)], "yx")
    monkeypatch.setitem(__import__("sys").modules, "zarr", None)
    with pytest.raises(MissingDependencyError, match=r"reading .*image\.zarr needs zarr, which is not installed: pip install .*geo"):
        ZarrReader(path)


@pytest.mark.parametrize("axes", ["yyx", "tczyx", "yx"])
def test_axes_that_do_not_fit_the_arrays_are_named(axes, write):
    with pytest.raises(InputError, match=r"image\.zarr has the axes .*, and arrays of \(3, 60, 80\): expected one name for each dimension"):
        ps.open_raster(write([ramp(60, 80).transpose(2, 0, 1)], axes))


def test_sizes_of_which_the_first_is_not_the_largest_are_named(write):
    array = ramp(60, 80, 1)[..., 0]
    with pytest.raises(InputError, match=r"lists its sizes as \[\(30, 40\), \(60, 80\)\], where the largest is expected first"):
        ps.open_raster(write([array[::2, ::2], array], "yx"))
