"""``promptseg evaluate --scene``: two files of objects of a raster compared."""

import json

import pytest

from geo_scenes import NORTH_UP, shapes
from promptseg.geo.label_raster import write_label_raster
from promptseg.geo.vectors import write_vectors

pytest.importorskip("pyogrio")
pytest.importorskip("rasterio")

FILES = ("--scene", "scene.tif", "--predictions", "objects.gpkg", "--truth", "truth.geojson")


@pytest.fixture(autouse=True)
def _files():
    """A raster with five objects, of which four were found, one with another label."""
    write_label_raster(shapes(), "scene.tif", georeference=NORTH_UP)
    write_vectors(shapes(), "truth.geojson", georeference=NORTH_UP)
    write_vectors(shapes()[:4], "objects.gpkg", georeference=NORTH_UP)


def test_the_figures_are_a_table_by_size(run):
    done = run("evaluate", *FILES)
    assert (done.exit_code, done.stderr) == (0, "")
    assert [line.split()[:4] for line in done.stdout.splitlines()] == [
        ["objects", "truth", "predicted", "matched"],
        ["all", "5", "4", "4"],
        ["small", "4", "3", "3"],
        ["medium", "1", "1", "1"],
        ["large", "0", "0", "0"],
    ]


def test_the_figures_are_saved_and_printed_as_json(run, tmp_path):
    done = run("evaluate", *FILES, "--by-label", "--json", "--out", "scores.json")
    values = json.loads(done.stdout)
    assert values == json.loads((tmp_path / "scores.json").read_text())
    assert values["figures"]["recall"] == 0.8
    assert {name: each["matched"] for name, each in values["labels"].items()} == {"(no label)": 2, "Straße": 1, "roof": 1}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (FILES[:4], "--scene needs --predictions FILE and --truth FILE"),
        ((*FILES, "--images", "images"), "--images cannot be given here: --scene compares two files of objects"),
        ((*FILES, "--rows", "rows.csv"), "--rows cannot be given here"),
        (("--images", "a", "--masks", "b", "--by-label"), "--by-label is for --scene"),
    ],
)
def test_options_that_do_not_go_together_are_refused(run, words, why):
    done = run("evaluate", *words)
    assert done.exit_code == 2
    assert why in done.stderr


def test_a_file_in_another_system_is_refused(run):
    write_vectors(shapes(), "utm33.gpkg", georeference=NORTH_UP.__class__(NORTH_UP.matrix, 32633))
    done = run("evaluate", *FILES[:3], "utm33.gpkg", *FILES[4:])
    assert done.exit_code == 1
    assert "ogr2ogr -t_srs EPSG:32632" in done.stderr


@pytest.mark.parametrize("files", [("labels.tif", "truth.geojson"), ("objects.gpkg", "labels.tif"), ("labels.tif", "labels.tif")])
def test_label_rasters_are_compared_like_vectors(run, files):
    """An object that others hide is not in a label raster; these do not overlap."""
    write_label_raster(shapes(), "labels.tif", georeference=NORTH_UP)
    done = run("evaluate", "--scene", "scene.tif", "--predictions", files[0], "--truth", files[1], "--by-label", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    figures = json.loads(done.stdout)["figures"]
    assert (figures["matched"], figures["mean_iou"]) == (4 if files[0] == "objects.gpkg" else 5, 1)


def test_a_layer_is_taken_by_its_name(run):
    done = run("evaluate", *FILES[:3], "objects.gpkg:roofs", *FILES[4:])
    assert done.exit_code == 1
    assert "objects.gpkg has no layer 'roofs', and has 1 layer with geometry: 'objects'" in done.stderr
    assert run("evaluate", *FILES[:3], "objects.gpkg:objects", *FILES[4:]).exit_code == 0
