"""Settings as NumPy's numbers: what takes a number of Python takes that of NumPy, keeps it as Python's, and never takes a flag or NaN."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pytest

pytest.importorskip("torch", reason="settings of a training need torch")

from promptseg.annotation.run import annotate
from promptseg.calibration.thresholds import calibrate_thresholds
from promptseg.datasets.descriptor import Option
from promptseg.errors import ConfigError, InputError, PromptSegError
from promptseg.evaluation.run import evaluate
from promptseg.evaluation.simulation import Box, Clicks, PointGrid
from promptseg.finetuning.cross_validation import cross_validate
from promptseg.finetuning.train import TrainingConfig
from promptseg.masks import Mask, Masks
from promptseg.metrics import boundary_f, boundary_iou
from promptseg.models.sam.cache import EmbeddingCache
from promptseg.overlay import draw
from promptseg.pipeline import BuiltPipeline, Pipeline
from promptseg.postprocess import drop_islands, drop_small, fill_holes, keep_best, nms
from promptseg.prompts import EverythingPrompt, Prompt
from promptseg.testing import FakeDetector, FakeSegmenter
from promptseg.tracking.redetection import RedetectionConfig
from promptseg.video.frames import open_frames

IMAGE = np.zeros((12, 16, 3), np.uint8)
MASKS = Masks([Mask.from_array(np.eye(12, 16, dtype=bool), score=0.5, label="a")])

WHOLE = {
    "everything.points_per_side": lambda value: Prompt.everything(points_per_side=value),
    "everything.crop_n_layers": lambda value: Prompt.everything(crop_n_layers=value),
    "everything.min_mask_region_area": lambda value: Prompt.everything(min_mask_region_area=value),
    "detect.max_detections": lambda value: Pipeline().detect("d", max_detections=value),
    "clean.min_area": lambda value: Pipeline().clean(min_area=value),
    "clean.min_island": lambda value: Pipeline().clean(min_island=value),
    "clean.max_masks": lambda value: Pipeline().clean(max_masks=value),
    "redetect_every": lambda value: RedetectionConfig(redetect_every=value),
    "forget_after": lambda value: RedetectionConfig(forget_after=value),
    "epochs": lambda value: _checked(TrainingConfig(epochs=value)),
    "lora": lambda value: _checked(TrainingConfig(lora=value)),
    "seed": lambda value: _checked(TrainingConfig(seed=value)),
    "per_side": PointGrid,
    "max_clicks": Clicks,
    "memory_bytes": lambda value: EmbeddingCache(memory_bytes=value),
    "drop_small": lambda value: drop_small(MASKS, value),
    "drop_islands": lambda value: drop_islands(MASKS, value),
    "fill_holes": lambda value: fill_holes(MASKS, value),
    "keep_best": lambda value: keep_best(MASKS, value),
    "open_frames.every": lambda value: open_frames([IMAGE] * 4, every=value),
    "open_frames.start": lambda value: open_frames([IMAGE] * 4, start=value),
    "run.batch_size": lambda value: BuiltPipeline(Pipeline().config, None, FakeSegmenter()).run([IMAGE], batch_size=value),
    "Masks.size": lambda value: Masks([], (value, value)),
}

NUMBERS = {
    "everything.pred_iou_thresh": lambda value: Prompt.everything(pred_iou_thresh=value),
    "everything.stability_score_thresh": lambda value: Prompt.everything(stability_score_thresh=value),
    "everything.stability_score_offset": lambda value: Prompt.everything(stability_score_offset=value),
    "everything.box_nms_thresh": lambda value: Prompt.everything(box_nms_thresh=value),
    "everything.crop_overlap_ratio": lambda value: Prompt.everything(crop_overlap_ratio=value),
    "detect.threshold": lambda value: Pipeline().detect("d", threshold=value),
    "detect.thresholds": lambda value: Pipeline().detect("d", thresholds={"dog": value}),
    "detect.box_padding": lambda value: Pipeline().detect("d", box_padding=value),
    "segment.min_mask_score": lambda value: Pipeline().segment("s", min_mask_score=value),
    "clean.nms": lambda value: Pipeline().clean(nms=value),
    "lost_below": lambda value: RedetectionConfig(lost_below=value),
    "learning_rate": lambda value: _checked(TrainingConfig(learning_rate=value)),
    "validation": lambda value: _checked(TrainingConfig(validation=value)),
    "jitter": Box,
    "nms": lambda value: nms(MASKS, value),
    "opacity": lambda value: draw(IMAGE, MASKS, opacity=value),
    "boundary_iou": lambda value: boundary_iou(MASKS[0], MASKS[0], width=value),
    "boundary_f": lambda value: boundary_f(MASKS[0], MASKS[0], tolerance=value),
    "tolerance": lambda value: Option("", 0.0).check("tolerance", value),
    "calibrate": lambda value: calibrate_thresholds(FakeDetector({"a": [0, 0, 4, 4]}), [IMAGE], ["a"], value),
    "Mask.score": lambda value: Mask(MASKS[0].size, MASKS[0].counts, score=value),
    "point": lambda value: Prompt.point(value, value),
}

FLAGS = {
    "segment.refine": lambda value: Pipeline().segment("s", refine=value),
    "clean.fill_holes": lambda value: Pipeline().clean(fill_holes=value),
    "clean.merge": lambda value: Pipeline().clean(merge=value),
    "prompt_encoder": lambda value: _checked(TrainingConfig(prompt_encoder=value)),
    "when_lost": lambda value: RedetectionConfig(when_lost=value),
    "outline": lambda value: draw(IMAGE, MASKS, outline=value),
    "candidates": lambda value: BuiltPipeline(Pipeline().config, None, FakeSegmenter())(IMAGE, Prompt.point(1, 1), candidates=value),
    "from_box": lambda value: Mask(MASKS[0].size, MASKS[0].counts, from_box=value),
}


def _checked(config):
    config.check()
    return config


def _plain(value):
    """Return the settings of a value, for a comparison by kind as well as by value."""
    if isinstance(value, Pipeline):
        return json.dumps(value.to_config())
    if isinstance(value, EmbeddingCache):
        return json.dumps(value.memory_bytes)
    if isinstance(value, (EverythingPrompt, RedetectionConfig, TrainingConfig, Box, PointGrid, Clicks)):
        return [(repr(getattr(value, field.name)), type(getattr(value, field.name))) for field in fields(value)]
    return None


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int32])
def test_a_whole_number_of_numpy_is_one_of_python(name, kind):
    assert _plain(WHOLE[name](kind(2))) == _plain(WHOLE[name](2))


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
def test_a_number_of_numpy_is_one_of_python(name, kind):
    assert _plain(NUMBERS[name](kind(0.25))) == _plain(NUMBERS[name](0.25))


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("value", [False, True])
def test_a_flag_of_numpy_is_one_of_python(name, value):
    assert _plain(FLAGS[name](np.bool_(value))) == _plain(FLAGS[name](value))


@pytest.mark.parametrize("value", [True, np.True_, float("nan"), np.float32("nan"), np.timedelta64(2)], ids=repr)
@pytest.mark.parametrize("name", [*WHOLE, *(name for name in NUMBERS if name != "Mask.score")])
def test_a_flag_or_nan_is_no_number(name, value):
    with pytest.raises(PromptSegError):
        {**WHOLE, **NUMBERS}[name](value)


def test_the_score_of_a_mask_is_no_flag():
    with pytest.raises(InputError, match="score of a mask is a number or None, got"):
        NUMBERS["Mask.score"](np.True_)


@pytest.mark.parametrize("name", ["prompt_encoder", "when_lost", "outline", "candidates", "from_box"])
@pytest.mark.parametrize("value", ["no", 1, 0.0, None], ids=repr)
def test_what_is_neither_true_nor_false_is_no_flag(name, value):
    with pytest.raises(PromptSegError, match=f"{name} .*True or False, got|{name} is True or False, got"):
        FLAGS[name](value)


def test_colors_may_be_an_array():
    colors = np.array([[255, 0, 0]], np.uint8)
    assert np.array_equal(draw(IMAGE, MASKS, colors=colors), draw(IMAGE, MASKS, colors=[(255, 0, 0)]))


def test_a_run_with_numpys_settings_is_checked_before_anything_is_loaded(tmp_path):
    """Each call gets past its settings, to the first thing that is really missing."""
    with pytest.raises(InputError, match="nowhere"):
        annotate(
            tmp_path / "nowhere",
            pipeline=Pipeline().segment(),
            out=tmp_path / "out",
            limit=np.int64(1),
            gallery=np.int16(0),
            cpus=np.float32(0.5),
        )
    with pytest.raises(InputError, match="nowhere"):
        evaluate(tmp_path / "nowhere", tmp_path, seed=np.int64(1), baselines=np.False_)
    with pytest.raises(InputError, match="nowhere"):
        cross_validate(tmp_path / "nowhere", tmp_path, tmp_path / "out", folds=np.int64(2), baselines=np.False_)


@pytest.mark.parametrize("wrong", [{"limit": True}, {"gallery": -1}, {"cpus": "1"}, {"boxes": 1}, {"retry_failed": "no"}], ids=repr)
def test_a_run_names_the_setting_that_is_wrong(tmp_path, wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        annotate(tmp_path, pipeline=Pipeline().segment(), out=tmp_path / "out", **wrong)
