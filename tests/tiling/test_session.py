"""Tiled sessions with a segmenter whose masks are connected areas of one color."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest

from array_rasters import ArrayRaster
from drawn_scenes import disc, rectangle, same_pixels
from paint_segmenter import GREEN, GROUND, RED, PaintSegmenter, PaintSession
from promptseg.errors import ConfigError, IncompatibleStagesError, InputError, InputWarning, OutOfMemoryError, PromptError
from promptseg.masks import Mask, Masks
from promptseg.pipeline import BuiltPipeline
from promptseg.pipeline.config import parse_config
from promptseg.prompts import Prompt
from promptseg.rasters.window import Window
from promptseg.results import Provenance
from promptseg.runtime.progress import report_to
from promptseg.scene_masks import SceneMask
from promptseg.testing import FakeConceptSegmenter, FakeDetector, FakeSegmenter
from promptseg.tiling import open_tiles, searching
from promptseg.tiling.session import OpensTiled, open_tiled

SIZE = (300, 420)
TILES = {"tile": 128, "overlap": 32}


@dataclass(frozen=True)
class Painter(PaintSegmenter, OpensTiled):
    """A segmenter with everything mode: all areas that are red or green."""

    def open(self, image):
        self.opened.append(image.shape[:2])
        return PainterSession(np.asarray(image), self.cell, self.provenance)


class PainterSession(PaintSession):
    def everything(self, prompt):
        import cv2

        masks = []
        for color in (RED, GREEN):
            count, labels = cv2.connectedComponents((self.image == color).all(axis=2).astype(np.uint8), connectivity=4)
            masks += [Mask.from_array(labels == label, score=0.9) for label in range(1, count)]
        return Masks(masks, self.size)


def raster_of(*objects, color=RED, size=SIZE, **about):
    image = np.full((*size, 3), GROUND, np.uint8)
    for pixels in objects:
        image[pixels] = color
    return ArrayRaster(image, **about)


SCATTERED = [disc(SIZE, 40 + 60 * column, 35 + 60 * row, 8 + 3 * row) for column in range(7) for row in range(4)]


class TestEverything:
    def test_each_object_is_found_once_with_its_pixels(self):
        assert same_pixels(Painter().open_tiled(raster_of(*SCATTERED), **TILES).everything(), SCATTERED)

    def test_objects_larger_than_a_tile_too(self):
        drawn = [rectangle(SIZE, 20, 40, 400, 60), disc(SIZE, 210, 190, 90)]
        assert same_pixels(Painter().open_tiled(raster_of(*drawn), **TILES).everything(), drawn)

    def test_a_warning_tells_how_many_objects_no_tile_shows_whole(self, monkeypatch):
        large, small = rectangle(SIZE, 20, 20, 400, 280), disc(SIZE, 60, 10, 6)
        session = Painter().open_tiled(raster_of(large, small), **TILES)
        found, nothing = PainterSession.everything, Masks([], (128, 128))
        # Only the upper tiles find anything, so that no tile shows where the large object ends.
        monkeypatch.setattr(PainterSession, "everything", lambda own, _: found(own, _) if (own.image[0] == GROUND).all() else nothing)
        with pytest.warns(InputWarning, match=r"1 object reaches the border of its tile .* such as scale=\(1, 0\.305\)"):
            session.everything()

    def test_a_second_scale_changes_no_small_object(self):
        found = Painter().open_tiled(raster_of(*SCATTERED), **TILES, scale=(1.0, 0.5)).everything()
        assert same_pixels(found, SCATTERED)

    def test_a_raster_of_one_pixel_is_the_same_at_every_scale(self):
        session = open_tiled(Painter(), raster_of(np.ones((1, 1), bool), size=(1, 1)), tile=128, scale=(1.0, 0.5))
        assert [each.box for each in session.everything()] == [(0, 0, 1, 1)]

    def test_tiles_without_data_are_not_asked(self):
        valid = np.zeros(SIZE, bool)
        valid[:, :100] = True
        painter = Painter()
        found = painter.open_tiled(raster_of(*SCATTERED, valid_pixels=valid), **TILES).everything()
        assert len(painter.opened) == 6  # Those of the two columns of tiles that begin before pixel 100.
        assert found.boxes[:, 2].max() <= 100

    def test_progress_counts_tiles_of_all_scales(self):
        reports = []
        session = Painter().open_tiled(raster_of(*SCATTERED), **TILES, scale=(1.0, 0.5))
        with report_to(lambda report: reports.append((report.stage, report.done, report.total, report.unit))):
            session.everything()
        total = sum(map(len, session.grids))
        assert [report for report in reports if report[0] == "tiles"] == [("tiles", done, total, "tile") for done in range(total + 1)]

    def test_other_prompts_are_refused(self):
        with pytest.raises(PromptError, match=r"takes Prompt.everything\(\)"):
            Painter().open_tiled(raster_of(), **TILES).everything(Prompt.point(3, 3))


class TestSegment:
    def test_each_prompt_has_its_mask_in_the_order_of_prompts(self):
        session = Painter().open_tiled(raster_of(*SCATTERED), **TILES)
        order = list(range(len(SCATTERED)))
        random.Random(0).shuffle(order)
        centers = [(40 + 60 * (index // 4), 35 + 60 * (index % 4)) for index in order]
        found = session.segment([Prompt.point(x, y) for x, y in centers])
        assert [mask.mask.prompt_index for mask in found] == order[:0] + list(range(len(order)))
        assert [mask.within(Window(0, 0, *SIZE)) for mask in found] == [Mask.from_array(SCATTERED[index]) for index in order]

    def test_prompts_of_one_tile_are_asked_together_and_a_tile_is_opened_once(self):
        painter = Painter()
        session = painter.open_tiled(raster_of(*SCATTERED), **TILES)
        session.segment([Prompt.point(40, 35), Prompt.point(41, 36), Prompt.box(30, 25, 50, 45)])
        session.segment([Prompt.point(40, 35)])
        assert len(painter.opened) == 1

    def test_a_tile_that_cuts_the_mask_is_moved(self):
        drawn = rectangle(SIZE, 60, 20, 160, 50)  # It fits into a tile, but into none of the grid.
        painter = Painter()
        (found,) = painter.open_tiled(raster_of(drawn), **TILES).segment([Prompt.point(63, 30)])
        assert same_pixels([found.within(Window(0, 0, *SIZE))] and painter.open_tiled(raster_of(drawn), **TILES).everything(), [drawn])
        assert found.within(Window(0, 0, *SIZE)) == Mask.from_array(drawn)

    def test_a_box_that_no_tile_of_the_grid_holds_has_a_tile_of_its_own(self):
        drawn = rectangle(SIZE, 60, 20, 160, 50)
        raster = raster_of(drawn)
        (found,) = Painter().open_tiled(raster, **TILES).segment([Prompt.box(60, 20, 160, 50)])
        assert found.box == (60, 20, 160, 50)
        assert len(raster.windows) == 1

    def test_an_object_larger_than_a_tile_comes_from_the_coarser_scale(self):
        drawn = disc(SIZE, 200, 140, 90)
        for prompt in (Prompt.point(200, 140), Prompt.box(110, 50, 291, 231)):
            (found,) = Painter().open_tiled(raster_of(drawn), **TILES, scale=(1.0, 0.5)).segment([prompt])
            assert found.within(Window(0, 0, *SIZE)).iou(Mask.from_array(drawn)) > 0.97

    def test_a_prompt_larger_than_a_tile_is_seen_at_a_scale_of_its_own(self):
        drawn = rectangle(SIZE, 40, 40, 360, 240)
        (found,) = Painter().open_tiled(raster_of(drawn), **TILES).segment([Prompt.box(40, 40, 360, 240)])
        assert found.within(Window(0, 0, *SIZE)).iou(Mask.from_array(drawn)) > 0.95

    def test_where_all_tiles_cut_the_mask_the_coarsest_answers_and_a_warning_says_so(self):
        session = Painter().open_tiled(raster_of(np.ones(SIZE, bool)), **TILES, scale=(1.0, 0.5))
        with pytest.warns(InputWarning, match=r"prompt 0 reaches the border of its tile.*scale=\(1, 0.5, 0.305\)") as told:
            (found,) = session.segment([Prompt.point(200, 140)])
        assert [each.filename for each in told if each.category is InputWarning] == [__file__]
        assert found.window.width == 256

    def test_candidates_are_those_of_the_tile(self):
        found = open_tiled(FakeSegmenter(radius=6), raster_of(), **TILES).segment(
            [Prompt.point(200, 140), Prompt.point(30, 30)], candidates=True
        )
        assert [mask.mask.prompt_index for mask in found] == [0, 0, 0, 1, 1, 1]
        assert len(set(found.areas.tolist())) == 3

    def test_a_prompt_for_which_nothing_is_found_has_no_mask(self):
        found = open_tiled(FakeSegmenter(radius=6), raster_of(), **TILES).segment(
            [Prompt.points([(30, 30)], [False]), Prompt.point(200, 140)]
        )
        assert [mask.mask.prompt_index for mask in found] == [1]

    def test_a_mask_may_be_a_prompt(self):
        drawn = disc(SIZE, 200, 140, 20)
        (found,) = open_tiled(FakeSegmenter(), raster_of(), **TILES).segment([Prompt.mask(drawn)])
        assert found.within(Window(0, 0, *SIZE)) == Mask.from_array(drawn)

    def test_an_earlier_answer_may_be_a_prompt_alone_or_with_points(self):
        drawn = rectangle(SIZE, 60, 20, 160, 50)  # It fits into a tile, but into none of the grid.
        session = open_tiled(FakeSegmenter(radius=3), raster_of(), **TILES)
        earlier = SceneMask.of(Mask.from_array(drawn, score=0.5), (0, 0))
        alone, more, less = session.segment(
            [
                Prompt.mask(earlier),
                Prompt.mask(earlier) + Prompt.point(110, 70),
                Prompt.mask(earlier) + Prompt.point(110, 35, foreground=False),
            ]
        )
        assert alone.within(Window(0, 0, *SIZE)) == Mask.from_array(drawn)
        assert more.within(Window(0, 0, *SIZE)) == Mask.from_array(drawn | disc(SIZE, 110, 70, 3))
        assert less.within(Window(0, 0, *SIZE)) == Mask.from_array(drawn & ~disc(SIZE, 110, 35, 3))

    def test_the_answer_of_one_call_refines_the_next_also_where_a_tile_was_moved(self):
        session = Painter().open_tiled(raster_of(rectangle(SIZE, 60, 20, 160, 50)), **TILES)
        (first,) = session.segment([Prompt.point(63, 30)])
        (again,) = session.segment([Prompt.mask(first) + Prompt.point(63, 30)])
        assert (again.box, again.area) == (first.box, first.area)

    @pytest.mark.parametrize(
        ("prompts", "message"),
        [
            ([Prompt.mask(SceneMask(Mask.from_array(np.ones((5, 9), bool)), (415, 3)))], r"box \(415, 3, 424, 8\).*420 wide"),
            ([Prompt.mask(np.zeros((64, 64), np.float32))], "SceneMask of this raster"),
            ([Prompt.mask(np.ones((50, 60), bool))], r"size \(50, 60\)"),
            ([Prompt.point(420, 3)], r"point \(420, 3\) lies outside the image"),
            ([Prompt.box(430, 0, 440, 5)], "box .* lies outside"),
            ([], "at least one prompt"),
            ([Prompt.text("roof")], "points, boxes and masks are taken"),
            (Prompt.point(3, 3), "takes a list"),
        ],
    )
    def test_prompts_that_do_not_fit_are_refused(self, prompts, message):
        with pytest.raises(PromptError, match=message):
            Painter().open_tiled(raster_of(), **TILES).segment(prompts)

    def test_threads_share_a_session(self):
        painter = Painter()
        session = painter.open_tiled(raster_of(*SCATTERED), **TILES)
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: session.segment([Prompt.point(40, 35), Prompt.point(160, 95)])[0].box, range(16)))
        assert set(found) == {(32, 27, 49, 44)}
        assert len(painter.opened) == 2


@dataclass(frozen=True)
class Batching(Painter):
    """A segmenter on an accelerator that encodes several images together, and notes how many."""

    together: list = field(default_factory=list)
    most: int = 100
    provenance: Provenance = Provenance("paint", "paint", "1", license="MIT", device="cuda:0")

    def open_all(self, images):
        self.together.append(len(images))
        if len(images) > self.most:
            raise OutOfMemoryError(f"{len(images)} images do not fit")
        return [self.open(image) for image in images]


class TestBatches:
    def test_tiles_are_encoded_together_on_an_accelerator_and_give_the_same(self):
        model = Batching()
        found = model.open_tiled(raster_of(*SCATTERED), **TILES).everything()
        assert model.together == [8, 7]
        assert same_pixels(found, SCATTERED)

    def test_on_a_cpu_each_is_encoded_alone(self):
        model = Batching(provenance=Painter().provenance)
        model.open_tiled(raster_of(*SCATTERED), **TILES).everything()
        assert (model.together, len(model.opened)) == ([], 15)

    def test_tiles_of_prompts_are_encoded_together_too(self):
        model = Batching()
        session = model.open_tiled(raster_of(*SCATTERED), **TILES)
        places = [Prompt.point(40 + 60 * column, 35 + 60 * row) for column in range(7) for row in range(4)]
        found = session.segment(places)
        assert found.boxes.tolist() == Painter().open_tiled(raster_of(*SCATTERED), **TILES).segment(places).boxes.tolist()
        assert max(model.together) == 8
        before = len(model.opened)
        session.segment(places)
        assert len(model.opened) == before

    def test_where_memory_is_short_for_several_each_is_encoded_alone(self):
        model = Batching(most=4)
        assert same_pixels(model.open_tiled(raster_of(*SCATTERED), **TILES).everything(), SCATTERED)
        assert model.together == [8, 7]

    def test_a_pipeline_encodes_them_together_too(self):
        model = Batching()
        pipeline = BuiltPipeline(parse_config({"segment": {}}), segmenter=model)
        assert same_pixels(pipeline.open_tiled(raster_of(*SCATTERED), **TILES).everything(), SCATTERED)
        assert model.together == [8, 7]

    def test_progress_ends_with_all_tiles(self):
        reports = []
        with report_to(lambda report: reports.append((report.stage, report.done))):
            Batching().open_tiled(raster_of(*SCATTERED), **TILES).everything()
        assert [done for stage, done in reports if stage == "tiles"][-1] == 15


class TestOpenTiles:
    def test_what_is_kept_open_is_bounded(self, monkeypatch):
        monkeypatch.setattr(open_tiles, "KEPT_BYTES", 2 * 128 * 128 * 3)
        painter = Painter()
        session = painter.open_tiled(raster_of(*SCATTERED), **TILES)
        places = [Prompt.point(40, 35), Prompt.point(160, 95), Prompt.point(340, 215)]
        for place in places:
            session.segment([place])
        session.segment([places[2]])
        session.segment([places[1]])
        assert len(painter.opened) == 3
        session.segment([places[0]])
        assert len(painter.opened) == 4

    def test_embeddings_go_to_the_cache_that_is_given(self):
        given = []

        class Remembering(FakeSegmenter):
            def with_cache(self, cache):
                given.append(cache)
                return self

        store = object()
        open_tiled(Remembering(), raster_of(), **TILES, cache=store)
        assert given == [store]


class TestFind:
    def pipeline(self, **models):
        return BuiltPipeline(parse_config({"detect": {"model": "find"}, "segment": {}, "concept": {}}), **models)

    def test_text_is_asked_of_each_tile(self):
        pipeline = self.pipeline(detector=FakeDetector({"roof": (40, 50, 60, 70)}), segmenter=FakeSegmenter())
        session = pipeline.open_tiled(raster_of(), **TILES)
        found = session.find(Prompt.text("roof"))
        assert set(found.labels) == {"roof"}
        assert sorted(found.boxes[:, :2].tolist()) == sorted([tile.window.x + 40, tile.window.y + 50] for tile in session.grids[0])

    def test_without_prompts_every_class_of_the_detector_is_found(self):
        pipeline = self.pipeline(detector=FakeDetector({"roof": (40, 50, 60, 70), "tree": (70, 70, 80, 90)}), segmenter=FakeSegmenter())
        assert set(pipeline.open_tiled(raster_of(), **TILES).find().labels) == {"roof", "tree"}

    def test_an_example_in_the_raster_is_shown_in_a_tile_that_holds_it(self):
        pipeline = self.pipeline(segmenter=FakeSegmenter(), concept_segmenter=FakeConceptSegmenter())
        session = pipeline.open_tiled(raster_of(), **TILES)
        tile = session.grids[0].holding(200, 140)
        x, y = tile.window.x, tile.window.y
        found = session.find(Prompt.example(None, Prompt.box(x + 30, y + 40, x + 50, y + 60), label="cell"))
        assert sorted(found.boxes[:, :2].tolist()) == sorted([tile.window.x + 30, tile.window.y + 40] for tile in session.grids[0])

    def test_an_example_may_be_the_mask_of_an_earlier_answer(self):
        pipeline = self.pipeline(segmenter=FakeSegmenter(), concept_segmenter=FakeConceptSegmenter())
        session = pipeline.open_tiled(raster_of(), **TILES)
        tile = session.grids[0].holding(200, 140)
        x, y = tile.window.x, tile.window.y
        earlier = SceneMask(Mask.from_array(np.ones((20, 20), bool)), (x + 30, y + 40))
        found = session.find(Prompt.example(None, Prompt.mask(earlier), label="cell"))
        assert sorted(found.boxes[:, :2].tolist()) == sorted([tile.window.x + 30, tile.window.y + 40] for tile in session.grids[0])

    def test_an_example_outside_of_the_raster_is_refused(self):
        pipeline = self.pipeline(segmenter=FakeSegmenter(), concept_segmenter=FakeConceptSegmenter())
        with pytest.raises(PromptError, match="outside"):
            pipeline.open_tiled(raster_of(), **TILES).find(Prompt.example(None, Prompt.box(500, 40, 520, 60)))

    def test_a_segmenter_alone_says_that_a_pipeline_is_needed(self):
        with pytest.raises(IncompatibleStagesError, match="needs a pipeline"):
            open_tiled(FakeSegmenter(), raster_of(), **TILES).find(Prompt.text("roof"))
        with pytest.raises(IncompatibleStagesError, match="needs a pipeline"):
            open_tiled(FakeSegmenter(), raster_of(), **TILES).find()

    def test_spatial_prompts_are_for_segment(self):
        with pytest.raises(PromptError, match=r"use segment\(\)"):
            open_tiled(FakeSegmenter(), raster_of(), **TILES).find(Prompt.point(3, 3))

    def test_a_pipeline_takes_spatial_prompts_and_everything_too(self):
        pipeline = BuiltPipeline(parse_config({"segment": {}}), segmenter=Painter())
        session = pipeline.open_tiled(raster_of(*SCATTERED), **TILES)
        assert same_pixels(session.everything(), SCATTERED)
        assert session.segment([Prompt.point(40, 35)])[0].box == (32, 27, 49, 44)


class TestSearch:
    WINDOW = Window(40, 100, 200, 240)

    def pipeline(self, **models):
        return BuiltPipeline(parse_config({"detect": {"model": "find"}, "segment": {}, "concept": {}}), segmenter=FakeSegmenter(), **models)

    def test_a_window_is_asked_once_and_what_it_shows_has_its_place_in_the_raster(self):
        painter = Painter()
        found = painter.open_tiled(raster_of(*SCATTERED), **TILES).search(Window(0, 0, 120, 125), Prompt.everything())
        assert painter.opened == [(120, 125)]
        assert same_pixels(found, [each for each in SCATTERED if each[:120, :125].any()])

    def test_a_window_that_is_longer_than_a_tile_is_reduced(self):
        session = self.pipeline(detector=FakeDetector({"roof": (40, 50, 60, 70)})).open_tiled(raster_of(), **TILES)
        (found,) = session.search(self.WINDOW, Prompt.text("roof"))
        by = 240 / 128
        assert found.label == "roof"
        assert found.box == pytest.approx((100 + 40 * by, 40 + 50 * by, 100 + 60 * by, 40 + 70 * by), abs=1.5)

    def test_without_prompts_every_class_of_the_detector_is_found(self):
        detector = FakeDetector({"roof": (40, 50, 60, 70), "tree": (70, 70, 80, 90)})
        session = self.pipeline(detector=detector).open_tiled(raster_of(), **TILES)
        assert set(session.search(self.WINDOW).labels) == {"roof", "tree"}

    def test_an_example_in_the_window_is_one_of_its_image(self):
        session = self.pipeline(concept_segmenter=FakeConceptSegmenter()).open_tiled(raster_of(), **TILES)
        (found,) = session.search(Window(40, 100, 100, 120), Prompt.example(None, Prompt.box(130, 60, 150, 80), label="cell"))
        assert (found.box, found.label) == ((130, 60, 150, 80), "cell")

    def test_an_example_elsewhere_is_shown_in_a_window_of_its_own_of_the_same_scale(self):
        session = self.pipeline(concept_segmenter=FakeConceptSegmenter()).open_tiled(raster_of(), **TILES)
        (found,) = session.search(Window(0, 0, 100, 120), Prompt.example(None, Prompt.box(300, 200, 320, 220), label="cell"))
        assert found.box == (50, 40, 70, 60)  # The fake finds it where the example is in its own window: in the middle.

    def test_what_is_no_window_is_named(self):
        session = Painter().open_tiled(raster_of(), **TILES)
        with pytest.raises(InputError, match=r"search\(\) takes a Window and then prompts, got 5: write Window\(y, x, height, width\)"):
            session.search(5, Prompt.everything())

    def test_a_window_without_data_is_not_asked(self):
        painter = Painter()
        valid = np.zeros(SIZE, bool)
        valid[:, 210:] = True
        session = painter.open_tiled(raster_of(*SCATTERED, valid_pixels=valid), **TILES)
        assert len(session.search(Window(0, 0, 100, 200), Prompt.everything())) == 0
        assert painter.opened == []

    def test_what_is_too_large_for_a_mask_is_left_out_and_a_warning_says_so(self, monkeypatch):
        monkeypatch.setattr(searching, "MAX_PIXELS", 100)
        session = Painter().open_tiled(raster_of(rectangle(SIZE, 5, 5, 10, 10), rectangle(SIZE, 30, 30, 60, 60)), **TILES)
        with pytest.warns(InputWarning, match="1 found in"):
            (found,) = session.search(Window(0, 0, 100, 100), Prompt.everything())
        assert found.box == (5, 5, 10, 10)

    def test_the_window_stays_open_for_the_next_prompt(self):
        painter = Painter()
        session = painter.open_tiled(raster_of(*SCATTERED), **TILES)
        for _ in range(2):
            session.search(Window(0, 0, 100, 100), Prompt.everything())
        assert len(painter.opened) == 1

    @pytest.mark.parametrize("window", [Window(0, 0, 301, 10), Window(290, 410, 5, 11)])
    def test_a_window_beyond_the_raster_is_refused(self, window):
        with pytest.raises(InputError, match="420 x 300 pixels"):
            Painter().open_tiled(raster_of(), **TILES).search(window, Prompt.everything())

    def test_spatial_prompts_are_for_segment(self):
        with pytest.raises(PromptError, match=r"use segment\(\)"):
            Painter().open_tiled(raster_of(), **TILES).search(Window(0, 0, 9, 9), Prompt.point(3, 3))


class TestAbout:
    def test_size_provenance_and_timings(self):
        session = open_tiled(Painter(), raster_of(disc(SIZE, 60, 60, 15)), **TILES)
        assert (session.size, session.provenance) == (SIZE, (Painter().provenance,))
        assert session.timings == {}
        session.everything()
        assert list(session.timings) == ["read", "encode", "segment", "join"]

    def test_the_overview_is_the_raster_in_small(self):
        session = open_tiled(FakeSegmenter(), raster_of(rectangle(SIZE, 0, 0, 210, 300)), **TILES)
        overview = session.overview(42)
        assert overview.shape == (30, 42, 3)
        assert (overview[:, :21] == RED).all()
        assert session.overview().shape == (*SIZE, 3)
        with pytest.raises(ConfigError, match="longest"):
            session.overview(0)

    def test_repr_names_raster_model_and_tiles(self):
        assert repr(open_tiled(FakeSegmenter(), raster_of(), **TILES)) == (
            "TiledSession(array, 420 wide, 300 high, fake-segmenter, 15 tiles at scale 1)"
        )

    def test_a_raster_that_was_given_stays_open(self):
        raster = raster_of()
        with open_tiled(FakeSegmenter(), raster, **TILES):
            pass
        assert not raster.closed

    def test_what_the_session_opened_it_closes(self, tmp_path):
        session = open_tiled(FakeSegmenter(), np.zeros((*SIZE, 3), np.uint8), **TILES)
        with session:
            assert session.size == SIZE
        with pytest.raises(InputError, match="closed"):
            session.raster.read(Window(0, 0, 8, 8))

    @pytest.mark.parametrize(
        "ask",
        [
            lambda session: session.segment([Prompt.point(200, 140)]),
            lambda session: session.everything(),
            lambda session: session.find(),
            lambda session: session.overview(),
        ],
    )
    def test_a_closed_session_answers_nothing_even_of_tiles_that_it_had_open(self, ask):
        with open_tiled(FakeSegmenter(), raster_of(), **TILES) as session:
            session.segment([Prompt.point(200, 140)])
        with pytest.raises(InputError, match="the session of array is closed"):
            ask(session)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"tile": 10}, "tile"),
            ({"overlap": 900}, "overlap"),
            ({"scale": 0}, "scale is a number above 0"),
            ({"scale": (1.0, 1)}, "several that differ"),
            ({"scale": ()}, "scale"),
            ({"scale": "1"}, "scale"),
        ],
    )
    def test_settings_out_of_range_are_refused(self, settings, message):
        with pytest.raises(ConfigError, match=message):
            open_tiled(FakeSegmenter(), raster_of(), **settings)

    def test_what_is_no_model_is_refused(self):
        with pytest.raises(ConfigError, match="a segmenter or a built pipeline, got 'mini-sam'"):
            open_tiled("mini-sam", raster_of())


def test_tiles_overlap_by_an_eighth_unless_it_is_said():
    with open_tiled(Painter(), raster_of(), tile=128) as session:
        assert session.grids[0].overlap == 16
