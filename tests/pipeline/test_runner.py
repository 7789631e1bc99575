"""A built pipeline on one image: prompts, cleaning, results and timings."""

import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fake_pipelines import BLANK, HEIGHT, WIDTH, Spy, built
from promptseg.errors import (
    IncompatibleStagesError,
    InputError,
    PromptError,
)
from promptseg.pipeline import BuiltPipeline, job, stages
from promptseg.pipeline.config import parse_config
from promptseg.prompts import Prompt
from promptseg.testing import FakeConceptSegmenter, FakeDetector, FakeSegmenter


class TestPrompts:
    def test_spatial_prompts_give_one_mask_each_in_their_order(self):
        result = built()(BLANK, Prompt.box(30, 5, 50, 20), Prompt.point(10, 10), Prompt.box(0, 0, 5, 5))
        assert [mask.prompt_index for mask in result.masks] == [0, 1, 2]
        assert result.masks[0].box.tolist() == [30, 5, 50, 20]
        assert result.masks[1].array[10, 10]
        assert result.masks[2].box.tolist() == [0, 0, 5, 5]

    def test_candidates_are_all_given_with_the_index_of_their_prompt(self):
        result = built()(BLANK, Prompt.box(30, 5, 50, 20), Prompt.point(10, 10), candidates=True)
        assert [mask.prompt_index for mask in result.masks] == [0, 1, 1, 1]
        assert result.masks[1:].areas.tolist() == sorted(result.masks[1:].areas.tolist())

    def test_everything_comes_after_the_spatial_prompts_and_keeps_the_index_of_its_prompt(self):
        result = built()(BLANK, Prompt.everything(2), Prompt.point(10, 10))
        assert [mask.prompt_index for mask in result.masks] == [1, 0, 0, 0, 0]
        assert result.masks[1:].areas.sum() == HEIGHT * WIDTH

    def test_masks_of_prompts_come_before_those_of_detections_whatever_the_order_of_the_prompts(self):
        pipeline = built({"dog": (30, 5, 50, 20)})
        result = pipeline(BLANK, Prompt.text("dog"), Prompt.everything(1), Prompt.point(10, 10), Prompt.box(1, 1, 4, 4))
        assert [mask.prompt_index for mask in result.masks] == [2, 3, 1, None]
        assert [mask.label for mask in result.masks] == [None, None, None, "dog"]

    def test_an_image_is_encoded_once_for_all_its_prompts(self):
        segmenter = Spy(FakeSegmenter())
        pipeline = BuiltPipeline(parse_config({"detect": {"model": "fake"}}), FakeDetector({"dog": (30, 5, 50, 20)}), segmenter)
        pipeline(BLANK, Prompt.text("dog"), Prompt.everything(1), Prompt.point(10, 10))
        assert segmenter.opened == 1

    def test_no_prompt_without_a_detector_is_refused(self):
        with pytest.raises(PromptError, match="nothing to segment"):
            built()(BLANK)

    def test_a_text_prompt_without_a_detector_is_refused(self):
        with pytest.raises(IncompatibleStagesError, match=r"Prompt\.text\('dog'\) needs a detector: add \.detect"):
            built()(BLANK, Prompt.point(1, 1), Prompt.text("dog"))

    @pytest.mark.parametrize("prompt", [Prompt.point(1, 1), Prompt.box(1, 1, 5, 5), Prompt.everything()])
    def test_a_prompt_for_a_segmenter_is_refused_where_there_is_none(self, prompt):
        with pytest.raises(IncompatibleStagesError, match="needs a segmenter"):
            built({"dog": (1, 1, 5, 5)}, segmenter=False)(BLANK, prompt)

    @pytest.mark.parametrize("wrong", [(10, 10), "a dog", [Prompt.point(1, 1)], None])
    def test_what_is_not_a_prompt_is_refused_with_its_place(self, wrong):
        with pytest.raises(PromptError, match=rf"prompt 1 is not a Prompt but {type(wrong).__name__}"):
            built()(BLANK, Prompt.point(1, 1), wrong)

    def test_a_prompt_outside_the_image_is_refused(self):
        with pytest.raises(PromptError, match=r"\(60, 10\) lies outside the image"):
            built()(BLANK, Prompt.point(60, 10))

    def test_prompts_are_checked_before_the_image_is_read(self):
        with pytest.raises(IncompatibleStagesError):
            built()("no-such-image.jpg", Prompt.text("dog"))

    def test_an_image_that_cannot_be_read_is_refused(self):
        with pytest.raises(InputError, match=r"no-such-image\.jpg"):
            built()("no-such-image.jpg", Prompt.point(1, 1))


class TestClean:
    HOLED = np.zeros((HEIGHT, WIDTH), bool)
    HOLED[10:30, 10:30] = True
    HOLED[15:18, 15:18] = False  # A hole of nine pixels,
    HOLED[25, 12] = False  # one of one pixel,
    HOLED[2, 2:5] = True  # and an island of three.

    def cleaned(self, *prompts, **steps):
        return built(clean=steps)(BLANK, *(prompts or (Prompt.mask(self.HOLED),))).masks

    def test_without_steps_nothing_changes(self):
        assert np.array_equal(self.cleaned()[0].array, self.HOLED)

    @pytest.mark.parametrize(
        ("steps", "area"),
        [
            ({"fill_holes": True}, 403),
            ({"fill_holes": 1}, 394),
            ({"fill_holes": 9}, 403),
            ({"min_island": 4}, 390),
            ({"min_island": 3}, 393),
            ({"fill_holes": True, "min_island": 4}, 400),
        ],
    )
    def test_holes_and_islands(self, steps, area):
        assert self.HOLED.sum() == 393
        assert self.cleaned(**steps).areas.tolist() == [area]

    def test_small_masks_are_dropped(self):
        prompts = Prompt.box(0, 0, 5, 5), Prompt.box(10, 10, 20, 20)
        assert self.cleaned(*prompts, min_area=26).areas.tolist() == [100]
        assert self.cleaned(*prompts, min_area=25).areas.tolist() == [25, 100]

    def test_small_masks_are_dropped_after_their_islands(self):
        assert len(self.cleaned(min_island=4, min_area=391)) == 0

    def test_duplicates_are_dropped(self):
        kept = self.cleaned(Prompt.box(0, 0, 10, 10), Prompt.box(0, 0, 10, 11), Prompt.box(30, 0, 40, 10), nms=0.7)
        assert [mask.prompt_index for mask in kept] == [0, 2]

    def test_masks_of_one_label_are_merged(self):
        result = built({"dog": [(0, 0, 10, 10), (20, 0, 30, 10)], "cat": (40, 20, 50, 30)}, clean={"merge": True})(BLANK)
        assert result.masks.labels == ("dog", "cat")
        assert result.masks.areas.tolist() == [200, 100]

    def test_the_best_masks_are_kept(self):
        kept = self.cleaned(Prompt.point(10, 10), Prompt.box(30, 10, 40, 20), Prompt.point(50, 30), max_masks=1)
        assert [mask.prompt_index for mask in kept] == [1]


class TestResult:
    def test_stages_are_timed_in_the_order_in_which_they_ran(self):
        result = built({"dog": (1, 1, 9, 9)}, clean={"min_area": 1})(BLANK, Prompt.text("dog"), Prompt.point(30, 30), Prompt.everything(2))
        assert list(result.timings) == ["read", "detect", "encode", "segment", "everything", "clean"]
        assert all(seconds >= 0 for seconds in result.timings.values())

    def test_stages_that_did_not_run_are_not_timed(self):
        assert list(built()(BLANK, Prompt.point(30, 30)).timings) == ["read", "encode", "segment"]

    def test_every_model_is_named(self):
        assert [entry.model for entry in built({"dog": (1, 1, 9, 9)})(BLANK).provenance] == ["fake-detector", "fake-segmenter"]
        assert [entry.model for entry in built()(BLANK, Prompt.point(1, 1)).provenance] == ["fake-segmenter"]

    def test_the_prompts_and_the_image_are_kept(self, photo):
        image, prompts = photo(), (Prompt.point(10, 10), Prompt.box(1, 1, 9, 9))
        result = built()(image, *prompts)
        assert result.prompts == prompts
        assert np.array_equal(result.image, image)
        assert result.source is None
        assert result.size == image.shape[:2]

    def test_the_path_of_an_image_is_kept(self, tmp_path, photo):
        Image.fromarray(photo()).save(tmp_path / "image.png")
        assert built()(tmp_path / "image.png", Prompt.point(1, 1)).source == str(tmp_path / "image.png")

    def test_threads_may_share_a_pipeline(self):
        pipeline = built({"dog": (1, 1, 9, 9)})
        boxes = [(x, 3, x + 5, 9 + x % 7) for x in range(40)]
        answers = {}

        def work(offset):
            for index in range(offset, len(boxes), 4):
                answers[index] = pipeline(BLANK, Prompt.box(*boxes[index]), Prompt.text("dog")).masks.boxes.tolist()

        threads = [threading.Thread(target=work, args=(offset,)) for offset in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [answers[i] for i in range(40)] == [[list(box), [1, 1, 9, 9]] for box in boxes]


class TestTimings:
    """Timings on a clock that only the models advance, so that every second must be in the timings of its stage."""

    @pytest.fixture
    def clock(self, monkeypatch):
        """Seconds since the start. Add to ``clock[0]`` to let time pass."""
        now = [0.0]
        for module in (stages, job):
            monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: now[0]))
        return now

    def slow(self, clock, told):
        """A pipeline whose detector takes 5 s, opening 3 s (of which the session reports `told`), segmenting 0.5 s, everything 7 s."""

        def passing(seconds, method):
            def wait(*arguments, **settings):
                clock[0] += seconds
                return method(*arguments, **settings)

            return wait

        class Slow(FakeSegmenter):
            def open(self, image):
                clock[0] += 3
                session = super().open(image)
                return SimpleNamespace(
                    provenance=session.provenance,
                    size=session.size,
                    timings=told,
                    segment=passing(0.5, session.segment),
                    everything=passing(7, session.everything),
                )

            def open_all(self, images):
                return [self.open(image) for image in images]

        detector = FakeDetector({"dog": (1, 1, 9, 9)})
        finder = SimpleNamespace(provenance=detector.provenance, detect=passing(5, detector.detect))
        return BuiltPipeline(parse_config({"detect": {"model": "fake"}, "clean": {"min_area": 1}}), finder, Slow())

    @pytest.mark.parametrize("told", [{"encode": 2.5}, {"encode": 0.0}, {}])
    def test_every_second_of_a_call_is_in_the_timings(self, told, clock, monkeypatch):
        def read(image):
            clock[0] += 1
            return image

        def clean(masks, stage):
            clock[0] += 2
            return masks

        monkeypatch.setattr(stages, "load_image", read)
        monkeypatch.setattr(stages, "clean", clean)
        result = self.slow(clock, told)(BLANK, Prompt.text("dog"), Prompt.point(30, 30), Prompt.everything(2))
        assert result.timings == {"read": 1, "detect": 5, "encode": 3, "segment": 1, "everything": 7, "clean": 2}
        assert sum(result.timings.values()) == clock[0]

    def test_opening_an_image_from_the_cache_is_timed_under_the_stage_of_the_session(self, clock):
        result = self.slow(clock, {"cache": 0.1})(BLANK, Prompt.point(30, 30))
        assert list(result.timings) == ["read", "cache", "segment", "clean"]
        assert result.timings["cache"] == pytest.approx(3)

    def test_a_session_with_timings_of_several_stages_keeps_them(self, clock):
        result = self.slow(clock, {"encode": 2.0, "cache": 0.5})(BLANK, Prompt.point(30, 30))
        assert (result.timings["encode"], result.timings["cache"]) == (2, 1)

    @pytest.mark.parametrize("told", [{"encode": 2.5}, {}])
    def test_the_seconds_of_a_batch_are_shared_among_its_images(self, told, clock):
        results = list(self.slow(clock, told).run([BLANK] * 3, Prompt.text("dog"), batch_size=3))
        assert [result.timings["encode"] for result in results] == [3, 3, 3]
        assert sum(sum(result.timings.values()) for result in results) == clock[0]


class TestCache:
    def test_another_cache_is_for_a_new_pipeline_and_leaves_the_old_one(self, mini_sam_like):
        pipeline = BuiltPipeline(parse_config({"segment": {}}), None, mini_sam_like)
        assert pipeline.with_cache(None).segmenter.cache is None
        assert pipeline.segmenter.cache is mini_sam_like.cache

    def test_a_pipeline_without_a_segmenter_is_itself(self):
        pipeline = built({"dog": (1, 1, 5, 5)}, segmenter=False)
        assert pipeline.with_cache(None) is pipeline

    @pytest.fixture
    def mini_sam_like(self):
        class Caching(FakeSegmenter):
            cache = "memory"

            def with_cache(self, cache):
                other = Caching()
                object.__setattr__(other, "cache", cache)
                return other

        return Caching()


class TestWhatItCanDo:
    """A pipeline tells which prompts it answers."""

    def test_a_segmenter_answers_its_prompts_and_examples(self):
        pipeline = built()
        assert pipeline.prompt_kinds == FakeSegmenter().accepts | {"example"}
        assert not pipeline.detects

    def test_a_detector_answers_phrases(self):
        pipeline = built({"cup": [1, 1, 5, 5]})
        assert "text" in pipeline.prompt_kinds
        assert pipeline.detects

    def test_a_concept_segmenter_that_reads_words_answers_phrases(self):
        pipeline = BuiltPipeline(built().config, None, FakeSegmenter(), FakeConceptSegmenter())
        assert "text" in pipeline.prompt_kinds
        assert pipeline.detects

    def test_classes_are_those_that_a_model_knows(self):
        class Known(FakeDetector):
            @property
            def provenance(self):
                return replace(super().provenance, classes=("cup", "spoon"))

        assert BuiltPipeline(built({}).config, Known({}), FakeSegmenter()).classes == ("cup", "spoon")
        assert built({"cup": [1, 1, 5, 5]}).classes == ()
