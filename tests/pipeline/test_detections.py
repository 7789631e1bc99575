"""Detections as prompts of the segmenter."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from fake_pipelines import BLANK, HEIGHT, WIDTH, Spy, built, detections
from promptseg.detections import Detections
from promptseg.errors import (
    ConfigError,
    IncompatibleStagesError,
)
from promptseg.masks import Mask, Masks
from promptseg.pipeline import BuiltPipeline, Pipeline
from promptseg.pipeline.config import parse_config
from promptseg.prompts import Prompt
from promptseg.testing import FakeDetector, FakeSegmenter


class TestDetections:
    def test_each_detection_gives_a_mask_of_its_box_with_its_label_best_first(self):
        found = detections(("cat", (0, 0, 10, 10), 0.5), ("dog", (20, 5, 40, 30), 0.9))
        result = built(found)(BLANK, Prompt.text("cat", "dog"))
        assert result.masks.labels == ("dog", "cat")
        assert result.masks.boxes.tolist() == [[20, 5, 40, 30], [0, 0, 10, 10]]
        assert [mask.prompt_index for mask in result.masks] == [None, None]

    def test_the_score_of_a_mask_is_that_of_its_box_times_that_of_its_outline(self):
        result = built(detections(("dog", (20, 5, 40, 30), 0.8)))(BLANK, Prompt.text("dog"))
        assert result.masks.scores.tolist() == pytest.approx([0.8 * 0.95])
        assert result.detections.scores.tolist() == pytest.approx([0.8])

    def test_only_the_phrases_that_were_asked_for_are_looked_for_each_once(self):
        detector = Spy(FakeDetector({"dog": (0, 0, 9, 9), "cat": (20, 20, 30, 30), "cow": (40, 0, 50, 9)}))
        pipeline = BuiltPipeline(parse_config({"detect": {"model": "fake"}}), detector, FakeSegmenter())
        result = pipeline(BLANK, Prompt.text("cat", "dog"), Prompt.text("dog"))
        assert set(result.masks.labels) == {"cat", "dog"}
        assert detector.asked == [("cat", "dog")]

    def test_no_prompt_asks_for_every_class(self):
        detector = Spy(FakeDetector({"dog": (0, 0, 9, 9), "cat": (20, 20, 30, 30)}))
        result = BuiltPipeline(parse_config({"detect": {"model": "fake"}}), detector, FakeSegmenter())(BLANK)
        assert result.masks.labels == ("dog", "cat")
        assert detector.asked == [None]

    def test_a_detector_is_not_run_for_spatial_prompts_alone(self):
        detector = Spy(FakeDetector({"dog": (0, 0, 9, 9)}))
        result = BuiltPipeline(parse_config({"detect": {"model": "fake"}}), detector, FakeSegmenter())(BLANK, Prompt.point(30, 30))
        assert detector.asked == []
        assert result.detections is None
        assert len(result.masks) == 1

    def test_detections_under_the_threshold_are_dropped_and_those_at_it_kept(self):
        found = detections(("a", (0, 0, 5, 5), 0.25), ("b", (10, 0, 15, 5), 0.5), ("c", (20, 0, 25, 5), 0.49))
        result = built(found, detect={"threshold": 0.5})(BLANK)
        assert result.detections.labels == ("b",)

    def test_overlapping_boxes_of_one_label_are_duplicates_and_of_two_labels_are_not(self):
        found = detections(
            ("dog", (0, 0, 20, 20), 0.6), ("dog", (0, 0, 20, 21), 0.9), ("cat", (0, 0, 20, 20), 0.5), ("dog", (30, 0, 50, 20), 0.4)
        )
        result = built(found)(BLANK)
        assert result.detections.labels == ("dog", "cat", "dog")
        assert result.detections.scores.tolist() == pytest.approx([0.9, 0.5, 0.4])

    def test_without_nms_duplicates_stay(self):
        found = detections(("dog", (0, 0, 20, 20), 0.6), ("dog", (0, 0, 20, 20), 0.9))
        assert len(built(found, detect={"nms": None})(BLANK).masks) == 2

    def test_the_best_detections_are_kept_where_there_are_too_many(self):
        found = detections(*((f"{i}", (i * 6, 0, i * 6 + 5, 5), score) for i, score in enumerate((0.4, 0.9, 0.5, 0.8, 0.6))))
        assert built(found, detect={"max_detections": 3})(BLANK).detections.labels == ("1", "3", "4")

    def test_padding_widens_each_box_by_its_share_and_stops_at_the_image(self):
        result = built({"dog": [(20, 10, 40, 20), (0, 30, 10, 40)]}, detect={"box_padding": 0.1})(BLANK)
        assert result.masks.boxes.tolist() == [[18, 9, 42, 21], [0, 29, 11, 40]]
        assert result.detections.boxes.tolist() == [[20, 10, 40, 20], [0, 30, 10, 40]]

    def test_a_box_without_area_is_dropped(self):
        class Broken:
            provenance = FakeDetector({}).provenance

            def detect(self, image, phrases=None):
                boxes = [(5, 5, 5, 20), (5, 5, 20, 5), (70, 10, 90, 20), (30, 30, 20, 20), (1, 1, 2, 2)]
                return Detections((HEIGHT, WIDTH), boxes, [0.9] * 5, ["line", "line", "outside", "reversed", "dot"])

        result = BuiltPipeline(parse_config({"detect": {"model": "fake"}}), Broken(), FakeSegmenter())(BLANK, Prompt.text("dog"))
        assert result.masks.labels == ("dot",)
        assert len(result.detections) == 1
        assert result.dropped == {"no_area": 4}

    def test_no_detections_give_no_masks_of_the_right_size_and_encode_nothing(self):
        segmenter = Spy(FakeSegmenter())
        config = parse_config({"detect": {"model": "fake"}, "clean": {"nms": 0.5, "merge": True}})
        pipeline = BuiltPipeline(config, FakeDetector({}), segmenter)
        result = pipeline(BLANK, Prompt.text("unicorn"))
        assert (len(result.masks), result.masks.size, result.size) == (0, (HEIGHT, WIDTH), (HEIGHT, WIDTH))
        assert len(result.detections) == 0
        assert segmenter.opened == 0
        assert result.dropped == {}

    def test_boxes_over_the_border_are_cut_to_it(self):
        found = detections(("a", (-20, -5, 10, 10), 0.9), ("b", (50, 30, 99, 99), 0.8), ("whole", (-1, -1, 61, 41), 0.7))
        result = built(found)(BLANK)
        assert result.masks.boxes.tolist() == [[0, 0, 10, 10], [50, 30, 60, 40], [0, 0, 60, 40]]
        assert result.detections.boxes.tolist() == result.masks.boxes.tolist()

    def test_a_thousand_detections_are_asked_for_in_one_call(self):
        calls = []

        class Counting(FakeSegmenter):
            def open(self, image):
                session = super().open(image)

                class Session:
                    image, size, timings, provenance = session.image, session.size, session.timings, session.provenance

                    def segment(self, prompts, *, candidates=False):
                        calls.append(len(prompts))
                        return session.segment(prompts, candidates=candidates)

                return Session()

        config = parse_config({"detect": {"model": "fake", "max_detections": 1000}})
        boxes = [(x, y, x + 1, y + 1) for y in range(25) for x in range(40)]
        BuiltPipeline(config, FakeDetector({"dot": boxes}), Counting())(BLANK)
        assert calls == [1000]

    def test_too_many_are_cut_and_the_result_says_how_many(self):
        boxes = [(x, y, x + 1, y + 1) for y in range(25) for x in range(40)]
        result = built({"dot": boxes})(BLANK)
        assert (len(result.masks), result.dropped) == (300, {"max_detections": 700})

    def test_a_thousand_detections_give_a_thousand_masks(self):
        boxes = [(x, y, x + 1, y + 1) for y in range(25) for x in range(40)]
        result = built({"dot": boxes}, detect={"max_detections": 1000})(BLANK)
        assert len(result.masks) == 1000
        assert result.masks.boxes.tolist() == [list(box) for box in boxes]
        assert result.masks.union().area == 1000

    def test_a_detector_without_a_segmenter_gives_its_own_masks(self):
        pixels = np.zeros((2, HEIGHT, WIDTH), bool)
        pixels[0, :5, :5] = pixels[1, 10:20, 10:30] = True
        own = Masks([Mask.from_array(array, score=0.1) for array in pixels])

        class WithMasks:
            provenance = FakeDetector({}).provenance

            def detect(self, image, phrases=None):
                return Detections((HEIGHT, WIDTH), own.boxes, [0.4, 0.7], ["cat", "dog"], own)

        result = BuiltPipeline(parse_config({"detect": {"model": "fake"}}), WithMasks())(BLANK, Prompt.text("cat", "dog"))
        assert list(result.masks) == [own[1], own[0]]
        assert result.masks.labels == ("dog", "cat")
        assert result.masks.scores.tolist() == pytest.approx([0.7, 0.4])

    def test_a_detector_of_boxes_alone_needs_a_segmenter(self):
        with pytest.raises(IncompatibleStagesError, match=r"boxes without masks: add \.segment"):
            built({"dog": (1, 1, 5, 5)}, segmenter=False)(BLANK, Prompt.text("dog"))
        assert len(built({"dog": (1, 1, 5, 5)}, segmenter=False)(BLANK, Prompt.text("cat")).masks) == 0


class TestRefining:
    """Masks of a detector as prompts of the segmenter."""

    FOUND = Detections(
        (HEIGHT, WIDTH), [(10, 10, 30, 30)], [0.8], ["dog"], Masks([Mask.from_crop(np.ones((10, 20), bool), (10, 10), (HEIGHT, WIDTH))])
    )

    def result(self, **settings):
        detector = SimpleNamespace(provenance=FakeSegmenter().provenance, detect=lambda image, phrases=None: self.FOUND)
        values = {"detect": {"model": "fake"}, "segment": {"model": "fake", **settings}}
        return BuiltPipeline(parse_config(values), detector, FakeSegmenter(radius=1))(BLANK)

    def test_the_segmenter_is_prompted_with_the_mask_of_the_detector(self):
        assert self.result(refine=True).masks[0].box.tolist() == [10, 10, 30, 20]

    def test_by_default_it_is_prompted_with_the_box_alone(self):
        assert self.result().masks[0].box.tolist() == [10, 10, 30, 30]

    def test_a_segmenter_that_takes_no_masks_is_refused_when_the_pipeline_is_built(self, add_model):
        pytest.importorskip("skimage", reason="scikit-image is not installed")
        add_model("finder", "detector", "none:load")
        with pytest.raises(IncompatibleStagesError, match=r"points, boxes and masks; model 'superpixel' takes no mask$"):
            Pipeline().detect("finder").segment("superpixel", refine=True).build()

    def test_a_pipeline_that_refines_without_a_detector_is_refused(self):
        pytest.importorskip("skimage", reason="superpixels need scikit-image")
        with pytest.raises(IncompatibleStagesError, match=r"refine needs the masks of a detector: add \.detect"):
            Pipeline().segment("superpixel", refine=True).build()


class Failing:
    """A segmenter whose masks in boxes that begin left of `x` are empty, with the score 0.1."""

    provenance = FakeSegmenter().provenance

    def __init__(self, x):
        self.x = x

    def open(self, image):
        session, x = FakeSegmenter().open(image), self.x

        class Session:
            image, size, timings, provenance = session.image, session.size, session.timings, session.provenance

            def segment(self, prompts, *, candidates=False):
                empty = Masks([], session.size).union().counts
                answers = zip(session.segment(prompts), prompts, strict=True)
                return Masks(
                    (replace(mask, counts=empty, score=0.1) if prompt.xyxy[0] < x else mask for mask, prompt in answers), session.size
                )

        return Session()


class TestFailedMasks:
    FOUND = detections(("dog", (0, 0, 10, 10), 0.9), ("cat", (20, 0, 30, 10), 0.8), ("cow", (5, 20, 15, 30), 0.7))

    def result(self, clean=None, **segment):
        config = parse_config({"detect": {"model": "fake"}, "segment": {"model": "fake", **segment}, "clean": clean})
        return BuiltPipeline(config, FakeDetector(self.FOUND), Failing(20))(BLANK)

    def aligned(self, result):
        """Return the labels of the masks' detections, which must be the labels of the masks."""
        labels = tuple(result.detections.labels[mask.detection_index] for mask in result.masks)
        assert labels == result.masks.labels
        return labels

    def test_the_box_replaces_an_empty_mask_and_the_result_says_where(self):
        result = self.result()
        assert self.aligned(result) == ("dog", "cat", "cow")
        assert [mask.from_box for mask in result.masks] == [True, False, True]
        assert result.masks.boxes.tolist() == [[0, 0, 10, 10], [20, 0, 30, 10], [5, 20, 15, 30]]
        values = json.loads(json.dumps(result.to_dict()))
        assert [(mask["from_box"], mask["detection_index"]) for mask in values["masks"]] == [(True, 0), (False, 1), (True, 2)]

    def test_it_can_be_dropped_or_left_empty(self):
        dropped, empty = self.result(failed_mask="drop"), self.result(failed_mask="empty")
        assert self.aligned(dropped) == ("cat",)
        assert len(dropped.detections) == 3
        assert dropped.to_dict()["dropped"] == {"failed_mask": 2}
        assert self.aligned(empty) == ("dog", "cat", "cow")
        assert empty.masks.areas.tolist() == [0, 100, 0]

    def test_cleaning_keeps_masks_and_detections_together(self):
        assert self.aligned(self.result({"max_masks": 1})) == ("cat",)
        assert self.aligned(self.result({"min_area": 1}, failed_mask="empty")) == ("cat",)

    def test_a_merged_mask_says_whether_a_box_is_in_it(self):
        result = self.result({"merge": True})
        assert [(mask.from_box, mask.detection_index) for mask in result.masks] == [(True, None), (False, None), (True, None)]

    def test_a_prompt_of_the_user_has_the_mask_that_the_model_gave(self):
        config = parse_config({"segment": {"model": "fake", "min_mask_score": 0.9}})
        (mask,) = BuiltPipeline(config, None, Failing(20))(BLANK, Prompt.box(0, 0, 10, 10)).masks
        assert (mask.area, mask.from_box, mask.detection_index, mask.prompt_index) == (0, False, None, 0)


class TestThresholdsOfTheDetector:
    """Limits of the detector itself, which the stage lowers so that it sees every detection that it keeps."""

    @pytest.fixture
    def options(self, add_model):
        """Return the options that a detector was last loaded with. ``finder`` declares all of them, ``plain`` and ``half`` fewer."""
        seen = {}

        def load(request):
            seen.clear()
            seen.update(request.options)
            return FakeDetector({})

        add_model("finder", "detector", load, options={"threshold": 0.05, "max_detections": 300, "size": None})
        add_model("plain", "detector", load, options={"size": None})
        add_model("half", "detector", load, options={"threshold": 0.05})
        return seen

    @pytest.mark.parametrize(
        ("settings", "threshold", "most"),
        [
            ({}, 0.05, 300),
            ({"threshold": 0.05, "max_detections": 300}, 0.05, 300),
            ({"threshold": 0.02}, 0.02, 300),
            ({"thresholds": {"dog": 0.01, "cat": 0.7}}, 0.01, 300),
            ({"max_detections": 1000}, 0.05, 1000),
            ({"threshold": 0.0, "max_detections": 301}, 0.0, 301),
            ({"threshold": 0.01, "options": {"threshold": 0.03}}, 0.03, 300),
        ],
    )
    def test_a_stage_that_keeps_more_lowers_the_limits_of_the_detector(self, settings, threshold, most, options):
        Pipeline().detect("finder", **settings).build()
        assert options == {"threshold": threshold, "max_detections": most, "size": None}

    def test_a_detector_without_such_options_is_loaded_as_it_is(self, options):
        built = Pipeline().detect("plain", threshold=0.01, max_detections=400, options={"size": 5}).build()
        assert options == {"size": 5}
        assert built.config.detect.options == {"size": 5}

    def test_a_detector_with_some_of_the_options_gets_those(self, options):
        Pipeline().detect("half", threshold=0.01, max_detections=400).build()
        assert options == {"threshold": 0.01}

    def test_an_option_that_is_wrong_is_still_refused(self, options):
        with pytest.raises(ConfigError, match=r"no option 'sise'.*Did you mean 'size'"):
            Pipeline().detect("plain", threshold=0.01, options={"sise": 5}).build()
