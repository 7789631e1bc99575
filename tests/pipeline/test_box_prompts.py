"""Filtering of detections, prompts of their boxes, and labels and scores of their masks."""

from collections import Counter

import numpy as np
import pytest

from promptseg._boxes import filled_box
from promptseg.detections import Detections
from promptseg.errors import BackendError, IncompatibleStagesError
from promptseg.masks import Mask, Masks
from promptseg.pipeline.box_prompts import count_phrases, detection_prompts, detector_masks, filter_detections, label_masks
from promptseg.pipeline.config import DetectStage, SegmentStage
from promptseg.results import PhraseCount

SIZE = HEIGHT, WIDTH = 40, 60


def detections(*rows, masks=None):
    """Return detections from ``(label, box, score)``."""
    labels, boxes, scores = zip(*rows, strict=True)
    return Detections(SIZE, boxes, scores, labels, masks)


def chosen(found, **settings):
    """Return the detections that are kept, and the number of dropped ones by reason."""
    dropped = Counter()
    return filter_detections(found, DetectStage(model="any", **settings), dropped), dropped


def row_of(count, label="dot", score=0.9):
    """Return detections of `count` boxes of one pixel, side by side."""
    return detections(*((label, (i % WIDTH, i // WIDTH, i % WIDTH + 1, i // WIDTH + 1), score) for i in range(count)))


class TestChoose:
    def test_each_step_counts_what_it_drops(self):
        found = detections(
            ("line", (5, 5, 5, 20), 0.9),
            ("dog", (0, 0, 20, 20), 0.8),
            ("dog", (0, 0, 20, 21), 0.7),
            ("cat", (30, 0, 40, 10), 0.6),
            ("cow", (30, 20, 40, 30), 0.5),
            ("faint", (1, 1, 2, 2), 0.1),
            ("fainter", (1, 1, 2, 2), 0.05),
        )
        kept, dropped = chosen(found, max_detections=2)
        assert kept.labels == ("dog", "cat")
        assert dropped == {"no_area": 1, "threshold": 2, "nms": 1, "max_detections": 1}

    def test_what_drops_nothing_is_not_counted(self):
        assert chosen(row_of(3))[1] == {}

    def test_a_thousand_detections_are_cut_to_the_cap_and_the_rest_is_told(self):
        kept, dropped = chosen(row_of(1000))
        assert len(kept) == 300
        assert dropped == {"max_detections": 700}

    def test_no_detections_stay_none(self):
        kept, dropped = chosen(Detections.empty(SIZE))
        assert (len(kept), kept.size, dropped) == (0, SIZE, {})


class TestThresholds:
    FOUND = detections(("car", (0, 0, 9, 9), 0.35), ("dog", (10, 0, 19, 9), 0.35), ("cat", (20, 0, 29, 9), 0.02))

    def test_a_phrase_has_its_own_threshold_and_others_the_common_one(self):
        assert chosen(self.FOUND, thresholds={"car": 0.5})[0].labels == ("dog",)
        assert chosen(self.FOUND, threshold=0.4, thresholds={"car": 0.2})[0].labels == ("car",)

    def test_a_score_at_the_threshold_is_kept_to_the_last_bit(self):
        score = np.float32(0.35)
        above = float(np.nextafter(score, np.float32(2)))
        assert chosen(self.FOUND, thresholds={"car": float(score)})[0].labels == ("car", "dog")
        assert chosen(self.FOUND, thresholds={"car": above})[0].labels == ("dog",)

    def test_it_may_be_lower_than_the_common_one(self):
        assert chosen(self.FOUND, thresholds={"cat": 0.01})[0].labels == ("car", "dog", "cat")

    def test_a_phrase_that_nobody_asked_for_changes_nothing(self):
        assert chosen(self.FOUND, thresholds={"unicorn": 0.9})[0].labels == ("car", "dog")

    @pytest.mark.parametrize("key", ["car", "car|automobile", " car | motor car"])
    @pytest.mark.parametrize("label", ["car", "car|automobile"])
    def test_alternatives_of_a_phrase_go_by_the_first(self, key, label):
        found = detections((label, (0, 0, 9, 9), 0.35))
        assert len(chosen(found, thresholds={key: 0.5})[0]) == 0
        assert len(chosen(found, threshold=0.9, thresholds={key: 0.1})[0]) == 1


class TestPrompts:
    def test_boxes_over_the_border_end_at_it(self):
        found = detections(("a", (-5, -5, 10, 10), 0.9), ("b", (50, 30, 75, 55), 0.9), ("c", (0, 0, WIDTH, HEIGHT), 0.9))
        assert [prompt.xyxy.tolist() for prompt in detection_prompts(found)] == [[0, 0, 10, 10], [50, 30, 60, 40], [0, 0, 60, 40]]
        assert [prompt.xyxy.tolist() for prompt in detection_prompts(found, 0.5)][2] == [0, 0, 60, 40]

    def test_padding_widens_each_box_by_a_share_of_its_length(self):
        (prompt,) = detection_prompts(detections(("a", (20, 10, 40, 20), 0.9)), 0.1)
        assert prompt.xyxy.tolist() == [18, 9, 42, 21]

    def test_refining_adds_the_mask_and_its_innermost_point_where_there_is_a_mask(self):
        rows = ("dog", (10, 10, 21, 21), 0.9), ("cat", (30, 10, 40, 20), 0.8)
        masks = Masks([filled_box(np.array(rows[0][1]), SIZE), Masks([], SIZE).union()])
        with_mask, without = detection_prompts(detections(*rows, masks=masks), refine=True)
        assert with_mask.kinds == {"point", "box", "mask"}
        assert with_mask.xyxy.tolist() == [10, 10, 21, 21]
        assert with_mask.xy.tolist() == [[15, 15]]
        assert with_mask.mask_pixels == masks[0]
        assert without.kinds == {"box"}

    def test_boxes_alone_cannot_be_refined(self):
        with pytest.raises(IncompatibleStagesError, match=r"segment\.refine needs a detector that makes masks, and this one makes none"):
            detection_prompts(detections(("dog", (10, 10, 20, 20), 0.9)), refine=True)
        assert detection_prompts(Detections.empty(SIZE), refine=True) == []


class TestJoin:
    FOUND = detections(("dog", (5, 5, 15, 15), 0.8), ("cat", (20.5, 10.5, 30.5, 20.5), 0.6), ("cow", (40, 0, 50, 10), 0.5))

    def joined(self, areas=(True, True, True), scores=(0.9, 0.7, 0.5), **settings):
        masks = []
        for some, score, left in zip(areas, scores, (6, 22, 42), strict=True):
            pixels = np.zeros(SIZE, bool)
            pixels[12:14, left : left + 3] = some
            masks.append(Mask.from_array(pixels, score=score, logits=np.zeros((4, 4), np.float32), prompt_index=0))
        dropped = Counter()
        return label_masks(Masks(masks, SIZE), self.FOUND, SegmentStage(**settings), dropped), dropped

    @pytest.mark.parametrize(
        ("score", "expected"), [("product", [0.72, 0.42, 0.25]), ("detector", [0.8, 0.6, 0.5]), ("mask", [0.9, 0.7, 0.5])]
    )
    def test_the_score_is_what_the_stage_says(self, score, expected):
        masks, _ = self.joined(score=score)
        assert [mask.score for mask in masks] == pytest.approx(expected)

    @pytest.mark.parametrize(("score", "expected"), [("product", 0.8), ("detector", 0.8), ("mask", None)])
    def test_a_mask_without_a_score_has_that_of_its_box(self, score, expected):
        masks, _ = self.joined(scores=(None, None, None), score=score)
        assert masks[0].score == (None if expected is None else pytest.approx(expected))

    def test_each_mask_has_the_label_and_the_index_of_its_detection_and_no_prompt(self):
        masks, dropped = self.joined()
        assert [(mask.label, mask.detection_index, mask.prompt_index, mask.from_box) for mask in masks] == [
            ("dog", 0, None, False),
            ("cat", 1, None, False),
            ("cow", 2, None, False),
        ]
        assert dropped == {}

    def test_an_empty_mask_becomes_the_filled_box_and_says_so(self):
        masks, dropped = self.joined(areas=(True, False, True))
        assert [mask.from_box for mask in masks] == [False, True, False]
        assert masks[1].box.tolist() == [20, 10, 30, 20]
        assert masks[1].area == 10 * 10
        assert (masks[1].label, masks[1].score, masks[1].logits) == ("cat", pytest.approx(0.42), None)
        assert dropped == {}

    def test_a_failed_mask_can_be_dropped_and_counted_and_the_others_keep_their_detections(self):
        masks, dropped = self.joined(areas=(False, True, True), failed_mask="drop")
        assert [(mask.label, mask.detection_index) for mask in masks] == [("cat", 1), ("cow", 2)]
        assert dropped == {"failed_mask": 1}

    def test_a_failed_mask_can_stay_empty(self):
        masks, dropped = self.joined(areas=(True, True, False), failed_mask="empty")
        assert [mask.area for mask in masks] == [6, 6, 0]
        assert [mask.from_box for mask in masks] == [False] * 3
        assert dropped == {}

    @pytest.mark.parametrize(("failed_mask", "areas"), [("box", [6, 6, 100]), ("empty", [6, 6, 0]), ("drop", [6, 6])])
    def test_a_mask_under_the_minimum_score_has_failed_and_one_at_it_has_not(self, failed_mask, areas):
        masks, _ = self.joined(scores=(0.9, 0.5, 0.49), min_mask_score=0.5, failed_mask=failed_mask)
        assert [mask.area for mask in masks] == areas

    def test_a_mask_without_a_score_has_not_failed(self):
        masks, _ = self.joined(scores=(None, None, None), min_mask_score=0.9)
        assert [mask.area for mask in masks] == [6, 6, 6]

    def test_a_low_score_of_the_box_does_not_fail_its_mask(self):
        masks, _ = self.joined(min_mask_score=0.5)
        assert not any(mask.from_box for mask in masks)

    def test_another_number_of_masks_than_boxes_is_an_error_and_never_a_shift(self):
        with pytest.raises(BackendError, match="made 2 masks for 3 boxes"):
            label_masks(Masks([Mask.from_array(np.ones(SIZE, bool))] * 2), self.FOUND, SegmentStage(), Counter())


class TestFilledBoxes:
    @pytest.mark.parametrize(
        ("box", "filled"),
        [
            ((3, 4, 10, 12), [3, 4, 10, 12]),
            ((3.9, 4.9, 10.1, 12.1), [4, 5, 10, 12]),
            ((3.4, 4.4, 10.6, 12.6), [3, 4, 11, 13]),
            ((0, 0, WIDTH, HEIGHT), [0, 0, WIDTH, HEIGHT]),
        ],
    )
    def test_a_failed_mask_becomes_the_pixels_whose_centers_are_in_its_box(self, box, filled):
        (mask,) = self.of_a_failed_mask(box)
        assert mask.box.tolist() == filled
        assert mask.area == (filled[2] - filled[0]) * (filled[3] - filled[1])

    @pytest.mark.parametrize(
        ("box", "filled"),
        [
            ((59.7, 39.8, 59.9, 39.9), [59, 39, 60, 40]),
            ((0, 0, 0.01, 0.01), [0, 0, 1, 1]),
            ((7.6, 3, 7.9, 9), [7, 3, 8, 9]),
        ],
    )
    def test_a_box_smaller_than_a_pixel_is_one_pixel(self, box, filled):
        (mask,) = self.of_a_failed_mask(box)
        assert mask.box.tolist() == filled

    @staticmethod
    def of_a_failed_mask(box):
        return label_masks(Masks([Masks([], SIZE).union()]), detections(("dog", box, 0.9)), SegmentStage(), Counter())


class TestOwnMasks:
    def test_they_have_the_detections_labels_scores_and_indices(self):
        masks = Masks([filled_box(np.array(box, np.float32), SIZE) for box in ((0, 0, 5, 5), (10, 10, 20, 20))])
        own = detector_masks(detections(("dog", (0, 0, 5, 5), 0.75), ("cat", (10, 10, 20, 20), 0.5), masks=masks))
        assert [(mask.label, mask.score, mask.detection_index) for mask in own] == [("dog", 0.75, 0), ("cat", 0.5, 1)]

    def test_boxes_alone_need_a_segmenter_and_no_boxes_need_nothing(self):
        found = detections(("dog", (0, 0, 5, 5), 0.75))
        with pytest.raises(IncompatibleStagesError, match=r"add \.segment"):
            detector_masks(found)
        assert detector_masks(found.where(np.zeros(1, bool))) == []


class TestCountPhrases:
    found = detections(("cup", (0, 0, 20, 20), 0.875), ("cup", (30, 0, 50, 20), 0.75), ("spoon", (0, 20, 20, 40), 0.125))

    def counted(self, *phrases, **settings):
        return count_phrases(phrases, chosen(self.found, **settings)[0], DetectStage(model="any", **settings))

    def test_each_phrase_has_its_count_its_best_score_and_its_threshold_in_the_order_of_the_phrases(self):
        assert self.counted("fork", "spoon|ladle", "cup", thresholds={"spoon": 0.25}) == (
            PhraseCount("fork", 0, None, 0.3),
            PhraseCount("spoon", 0, 0.125, 0.25),
            PhraseCount("cup", 2, 0.875, 0.3),
        )

    def test_without_phrases_the_classes_that_were_found_are_counted(self):
        assert self.counted() == (PhraseCount("cup", 2, 0.875, 0.3),)

    def test_a_higher_threshold_of_the_detector_itself_is_the_threshold(self):
        assert self.counted("spoon", options={"threshold": 0.5})[0].threshold == 0.5
        assert self.counted("spoon", options={"threshold": 0.1})[0].threshold == 0.3
