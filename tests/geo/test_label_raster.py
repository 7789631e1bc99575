"""Label rasters are read back by rasterio."""

import csv
from pathlib import Path

import numpy as np
import pytest

from geo_scenes import NORTH_UP, SIZE, drawn
from promptseg import Mask
from promptseg.errors import OutputError
from promptseg.geo import label_raster
from promptseg.geo.label_raster import write_label_raster
from promptseg.scene_masks import SceneMask, SceneMasks

rasterio = pytest.importorskip("rasterio")


def painted(scene):
    """The numbers by plain numpy, the smallest object last."""
    numbers = np.zeros(scene.size, np.uint32)
    for index in sorted(range(len(scene)), key=lambda index: -scene[index].area):
        x0, y0, x1, y1 = scene[index].box
        numbers[y0:y1, x0:x1][scene[index].mask.array] = index + 1
    return numbers


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def overlapping():
    """A square with a smaller one upon it, one that is hidden by two others, and a strip across all windows."""
    return SceneMasks(
        [
            drawn(np.ones((100, 100), bool), (10, 10), label="field", score=0.5),
            drawn(np.ones((10, 10), bool), (50, 50), label="tree"),
            drawn(np.ones((4, 20), bool), (200, 200)),
            drawn(np.ones((4, 10), bool), (200, 200)),
            drawn(np.ones((4, 10), bool), (210, 200)),
            drawn(np.ones((1, 400), bool), (0, 60)),
        ],
        SIZE,
    )


def test_every_pixel_has_the_number_of_its_object(scene, place, tmp_path):
    report = write_label_raster(scene, tmp_path / "labels.tif", georeference=place)
    with rasterio.open(tmp_path / "labels.tif") as raster:
        assert (raster.dtypes, raster.nodata, raster.crs.to_epsg()) == (("uint32",), 0, place.epsg)
        assert np.allclose(raster.transform[:6], place.matrix, rtol=1e-12)
        assert (raster.read(1) == painted(scene)).all()
    assert (report.format, report.files, report.masks, report.changed, report.iou_min) == ("label-tif", 2, 5, 0, 1)


def test_its_corners_are_those_of_the_raster(scene, place, tmp_path):
    write_label_raster(scene, tmp_path / "labels.tif", georeference=place)
    with rasterio.open(tmp_path / "labels.tif") as raster:
        corners = np.array([(0, 0), (400, 0), (0, 300), (400, 300)])
        world = np.array([raster.xy(row, column, offset="ul") for column, row in corners.tolist()])
        assert np.abs(place.to_pixels(world) - corners).max() < 0.01


@pytest.mark.parametrize("window", [64, 512])
def test_the_smaller_object_is_seen_and_the_report_says_what_is_left(overlapping, tmp_path, monkeypatch, window):
    monkeypatch.setattr(label_raster, "WINDOW", window)
    report = write_label_raster(overlapping, tmp_path / "labels.tif", georeference=NORTH_UP)
    with rasterio.open(tmp_path / "labels.tif") as raster:
        numbers = raster.read(1)
    assert (numbers == painted(overlapping)).all()
    visible = np.bincount(numbers.ravel(), minlength=7)[1:]
    assert report.lost == {"other objects cover them": 1}
    assert report.masks == 5
    assert report.notes[-1].startswith("where objects overlap, a pixel has the number of the smaller one")
    assert report.iou_min == pytest.approx(min((visible / overlapping.areas)[visible > 0]))
    assert [int(row["visible_pixels"]) for row in rows(tmp_path / "labels.csv")] == visible.tolist()


def test_objects_across_windows_are_whole(tmp_path):
    y, x = np.mgrid[:1100, :1100]
    disc = SceneMasks([drawn((y - 550) ** 2 + (x - 550) ** 2 < 540**2, (100, 200))], (1500, 1300))
    write_label_raster(disc, tmp_path / "labels.tif", georeference=NORTH_UP)
    with rasterio.open(tmp_path / "labels.tif") as raster:
        assert (raster.read(1) == painted(disc)).all()


def test_the_table_says_what_the_numbers_are(overlapping, tmp_path):
    write_label_raster(overlapping, tmp_path / "labels.tif", georeference=NORTH_UP)
    first, second = rows(tmp_path / "labels.csv")[:2]
    assert first == {
        "id": "1",
        "label": "field",
        "score": "0.5",
        "area_pixels": "10000",
        "visible_pixels": "9800",
        "area": "2500.0",
        "x0": "10",
        "y0": "10",
        "x1": "110",
        "y1": "110",
    }
    assert (second["label"], second["score"]) == ("tree", "")
    write_label_raster(overlapping, tmp_path / "slide.tif", georeference=None, pixel_size=(0.5, 0.5))
    assert rows(tmp_path / "slide.csv")[0]["area_um2"] == "2500.0"


def test_it_has_overviews_and_blocks_without_objects_take_no_space(tmp_path):
    few = SceneMasks([SceneMask(Mask.from_array(np.ones((9, 9), bool)), (7000, 7000))], (10_000, 10_000))
    write_label_raster(few, tmp_path / "labels.tif", georeference=NORTH_UP)
    assert (tmp_path / "labels.tif").stat().st_size < 100_000
    with rasterio.open(tmp_path / "labels.tif") as raster:
        assert raster.overviews(1) == [2, 4, 8, 16, 32]
        assert raster.block_shapes == [(512, 512)]
        window = rasterio.windows.Window(6990, 6990, 30, 30)
        assert (raster.read(1, window=window) == 1).sum() == 81


def test_a_raster_without_georeference_has_labels_without_one(scene, tmp_path):
    write_label_raster(scene, tmp_path / "labels.tif", georeference=None)
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(tmp_path / "labels.tif") as raster:
        assert raster.crs is None


def test_no_objects_are_an_empty_raster(tmp_path):
    write_label_raster(SceneMasks([], SIZE), tmp_path / "labels.tif", georeference=NORTH_UP)
    with rasterio.open(tmp_path / "labels.tif") as raster:
        assert raster.shape == SIZE
        assert not raster.read(1).any()


def test_the_same_objects_give_the_same_bytes(overlapping, tmp_path):
    for folder in ("a", "b"):
        write_label_raster(overlapping, tmp_path / folder / "labels.tif", georeference=NORTH_UP)
    for name in ("labels.tif", "labels.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, small_files):
    noise = np.random.default_rng(0).random((600, 900)) < 0.5
    many = SceneMasks([drawn(noise, (0, 0))], (600, 900))
    with small_files(20_000), pytest.raises(OutputError, match=r"cannot write .*labels\.tif"):
        write_label_raster(many, tmp_path / "labels.tif", georeference=NORTH_UP)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_at_the_very_end_is_noticed_though_gdal_tells_no_error(tmp_path, small_files):
    noise = np.random.default_rng(0).random((600, 900)) < 0.5
    many = SceneMasks([drawn(noise, (0, 0))], (600, 900))
    write_label_raster(many, tmp_path / "whole.tif", georeference=NORTH_UP)
    size = (tmp_path / "whole.tif").stat().st_size
    for missing in (1, 100, size // 8):  # In the last overview, which is written when the file is closed.
        with small_files(size - missing), pytest.raises(OutputError, match=r"cannot write .*labels\.tif.*the disk may be full"):
            write_label_raster(many, tmp_path / "labels.tif", georeference=NORTH_UP)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".promptseg.json", "whole.csv", "whole.tif"]


def test_files_that_were_changed_by_hand_are_kept(scene, tmp_path):
    write_label_raster(scene, tmp_path / "labels.tif", georeference=NORTH_UP)
    (tmp_path / "labels.csv").write_text("mine")
    report = write_label_raster(scene[:2], tmp_path / "labels.tif", georeference=NORTH_UP)
    assert (report.kept, (tmp_path / "labels.csv").read_text()) == (("labels.csv",), "mine")


def test_other_suffixes_and_foreign_files_are_refused(scene, tmp_path):
    with pytest.raises(OutputError, match=r"has the suffix \.tif or \.tiff"):
        write_label_raster(scene, tmp_path / "labels.png", georeference=NORTH_UP)
    Path(tmp_path / "labels.csv").write_text("mine")
    with pytest.raises(OutputError, match="promptseg did not write it"):
        write_label_raster(scene, tmp_path / "labels.tif", georeference=NORTH_UP)
