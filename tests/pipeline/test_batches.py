"""A built pipeline on many images."""

import gc
import io
import weakref
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fake_pipelines import BLANK, Spy, built
from promptseg.errors import (
    ConfigError,
    IncompatibleStagesError,
    InputError,
    OutOfMemoryError,
    PromptError,
)
from promptseg.pipeline import BuiltPipeline
from promptseg.pipeline.config import parse_config
from promptseg.prompts import Prompt
from promptseg.registry.fallback import FallbackChain, FallbackSegmenter
from promptseg.testing import FakeDetector, FakeSegmenter


class Batching(FakeSegmenter):
    """A segmenter that can open several images, and notes how many each time; of images of height 13 it has not memory for two."""

    def __init__(self):
        super().__init__()
        object.__setattr__(self, "calls", [])

    def open(self, image):
        self.calls.append(1)
        return super().open(image)

    def open_all(self, images):
        self.calls.append(len(images))
        if sum(image.shape[0] == 13 for image in images) > 1:
            raise OutOfMemoryError("too many of height 13")
        return [FakeSegmenter.open(self, image) for image in images]


class TestRun:
    SIZES = ((40, 60), (13, 20), (50, 30), (13, 21), (41, 61), (13, 22), (30, 30))

    @pytest.fixture
    def images(self, photo):
        return [photo(height, width, seed) for seed, (height, width) in enumerate(self.SIZES)]

    def pipeline(self, segmenter=None):
        config = parse_config({"detect": {"model": "fake"}, "clean": {"min_area": 2}})
        return BuiltPipeline(config, FakeDetector({"dog": [(1, 1, 9, 9), (12, 3, 19, 99)], "far": (45, 2, 50, 9)}), segmenter or Batching())

    def values(self, result):
        return {**result.to_dict(), "timings": list(result.timings)}

    @pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 100])
    def test_the_results_are_those_of_a_call_for_each_in_their_order(self, batch_size, images):
        pipeline, prompts = self.pipeline(), (Prompt.text("dog", "far"), Prompt.point(5, 5), Prompt.everything(2))
        results = list(pipeline.run(images, *prompts, batch_size=batch_size, candidates=True))
        assert [self.values(result) for result in results] == [self.values(pipeline(image, *prompts, candidates=True)) for image in images]
        assert all(np.array_equal(result.image, image) for result, image in zip(results, images, strict=True))

    def test_images_are_encoded_together_where_the_model_can_do_that(self, images):
        segmenter = Batching()
        list(self.pipeline(segmenter).run([images[0]] * 5, Prompt.point(5, 5), batch_size=2))
        assert segmenter.calls == [2, 2, 1]

    def test_where_a_batch_fails_its_images_are_tried_one_by_one(self, images):
        segmenter = Batching()
        results = list(self.pipeline(segmenter).run([images[1], images[3]], Prompt.point(5, 5)))
        assert segmenter.calls == [2, 1, 1]
        assert [result.size for result in results] == [(13, 20), (13, 21)]

    def test_an_image_without_detections_is_not_encoded(self, images):
        segmenter = Batching()
        results = list(self.pipeline(segmenter).run([images[0], images[1], images[4]], Prompt.text("far")))
        assert [len(result.masks) for result in results] == [1, 0, 1]
        assert segmenter.calls == [2]

    def test_a_model_without_batches_takes_them_one_by_one(self, images):
        segmenter = Spy(FakeSegmenter())
        assert len(list(self.pipeline(segmenter).run(images, Prompt.point(5, 5)))) == len(images)
        assert segmenter.opened == len(images)

    def test_a_fallback_takes_them_one_by_one_so_that_a_batch_never_costs_the_better_model(self, images):
        segmenter = Batching()
        results = list(
            self.pipeline(FallbackSegmenter(FallbackChain({"first": lambda _: segmenter}))).run(images, Prompt.point(5, 5), batch_size=7)
        )
        assert segmenter.calls == [1] * 7
        assert all(result.provenance[1].fallback_from == () for result in results)

    def test_no_images_give_no_results(self):
        assert list(self.pipeline().run([], Prompt.point(1, 1))) == []

    def test_no_more_images_are_read_than_a_batch(self, images):
        read = []

        def reading():
            for index, image in enumerate(images):
                read.append(index)
                yield image

        results = self.pipeline().run(reading(), Prompt.point(5, 5), batch_size=2)
        assert read == []
        next(results)
        assert read == [0, 1]
        next(results)
        next(results)
        assert read == [0, 1, 2, 3]

    def test_no_more_images_and_sessions_are_held_than_a_batch(self, images, tmp_path):
        seen = []

        class Watched(Batching):
            def open_all(self, images):
                sessions = super().open_all(images)
                seen.extend(weakref.ref(one) for one in [*images, *sessions])
                return sessions

        Image.fromarray(images[0]).save(tmp_path / "a.png")
        most = 0
        for result in self.pipeline(Watched()).run([tmp_path / "a.png"] * 9, Prompt.point(5, 5), batch_size=3):
            del result
            gc.collect()
            most = max(most, sum(one() is not None for one in seen))
        assert len(seen) == 18
        assert 0 < most <= 6

    def test_an_image_may_bring_prompts_of_its_own(self, images):
        pairs = [images[0], (images[0], Prompt.box(1, 1, 9, 9)), (images[0], [Prompt.point(20, 20), Prompt.box(2, 2, 5, 5)])]
        results = list(self.pipeline().run(pairs, Prompt.text("far")))
        assert [result.masks.labels for result in results] == [("far",), (None,), (None, None)]
        assert results[1].prompts == (pairs[1][1],)

    def test_the_first_image_that_fails_is_named_after_the_results_before_it(self, images, tmp_path):
        results = self.pipeline().run([images[0], tmp_path / "absent.png", images[0]], Prompt.point(5, 5))
        assert next(results).size == (40, 60)
        with pytest.raises(InputError, match=r"^image 1 \(.*absent\.png\): cannot read image .*absent\.png") as caught:
            next(results)
        assert isinstance(caught.value.__cause__, InputError)

    def test_an_array_that_fails_is_named_by_its_number(self, images):
        with pytest.raises(PromptError, match=r"^image 1: point \(5, 30\) lies outside the image"):
            list(self.pipeline().run(images, Prompt.point(5, 30)))

    def test_errors_can_take_the_place_of_results(self, images):
        wrong = [images[0], images[1], "absent.png", (images[0], None), (images[0], (), ()), (images[0], Prompt.point(1, 1))]
        outcomes = list(self.pipeline().run(wrong, Prompt.point(5, 30), on_error="return"))
        assert [type(outcome).__name__ for outcome in outcomes] == [
            "Result",
            "PromptError",
            "InputError",
            "PromptError",
            "InputError",
            "Result",
        ]
        assert [str(outcome).partition(":")[0] for outcome in outcomes[1:5]] == ["image 1", "image 2 (absent.png)", "image 3", "image 4"]

    def test_an_image_that_cannot_be_encoded_fails_alone(self, images):
        class Picky(Batching):
            def open(self, image):
                if image.shape[0] == 13:
                    raise OutOfMemoryError("not of height 13")
                return super().open(image)

        outcomes = list(self.pipeline(Picky()).run(images, Prompt.point(5, 5), batch_size=7, on_error="return"))
        assert [isinstance(outcome, OutOfMemoryError) for outcome in outcomes] == [height == 13 for height, _ in self.SIZES]

    def test_a_bug_is_not_taken_for_a_bad_image(self, images):
        broken = SimpleNamespace(provenance=FakeSegmenter().provenance, open=lambda image: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            list(self.pipeline(broken).run(images, Prompt.point(5, 5), on_error="return"))

    def test_what_cannot_work_for_any_image_is_refused_at_once(self, images):
        with pytest.raises(IncompatibleStagesError):
            built().run(images, Prompt.text("dog"))
        with pytest.raises(ConfigError, match="batch_size is a whole number of at least 1, got 0"):
            built().run(images, Prompt.point(1, 1), batch_size=0)
        with pytest.raises(ConfigError, match="'raise' or 'return', got 'skip'"):
            built().run(images, Prompt.point(1, 1), on_error="skip")

    @pytest.mark.parametrize("single", ["image.jpg", Path("image.jpg"), b"...", BLANK, BLANK[:, :, 0], io.BytesIO(), None])
    def test_one_image_in_the_place_of_several_is_refused(self, single):
        with pytest.raises(InputError, match=r"run\(\) takes several images"):
            built().run(single, Prompt.point(1, 1))

    def test_without_prompts_and_detector_each_image_needs_its_own(self, images):
        pairs = [(images[0], Prompt.point(1, 1)), images[0]]
        outcomes = list(built().run(pairs, on_error="return"))
        assert len(outcomes[0].masks) == 1
        assert str(outcomes[1]).startswith("image 1: nothing to segment")

    @pytest.mark.weights
    def test_a_real_model_gives_the_same_masks_in_a_batch(self, mini_sam, photo):
        pipeline = BuiltPipeline(parse_config({"segment": {}}), None, mini_sam)
        images = [photo(90, 130, seed) for seed in range(2)]
        results = pipeline.run(images, Prompt.point(44, 57), batch_size=2)
        encoding = pipeline.with_cache(None)
        for image, result in zip(images, results, strict=True):
            assert list(encoding(image, Prompt.point(44, 57)).masks) == list(result.masks)
