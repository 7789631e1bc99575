import json

import numpy as np
import pytest

from promptseg import Mask, Masks, Pipeline, Prompt
from promptseg.calibration import scores
from promptseg.calibration.features import FEATURES, PROMPT_CLASSES
from promptseg.calibration.regression import Regression
from promptseg.calibration.scores import FittedOn, ScoreCalibration, calibration_for, shipped
from promptseg.errors import ConfigError, InputError
from promptseg.registry.choice import choose
from promptseg.results import Provenance, Result

SIZE = (20, 30)
MODEL = Provenance("some-model", "fake", "1", {"a.onnx": "aa", "b.onnx": "bb"})


def halved(objects=100):
    """Return a regression that expects an IoU of .5 whatever it is given."""
    count = len(FEATURES)
    return Regression(
        objects=objects, error_before=0.4, error_after=0.1, mean=(0.0,) * count, scale=(1.0,) * count, weights=(0.0,) * (count + 1)
    )


@pytest.fixture
def calibration():
    return ScoreCalibration(
        model="some-model",
        weights=("aa", "bb"),
        prompts={"point": halved()},
        fitted_on=(FittedOn(name="some images", images=3, objects=9),),
    )


def mask(score=0.9, prompt_index=0, side=5, **values):
    logits = np.full((256, 256), -8.0, np.float32)
    logits[:50] = 8
    return Mask.from_crop(np.ones((side, side), bool), (0, 0), SIZE, score=score, prompt_index=prompt_index, **{"logits": logits, **values})


def applied(calibration, *masks):
    return calibration.apply(Masks(masks, SIZE), (Prompt.point(1, 1), Prompt.box(0, 0, 5, 5)), np.zeros((*SIZE, 3), np.uint8))


def test_the_score_becomes_the_iou_to_expect_and_the_models_own_is_kept(calibration):
    (found,) = applied(calibration, mask())
    assert (found.score, found.predicted_iou) == (0.5, 0.9)
    assert found == mask()
    assert found.logits is not None


def test_a_result_says_what_its_scores_are(calibration):
    result = Result(
        Masks([*applied(calibration, mask(prompt_index=0)), mask(prompt_index=1)]), (Prompt.point(1, 1), Prompt.box(0, 0, 5, 5))
    )
    assert [result.score_kind(each) for each in result.masks] == ["calibrated", "mask"]
    written = json.loads(json.dumps(result.to_dict()))
    assert [entry["score_kind"] for entry in written["masks"]] == ["calibrated", "mask"]
    read = Result.from_dict(written)
    assert [each.predicted_iou for each in read.masks] == [0.9, None]
    assert [read.score_kind(each) for each in read.masks] == ["calibrated", "mask"]


@pytest.mark.parametrize("value", ["0.9", [], True, float("inf")])
def test_a_result_with_another_predicted_iou_is_refused(calibration, value):
    written = Result(applied(calibration, mask()), (Prompt.point(1, 1),)).to_dict()
    written["masks"][0]["predicted_iou"] = value
    with pytest.raises(InputError, match="predicted_iou"):
        Result.from_dict(written)


@pytest.mark.parametrize(
    "other",
    [
        mask(prompt_index=1),  # A box, which was not fitted.
        mask(prompt_index=None),
        mask(prompt_index=7),
        mask(score=None),
        mask(logits=None),  # As in everything mode.
        Mask.from_array(np.zeros(SIZE, bool), score=0.9, prompt_index=0),
    ],
)
def test_a_mask_that_cannot_be_calibrated_keeps_its_score(calibration, other):
    (found,) = applied(calibration, other)
    assert (found.score, found.predicted_iou) == (other.score, None)


def test_a_score_is_calibrated_once(calibration):
    (found,) = applied(calibration, *applied(calibration, mask()))
    assert (found.score, found.predicted_iou) == (0.5, 0.9)


def test_a_calibration_is_for_its_weights_in_whatever_file_they_are(calibration):
    assert calibration.fits(MODEL)
    assert calibration.fits(Provenance("tuned", "other", "2", {"x": "bb", "y": "aa"}))
    assert not calibration.fits(Provenance("some-model", "fake", "1", {"a.onnx": "aa"}))
    assert not calibration.fits(None)


def test_a_model_without_weights_is_known_by_its_name(calibration):
    own = calibration.model_copy(update={"weights": ()})
    assert own.fits(Provenance("some-model", "fake", "1"))
    assert not own.fits(Provenance("another", "fake", "1"))


def test_a_calibration_is_saved_and_loaded(calibration, tmp_path):
    calibration.save(tmp_path / "calibration.json")
    assert ScoreCalibration.load(tmp_path / "calibration.json") == calibration


BREAK = {
    "no dictionary": lambda values: [values],
    "another format": lambda values: {**values, "format": "promptseg-score-calibration-9"},
    "no prompts": lambda values: {**values, "prompts": {}},
    "an unknown prompt": lambda values: {**values, "prompts": {"text": values["prompts"]["point"]}},
    "other features": lambda values: {**values, "features": ["score"]},
    "infinity": lambda values: {**values, "prompts": {"point": {**values["prompts"]["point"], "weights": [float("inf")] * 8}}},
    "a long name": lambda values: {**values, "model": "m" * 2000},
    "nothing": lambda _: None,
}


@pytest.mark.parametrize("broken", BREAK)
def test_a_file_that_is_no_calibration_is_refused(calibration, tmp_path, broken):
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(BREAK[broken](calibration.to_dict())))
    with pytest.raises(InputError, match=r"broken\.json is"):
        ScoreCalibration.load(path)


def test_a_large_file_is_not_read(tmp_path):
    (tmp_path / "large.json").write_text(" " * (2 << 20))
    with pytest.raises(InputError, match="large"):
        ScoreCalibration.load(tmp_path / "large.json")


def test_what_is_shipped_is_for_the_published_weights_of_mini_sam():
    files = {file.name: file.sha256 for file in choose("mini-sam").engine.files}
    own = shipped(Provenance("mini-sam", "onnx_sam", "1", files))
    assert set(own.prompts) == set(PROMPT_CLASSES)
    assert all(each.error_after < each.error_before for each in own.prompts.values())
    assert all(each.images and each.objects for each in own.fitted_on)
    assert shipped(MODEL) is None
    assert shipped(Provenance("fake-segmenter", "fake", "1")) is None


def test_a_pipeline_takes_auto_none_or_a_file(calibration, tmp_path, monkeypatch):
    monkeypatch.setattr(scores, "_shipped", lambda: (calibration,))
    path = tmp_path / "own.json"
    calibration.save(path)
    assert calibration_for(MODEL, "auto") == calibration_for(MODEL, str(path)) == calibration
    assert calibration_for(MODEL, None) is None
    with pytest.raises(ConfigError, match=r"own\.json calibrates the scores of 'some-model' with other weights"):
        calibration_for(Provenance("other", "fake", "1", {"a": "cc"}), str(path))
    with pytest.raises(ConfigError, match=r"absent\.json"):
        calibration_for(MODEL, str(tmp_path / "absent.json"))


def test_the_setting_is_part_of_the_configuration():
    config = Pipeline().segment("mini-sam", calibration=None).to_config()
    assert config["segment"]["calibration"] is None
    assert "calibration" not in Pipeline().segment("mini-sam").to_config()["segment"]
