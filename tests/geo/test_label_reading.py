"""Label rasters as the objects of a scene: what promptseg writes, and what rasterio, tifffile and scipy make."""

import numpy as np
import pytest

from geo_scenes import NORTH_UP, PLACES, SIZE, drawn, raster_at, shapes
from promptseg.errors import InputError
from promptseg.geo import label_reading
from promptseg.geo.label_raster import write_label_raster
from promptseg.geo.reading import read_scene
from promptseg.rasters.georeference import Georeference
from promptseg.scene_masks import SceneMasks
from raster_files import write_geotiff

rasterio = pytest.importorskip("rasterio")
tifffile = pytest.importorskip("tifffile")

RASTER = raster_at(None)


def labels(path, numbers, **options):
    return write_geotiff(path, np.asarray(numbers), **options)


def painted(found):
    """The objects as numbers, 1 for the first."""
    numbers = np.zeros(found.size, int)
    for number, mask in enumerate(found, 1):
        x0, y0, x1, y1 = mask.box
        assert not numbers[y0:y1, x0:x1][mask.mask.array].any()
        numbers[y0:y1, x0:x1][mask.mask.array] = number
    return numbers


@pytest.fixture(params=[(512, 4096), (64, 48), (33, 31)], ids=str)
def windows(request, monkeypatch):
    monkeypatch.setattr(label_reading, "HEIGHT", request.param[0])
    monkeypatch.setattr(label_reading, "WIDTH", request.param[1])


@pytest.fixture
def random_numbers():
    """Numbers in patches that windows of any size cut, in several parts, one inside another, with background between."""
    random = np.random.default_rng(7)
    return np.kron(random.integers(0, 30, (30, 40)), np.ones((10, 10), int)).astype(np.uint16)


@pytest.mark.parametrize("name", [*PLACES, None])
@pytest.mark.usefixtures("windows")
def test_what_is_written_is_read_again(name, tmp_path):
    place = PLACES.get(name)
    write_label_raster(shapes(), tmp_path / "labels.tif", georeference=place)
    found = read_scene(tmp_path / "labels.tif", raster_at(place))
    assert list(found) == list(shapes())
    assert found.labels == shapes().labels
    assert [mask.score for mask in found] == [mask.score for mask in shapes()]


@pytest.mark.usefixtures("windows")
def test_of_objects_that_overlap_what_is_seen_is_read(tmp_path):
    field, tree, hidden = (drawn(np.ones((side, side), bool), (at, at), label=str(side)) for side, at in ((100, 10), (20, 50), (20, 50)))
    write_label_raster(SceneMasks([field, tree, hidden], SIZE), tmp_path / "labels.tif", georeference=None)
    rest = np.ones((100, 100), bool)
    rest[40:60, 40:60] = False
    assert list(read_scene(tmp_path / "labels.tif", RASTER)) == [drawn(rest, (10, 10), label="100"), hidden]


@pytest.mark.parametrize("profile", [{}, {"tiled": False}, {"compress": "lzw", "blockxsize": 256, "blockysize": 128}], ids=str)
@pytest.mark.usefixtures("windows")
def test_each_number_is_an_object_wherever_its_pixels_are(random_numbers, profile, tmp_path):
    found = read_scene(labels(tmp_path / "a.tif", random_numbers, **profile), RASTER)
    assert (painted(found) == random_numbers).all()  # All 29 numbers occur.
    assert set(found.labels) == {None}


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "int64", "uint64"])
def test_numbers_are_of_any_whole_type(random_numbers, dtype, tmp_path):
    found = read_scene(labels(tmp_path / "a.tif", random_numbers.astype(dtype)), RASTER)
    assert (painted(found) == random_numbers).all()


def test_a_tiff_without_a_georeference_lies_where_the_raster_lies(random_numbers, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", random_numbers, rowsperstrip=9)
    assert (painted(read_scene(tmp_path / "a.tif", raster_at(NORTH_UP))) == random_numbers).all()


@pytest.mark.usefixtures("windows")
def test_each_connected_part_of_a_class_is_an_object(random_numbers, tmp_path):
    ndimage = pytest.importorskip("scipy.ndimage")
    labels(tmp_path / "a.tif", random_numbers % 3)
    (tmp_path / "a.csv").write_text("id,label\n2,water\n")
    found = read_scene(tmp_path / "a.tif:classes", RASTER)
    numbers, at = painted(found), 0
    for value, label in ((1, "1"), (2, "water")):
        parts, count = ndimage.label(random_numbers % 3 == value, np.ones((3, 3)))
        own = np.arange(at + 1, at + count + 1)
        assert [found[number - 1].label for number in own.tolist()] == [label] * count
        assert ((numbers * np.isin(numbers, own) > 0) == (parts > 0)).all()
        assert len(np.unique(np.stack([numbers[parts > 0], parts[parts > 0]]), axis=1).T) == count  # One to one.
        at += count
    assert len(found) == at


def test_parts_meet_around_the_corners_of_windows(tmp_path, monkeypatch):
    monkeypatch.setattr(label_reading, "HEIGHT", 2)
    monkeypatch.setattr(label_reading, "WIDTH", 2)
    numbers = np.zeros((4, 4), np.uint8)
    numbers[1, 1] = numbers[2, 2] = 1
    numbers[1, 2] = numbers[2, 1] = 2
    labels(tmp_path / "a.tif", numbers)
    found = read_scene(tmp_path / "a.tif:classes", raster_at(None, (4, 4)))
    assert (painted(found) == numbers).all()


def test_zero_no_data_and_colors_are_no_objects(tmp_path):
    numbers = np.full(SIZE, 255, np.uint8)
    numbers[10:20, 10:20] = 7
    numbers[30:40, 30:40] = 0
    colors = {7: (0, 0, 0, 0), 255: (9, 9, 9, 255)}
    labels(tmp_path / "a.tif", numbers, nodata=255, edit=lambda file: file.write_colormap(1, colors))
    (found,) = read_scene(tmp_path / "a.tif", RASTER)
    assert (found.box, found.area) == ((10, 10, 20, 20), 100)


def test_a_table_about_something_else_is_left_alone(random_numbers, tmp_path):
    labels(tmp_path / "a.tif", random_numbers)
    (tmp_path / "a.csv").write_text("place,rain\nA,3\n")
    assert set(read_scene(tmp_path / "a.tif", RASTER).labels) == {None}
    (tmp_path / "a.csv").write_text("id,label\none,roof\n")
    with pytest.raises(InputError, match=r"a\.csv is not a table of the objects of a label raster: invalid literal for int"):
        read_scene(tmp_path / "a.tif", RASTER)


class TestRefused:
    @pytest.mark.parametrize(
        ("numbers", "why"),
        [
            (np.zeros((300, 400, 3), np.uint8), r"has 3 bands, and a label raster has one: .* gdal_translate -b 1"),
            (np.zeros(SIZE, np.float32), r"has samples of float32, and the labels .* are whole numbers: .* gdal_translate -ot UInt32"),
            (np.full(SIZE, -1, np.int16), r"has the number -1, and objects have numbers of at least 1: .* gdal_edit\.py -a_nodata -1"),
            (np.zeros((300, 399), np.uint8), r"is 399 wide and 300 high, and scene\.tif 400 wide and 300 high"),
        ],
    )
    def test_numbers_that_are_no_labels_of_the_raster(self, numbers, why, tmp_path):
        with pytest.raises(InputError, match=rf"a\.tif {why}"):
            read_scene(labels(tmp_path / "a.tif", numbers), RASTER)

    @pytest.mark.parametrize(
        ("own", "raster", "why"),
        [
            (NORTH_UP, Georeference(NORTH_UP.matrix, 32633), r"is in EPSG:32632 \(.*\), and scene\.tif in EPSG:32633 .*gdalwarp -r near"),
            (
                NORTH_UP,
                Georeference((0.5, 0, 399960.25, 0, -0.5, 5800020), 32632),
                r"lies elsewhere than scene\.tif: .* up to 0\.5 pixels",
            ),
            (NORTH_UP, PLACES["rotated"], r"is in EPSG:32632"),
            (NORTH_UP, None, r"has a georeference, and scene\.tif has none"),
        ],
    )
    def test_another_place(self, own, raster, why, tmp_path):
        write_label_raster(shapes(), tmp_path / "a.tif", georeference=own)
        with pytest.raises(InputError, match=rf"a\.tif {why}"):
            read_scene(tmp_path / "a.tif", raster_at(raster))

    def test_another_part_than_classes(self, tmp_path):
        with pytest.raises(InputError, match=r"is .*a\.tif, or .*a\.tif:classes if its numbers are classes, got .*a\.tif:roofs"):
            read_scene(tmp_path / "a.tif:roofs", RASTER)

    def test_an_object_that_is_the_background(self, tmp_path, monkeypatch):
        monkeypatch.setattr(label_reading, "MAX_PIXELS", 1000)
        monkeypatch.setattr(label_reading, "HEIGHT", 64)
        with pytest.raises(InputError, match=r"object 9 of .*a\.tif is 400 pixels wide and 300 high.* let it be 0 or no data"):
            read_scene(labels(tmp_path / "a.tif", np.full(SIZE, 9, np.uint8)), RASTER)

    def test_noise(self, tmp_path, monkeypatch):
        monkeypatch.setattr(label_reading, "MAX_PIECES", 50)
        with pytest.raises(InputError, match=r"a\.tif has more than 50 parts of objects, the limit: is it a label raster\?"):
            read_scene(labels(tmp_path / "a.tif", np.arange(300 * 400, dtype=np.uint32).reshape(SIZE)), RASTER)

    def test_an_absent_file(self, tmp_path):
        with pytest.raises(InputError, match=r"there is no file .*a\.tif: check the path"):
            read_scene(tmp_path / "a.tif:classes", RASTER)

    @pytest.mark.parametrize("content", [b"", b"II*\0\x08\0\0\0\xff\xff"])
    def test_a_damaged_file(self, content, tmp_path):
        (tmp_path / "a.tif").write_bytes(content)
        with pytest.raises(InputError, match=r"a\.tif is (empty|not a raster)"):
            read_scene(tmp_path / "a.tif", RASTER)


def test_no_more_than_a_window_is_read_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(label_reading, "HEIGHT", 64)
    monkeypatch.setattr(label_reading, "WIDTH", 64)
    asked, opened = [], label_reading.open_numbers

    def watched(path):
        reader = opened(path)
        read = reader.read
        monkeypatch.setattr(reader, "read", lambda window, size, bands: asked.append(window.size) or read(window, size, bands))
        return reader

    monkeypatch.setattr(label_reading, "open_numbers", watched)
    write_label_raster(shapes(), tmp_path / "a.tif", georeference=None)
    assert list(read_scene(tmp_path / "a.tif", RASTER)) == list(shapes())
    assert len(asked) == 5 * 7
    assert max(asked) == (64, 64)
