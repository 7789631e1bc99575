"""A raster that an application offers: known by its description, open within bounds, and asked by prompts for places alone."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rasterio")

import rasterio

from promptseg import Pipeline, Prompt, open_raster
from promptseg.errors import InputError, PromptError
from promptseg.pipeline import BuiltPipeline
from promptseg.rasters.window import Window
from promptseg.runtime.progress import report_to
from promptseg.server import rasters
from promptseg.server.errors import NotFoundError, RefusedError
from promptseg.server.open_raster import OpenRaster, scales_of
from promptseg.server.operations import Encode, SearchRaster, Segment
from promptseg.server.rasters import RasterStore
from promptseg.server.replica import Replica
from promptseg.server.scene_results import SceneResult
from promptseg.testing import FakeDetector, FakeSegmenter
from promptseg.tiling.open_tiles import KEPT_BYTES

SIZE = (1500, 2500)


def write_raster(path, value=9):
    profile = {"driver": "GTiff", "height": SIZE[0], "width": SIZE[1], "count": 3, "dtype": "uint8", "tiled": True}
    with rasterio.open(path, "w", **profile, transform=rasterio.Affine(0.5, 0, 0, 0, -0.5, 0)) as file:
        file.write(np.full((3, *SIZE), value, np.uint8))
    return path


@pytest.fixture
def store():
    return RasterStore()


@pytest.fixture
def offered(store, tmp_path):
    """Function that offers a raster of a name."""

    def offer(name):
        with open_raster(write_raster(tmp_path / name)) as raster:
            return store.put(raster.description, raster.size)

    return offer


def replica(tmp_path, open_bytes=1 << 40):
    pipeline = BuiltPipeline(Pipeline().segment("mini-sam").config, segmenter=FakeSegmenter(radius=30))
    return Replica({"fake": pipeline}, open_bytes, 2, tmp_path)


def finding_replica(tmp_path):
    """A replica whose detector finds a roof and a tree, always at the same places of what it sees."""
    detector = FakeDetector({"roof": (10, 20, 60, 80), "tree": (100, 100, 150, 130)})
    config = Pipeline().detect("grounding-dino-swin-t").segment("mini-sam").config
    return Replica({"fake": BuiltPipeline(config, detector, FakeSegmenter(radius=30))}, 1 << 40, 2, tmp_path)


def test_a_raster_of_the_same_file_has_the_same_id(store, offered, tmp_path):
    one = offered("a.tif")
    assert store.get(one.id) == one
    with open_raster(tmp_path / "a.tif") as again, open_raster(tmp_path / "a.tif", limits=(0, 100)) as other:
        assert store.put(again.description, again.size).id == one.id
        assert store.put(other.description, other.size).id != one.id


def test_the_store_forgets_the_oldest(store, offered, monkeypatch):
    monkeypatch.setattr(rasters, "MOST", 2)
    first, second, third = map(offered, ("a.tif", "b.tif", "c.tif"))
    assert [store.has(each.id) for each in (first, second, third)] == [False, True, True]
    with pytest.raises(NotFoundError, match="open it again"):
        store.get(first.id)


def test_prompts_for_places_are_answered_with_masks_of_the_raster(offered, tmp_path):
    device, raster = replica(tmp_path), offered("a.tif")
    operations = [Segment("fake", raster, (Prompt.point(x, 700), Prompt.point(x, 900))) for x in (100, 2000)]
    first, second = device.answer(operations)
    assert isinstance(first, SceneResult)
    assert first.masks.size == SIZE
    assert [mask.mask.prompt_index for mask in first.masks] == [0, 1]
    assert second.masks[1].box == pytest.approx((1970, 870, 2031, 931), abs=1)
    assert second.timings.keys() >= {"segment"}
    assert first.provenance[0].model == "fake-segmenter"


@pytest.mark.parametrize("prompts", [(), (Prompt.text("roof"),), (Prompt.everything(),), (Prompt.point(5, 5), Prompt.text("roof"))])
def test_others_are_refused_and_those_that_wait_with_them_answered(offered, tmp_path, prompts):
    raster = offered("a.tif")
    refused, answered = replica(tmp_path).answer([Segment("fake", raster, prompts), Segment("fake", raster, (Prompt.point(5, 5),))])
    assert isinstance(refused, RefusedError)
    assert "give a window" in str(refused)
    assert len(answered.masks) == 1


WINDOW = Window(700, 900, 400, 600)


def test_a_window_is_searched_by_what_is_not_spatial(offered, tmp_path):
    device, raster = finding_replica(tmp_path), offered("a.tif")
    operations = [Segment("fake", raster, prompts, window=WINDOW) for prompts in ((Prompt.text("roof"),), (), (Prompt.everything(4),))]
    words, classes, everything = device.answer(operations)
    assert [(mask.label, mask.box) for mask in words.masks] == [("roof", (910, 720, 960, 780))]
    assert [mask.label for mask in classes.masks] == ["roof", "tree"]
    assert words.masks.size == SIZE
    assert all(mask.window.shared(WINDOW) == mask.window for mask in everything.masks)
    assert words.timings.keys() >= {"read", "segment"}


def test_a_wrong_prompt_for_a_window_refuses_its_own_request_alone(offered, tmp_path):
    raster = offered("a.tif")
    operations = [Segment("fake", raster, (prompt,), window=WINDOW) for prompt in (Prompt.point(5, 5), Prompt.text("roof"))]
    refused, answered = finding_replica(tmp_path).answer(operations)
    assert isinstance(refused, PromptError)
    assert len(answered.masks) == 1


def test_all_tiles_are_searched_as_work_that_reports_its_progress(offered, tmp_path):
    device, raster = finding_replica(tmp_path), offered("a.tif")
    reported = []
    with report_to(reported.append):
        (result,) = device.work(SearchRaster("fake", raster, (Prompt.text("roof"),)))
    assert isinstance(result, SceneResult)
    assert len(result.masks) == reported[-1].total > 2
    assert (reported[-1].stage, reported[-1].done) == ("tiles", reported[-1].total)
    assert device.open_images == 0  # A sweep of what is open does not end it.


def test_work_on_all_tiles_that_is_given_up_closes_its_raster(offered, tmp_path, monkeypatch):
    class GivenUpError(Exception):
        pass

    def give_up(progress):
        if progress.done == 2:
            raise GivenUpError

    def note(raster):
        closed.append(raster)

    closed = []
    monkeypatch.setattr(OpenRaster, "close", note)
    with report_to(give_up), pytest.raises(GivenUpError):
        list(finding_replica(tmp_path).work(SearchRaster("fake", offered("a.tif"), (Prompt.text("roof"),))))
    assert len(closed) == 1


def test_open_rasters_are_bounded_and_closed_when_they_are_dropped(offered, tmp_path):
    device = replica(tmp_path, open_bytes=2 * KEPT_BYTES)
    stored = [offered(name) for name in ("a.tif", "b.tif", "c.tif")]
    for each in stored:
        device.answer([Encode("fake", each)])
    assert (device.open_images, device.open_bytes, device.encoded) == (2, 2 * KEPT_BYTES, 3)
    opened = device._images["fake", stored[2].id]
    device.sweep(0)
    assert (device.open_images, device.open_bytes) == (0, 0)
    with pytest.raises(InputError, match="closed"):
        opened._raster.read(Window(0, 0, 10, 10))


def test_a_raster_that_was_replaced_is_refused(offered, tmp_path):
    stored = offered("a.tif")
    write_raster(tmp_path / "a.tif", value=200).touch()
    (outcome,) = replica(tmp_path).answer([Segment("fake", stored, (Prompt.point(5, 5),))])
    assert isinstance(outcome, InputError)
    assert "changed" in str(outcome)


def test_an_example_is_not_taken_from_a_raster(offered):
    with pytest.raises(RefusedError, match="cut the example out"):
        offered("a.tif").pixels()


@pytest.mark.parametrize(
    ("size", "scales"),
    [((800, 900), (1.0,)), ((1024, 1024), (1.0,)), ((2000, 3000), (1.0, 1 / 4)), ((30_000, 20_000), (1.0, 1 / 4, 1 / 12))],
)
def test_a_raster_is_asked_at_coarser_scales_where_a_tile_does_not_show_all_of_it(size, scales):
    assert scales_of(size) == scales
