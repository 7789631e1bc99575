"""Fitting a calibration on truth, with a model that believes too much of itself."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image

import promptseg
from promptseg import Masks
from promptseg.calibration.features import PROMPT_CLASSES, prompt_class
from promptseg.datasets.formats.paired_masks import read_paired_masks
from promptseg.errors import ConfigError, InputError, PromptError
from promptseg.evaluation.score_fitting import LEAST, calibrate, simulated_prompts
from promptseg.testing import FakeSegmenter

LOGITS = np.where(np.arange(65536).reshape(256, 256) < 900, np.float32(9), np.float32(-8))


@dataclass(frozen=True)
class Sure(FakeSegmenter):
    """Model with a score that is too high by half of what is missing."""

    radius: float | None = 7.5

    def open(self, image):
        session = super().open(image)

        class Session(type(session)):
            def segment(self, prompts, *, candidates=False):
                found = super().segment(prompts, candidates=candidates)
                return Masks([replace(mask, logits=LOGITS) for mask in found], self.size)

        return Session(session.image, session.radius, session.timings, session.provenance)


@dataclass(frozen=True)
class BoxesAlone(Sure):
    accepts = frozenset({"box"})


@pytest.fixture
def many(tmp_path, photo):
    """Twelve images of 60 x 80 with a rectangle and a disc each."""
    y, x = np.ogrid[:60, :80]
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for index in range(12):
        labels = np.zeros((60, 80), np.uint8)
        labels[5:25, 5 + index : 35] = 1
        labels[(x - 55) ** 2 + (y - 35 - index) ** 2 <= 7.5**2] = 2
        Image.fromarray(photo(60, 80, index)).save(tmp_path / "images" / f"{index}.png")
        Image.fromarray(labels).save(tmp_path / "masks" / f"{index}.png")
    return read_paired_masks(tmp_path / "images", tmp_path / "masks")


def test_the_iou_to_expect_is_nearer_to_the_truth(many):
    made = calibrate(many, model=Sure())
    assert set(made.prompts) == set(PROMPT_CLASSES)
    assert made.prompts["box"].error_after < made.prompts["box"].error_before
    assert (made.model, made.weights, made.seed) == ("fake-segmenter", (), 0)
    assert [(one.images, one.objects) for one in made.fitted_on] == [(12, 24)]


def test_a_calibration_holds_in_an_evaluation(many):
    made = calibrate(many, model=Sure(), prompts=["box"])
    before, after = (
        promptseg.evaluate(many, model=Sure(), prompt="box", baselines=False, calibration=one).calibration["error"] for one in (None, made)
    )
    assert after < 0.8 * before
    with pytest.raises(ConfigError, match="one prompt per object"):
        promptseg.evaluate(many, model=Sure(), prompt="clicks:2", baselines=False, calibration=made)
    with pytest.raises(ConfigError, match="other weights"):
        promptseg.evaluate(many, model=FakeSegmenter(provenance=replace(Sure().provenance, model="x")), prompt="box", calibration=made)


def test_the_seed_decides_about_the_prompts(many):
    one, same, other = (calibrate(many, model=Sure(), prompts="point", seed=seed) for seed in (0, 0, 1))
    assert one == same != other


def test_several_datasets_are_fitted_together_under_their_names(many):
    first, second = (many.only([entry.name for entry in many.entries if (int(entry.name[:-4]) < 6) == early]) for early in (True, False))
    made = calibrate([first, second], model=Sure(), prompts=["box"], names=["early", "late"])
    assert [(one.name, one.images) for one in made.fitted_on] == [("early", 6), ("late", 6)]
    assert made.prompts["box"].objects == 48  # Each object by its tight box and by one with errors.
    with pytest.raises(ConfigError, match="2 datasets has one name, got 1"):
        calibrate([first, second], model=Sure(), names=["early"])


def test_kinds_of_prompt_that_the_model_does_not_take_are_left_out(many):
    assert set(calibrate(many, model=BoxesAlone()).prompts) == {"box"}
    with pytest.raises(PromptError, match="takes none of the prompts point"):
        calibrate(many, model=BoxesAlone(), prompts=["point"])


def test_masks_without_logits_are_too_few(many):
    with pytest.raises(InputError, match=f"at least {LEAST} masks with a score and logits for a kind of prompt, got 0 for point"):
        calibrate(many, model=FakeSegmenter())


@pytest.mark.parametrize("prompts", [["text"], [], "everything", 3, [["point"]]])
def test_an_unknown_kind_of_prompt_is_refused(many, prompts):
    with pytest.raises(ConfigError, match="kinds of prompt"):
        calibrate(many, model=Sure(), prompts=prompts)


@pytest.mark.parametrize("wrong", [{"names": 3}, {"names": [3]}, {"names": "a"}, {"model": 3}])
def test_wrong_names_and_models_are_refused_before_anything_is_asked(many, wrong):
    with pytest.raises(ConfigError, match="got "):
        calibrate(many, **{"model": Sure(), **wrong})


@pytest.mark.parametrize("images", [[], [3], None])
def test_what_is_no_dataset_is_refused(images):
    with pytest.raises(ConfigError):
        calibrate(images, model=Sure())


@pytest.mark.parametrize("kind", PROMPT_CLASSES)
def test_simulated_prompts_are_of_their_kind(many, kind):
    true = many.entries[0].read().objects[0]
    assert {prompt_class(prompt) for prompt in simulated_prompts(kind, true, 0, None)} == {kind}
