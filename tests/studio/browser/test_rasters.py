"""A raster in the page: the tools that look for objects look in what is shown, and their objects have their places in the raster."""

import pytest

pytest.importorskip("rasterio")
pytest.importorskip("pyogrio")

from dataclasses import replace

import numpy as np

from promptseg.rasters.window import Window
from promptseg.testing import FakeDetector
from promptseg.testing.drawn_scenes import write_scene

from .conftest import mask_of

CORNER = (1024, 1024, 1536, 1536)
"""``x0, y0, x1, y1`` of the lower right sheet of the scene."""

WHOLE = Window(0, 0, 1536, 1536)
FOUND = (100, 120, 160, 180)
"""Where the detector finds a cell in all that it sees."""

TILE = 1024
"""Maximum width and height of what it sees."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A drawn scene and its things."""
    path = tmp_path_factory.mktemp("scene") / "scene.tif"
    return path, write_scene(path)


@pytest.fixture
def raster_page(scene, run_studio, new_page, served_pipelines, monkeypatch):
    monkeypatch.setattr("promptseg.studio_server.rasters.files.LARGE", 1_000_000)  # The scene is small for a raster.
    finder = replace(served_pipelines["words"], detector=FakeDetector({"cell": FOUND}))
    with run_studio(scene[0], {"mini-sam": served_pipelines["mini-sam"], "finder": finder}, labels=["cell"]) as studio:
        yield new_page(studio).open()


def show(page, x0, y0, x1, y1):
    """Show a part of the image, as large as it fits."""
    page.page.evaluate(f"window.promptsegStudio.stage.viewport.show([{x0}, {y0}, {x1}, {y1}])")
    page.settled()
    return page.page.evaluate("window.promptsegStudio.stage.viewport.shown")


def inside(box, window):
    return box[0] >= window[0] and box[1] >= window[1] and box[2] <= window[2] and box[3] <= window[3]


def share_found(things, masks, window):
    """Return which share of the things in a window is among the masks."""
    truth = [each.within(WHOLE) for each in things if inside(each.box, window)]
    return np.mean([max(mask.iou(true) for mask in masks) > 0.8 for true in truth])


def test_everything_in_what_is_shown_becomes_objects_of_the_raster(raster_page, scene):
    window = show(raster_page, *CORNER)
    raster_page.press("a")
    assert raster_page.test_id("everything-shown").is_visible()
    raster_page.test_id("everything-go").click()
    raster_page.test_id("accept-all").click()
    raster_page.wait_until("studio => studio.state.objects.length > 5")

    masks = [mask_of(each["mask"]) for each in raster_page.kept["objects"]]
    assert all(mask.size == (1536, 1536) and inside(mask.box, window) for mask in masks)
    assert share_found(scene[1], masks, window) > 0.5


def test_words_are_found_where_they_are_in_the_raster(raster_page):
    window = show(raster_page, *CORNER)
    raster_page.press("t")
    raster_page.test_id("phrase").fill("cell")
    raster_page.press("Enter")
    raster_page.test_id("accept-all").click()
    raster_page.wait_for_objects(1)

    (kept,) = raster_page.kept["objects"]
    x0, y0, x1, y1 = mask_of(kept["mask"]).box
    by = max(1, max(window[2] - window[0], window[3] - window[1]) / TILE)
    assert kept["label"] == "cell"
    assert window[0] + FOUND[0] * by < (x0 + x1) / 2 < window[0] + FOUND[2] * by
    assert window[1] + FOUND[1] * by < (y0 + y1) / 2 < window[1] + FOUND[3] * by


def test_what_is_like_an_object_that_is_not_shown_is_found_in_what_is_shown(raster_page, scene):
    x0, y0, x1, y1 = next(iter(scene[1])).box
    show(raster_page, 0, 0, 512, 512)
    example = raster_page.add(((x0 + x1) // 2, (y0 + y1) // 2))
    window = show(raster_page, *CORNER)
    raster_page.press("k")  # The object is still chosen.
    raster_page.test_id("accept-all").click()
    raster_page.wait_until("studio => studio.state.objects.length > 5")

    found = [mask_of(each["mask"]) for each in raster_page.objects if each["uid"] != example["uid"]]
    assert all(inside(mask.box, window) for mask in found)
    assert share_found(scene[1], found, window) > 0.5


def test_suggestions_are_for_the_whole_raster(raster_page):
    raster_page.test_id("folder-menu").click()
    raster_page.test_id("suggest").click()
    assert raster_page.test_id("suggest-raster").is_visible()
    raster_page.test_id("suggest-phrases").fill("cell")
    raster_page.test_id("suggest-go").click()
    raster_page.wait_until("studio => studio.state.state === 'suggested'")

    boxes = [mask_of(each["mask"]).box for each in raster_page.kept["objects"]]
    assert min(x0 for x0, *_ in boxes) < 200
    assert max(x1 for *_, x1, _ in boxes) > 600  # The second tile begins at 512.


def test_an_image_says_nothing_of_what_is_shown(page):
    page.press("a")
    assert not page.test_id("everything-shown").is_visible()
