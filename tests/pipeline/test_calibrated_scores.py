"""A pipeline with a calibration: the scores of its masks are the IoU to expect, and nothing else changes."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from fake_pipelines import BLANK
from promptseg import Masks, Prompt
from promptseg.calibration.features import FEATURES
from promptseg.calibration.regression import Regression
from promptseg.calibration.scores import FittedOn, ScoreCalibration
from promptseg.pipeline import BuiltPipeline
from promptseg.pipeline.config import parse_config
from promptseg.testing import FakeDetector, FakeSegmenter

LOGITS = np.where(np.arange(65536).reshape(256, 256) < 900, np.float32(9), np.float32(-8))


@dataclass(frozen=True)
class WithLogits(FakeSegmenter):
    def open(self, image):
        session = super().open(image)

        class Session(type(session)):
            def segment(self, prompts, *, candidates=False):
                return Masks([replace(mask, logits=LOGITS) for mask in super().segment(prompts, candidates=candidates)], self.size)

        return Session(session.image, session.radius, session.timings, session.provenance)


def calibration(model="fake-segmenter"):
    count = len(FEATURES)
    half = Regression(objects=9, error_before=0.4, error_after=0.1, mean=(0,) * count, scale=(1,) * count, weights=(0,) * (count + 1))
    return ScoreCalibration(
        model=model, weights=(), prompts={"point": half, "box": half}, fitted_on=(FittedOn(name="", images=1, objects=9),)
    )


def built(made, **segment):
    config = parse_config({"detect": {"model": "fake"}, "segment": segment})
    return BuiltPipeline(config, FakeDetector({"dog": (30, 5, 50, 20)}, score=0.8), WithLogits(), calibration=made)


def test_scores_of_prompts_are_calibrated_and_those_of_everything_mode_are_not():
    result = built(calibration())(BLANK, Prompt.box(30, 5, 50, 20), Prompt.everything(1), Prompt.point(10, 10))
    raw = built(None)(BLANK, Prompt.box(30, 5, 50, 20), Prompt.everything(1), Prompt.point(10, 10))
    assert [mask.score for mask in result.masks] == [0.5, 0.5, 1.0]
    assert [mask.predicted_iou for mask in result.masks] == [0.95, 0.9, None]
    assert [result.score_kind(mask) for mask in result.masks] == ["calibrated", "calibrated", "mask"]
    assert result.masks == raw.masks
    assert [mask.score for mask in raw.masks] == [0.95, 0.9, 1.0]


def test_candidates_are_calibrated_too():
    masks = built(calibration())(BLANK, Prompt.point(10, 10), candidates=True).masks
    assert [(mask.score, mask.predicted_iou) for mask in masks] == [(0.5, 0.7), (0.5, 0.9), (0.5, 0.8)]


@pytest.mark.parametrize(
    ("score", "expected", "kind"), [("product", 0.4, "product"), ("mask", 0.5, "calibrated"), ("detector", 0.8, "detector")]
)
def test_the_score_of_a_detection_has_the_calibrated_one_of_its_mask(score, expected, kind):
    result = built(calibration(), score=score)(BLANK, Prompt.text("dog"))
    assert result.masks[0].score == pytest.approx(expected)
    assert result.score_kind(result.masks[0]) == kind


def test_the_least_score_of_a_mask_is_of_the_iou_to_expect():
    stage = {"min_mask_score": 0.6, "failed_mask": "drop"}
    assert len(built(None, **stage)(BLANK, Prompt.text("dog")).masks) == 1
    assert len(built(calibration(), **stage)(BLANK, Prompt.text("dog")).masks) == 0


def test_another_model_of_a_fallback_chain_keeps_its_scores():
    result = built(calibration("another model"))(BLANK, Prompt.point(10, 10))
    assert (result.masks[0].score, result.masks[0].predicted_iou) == (0.9, None)


def test_merged_masks_keep_the_score_of_the_best():
    pipeline = BuiltPipeline(parse_config({"segment": {}, "clean": {"merge": True}}), None, WithLogits(), calibration=calibration())
    (mask,) = pipeline(BLANK, Prompt.point(10, 10), Prompt.box(30, 5, 50, 20)).masks
    assert (mask.score, mask.predicted_iou) == (0.5, 0.9)


def test_a_tracker_sees_the_models_own_scores():
    frames = list(built(calibration()).track([BLANK, BLANK], Prompt.box(30, 5, 50, 20)))
    assert all(mask.predicted_iou is None for frame in frames for mask in frame.masks)
