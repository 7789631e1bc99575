"""`promptseg calibrate`, on two images with many squares, with a model whose masks have logits."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image

from promptseg import Masks
from promptseg.calibration.scores import ScoreCalibration
from promptseg.testing import FakeSegmenter

LOGITS = np.where(np.arange(65536).reshape(256, 256) < 900, np.float32(9), np.float32(-8))
DATA = ("--images", "images", "--masks", "masks", "--model", "fake")


@dataclass(frozen=True)
class WithLogits(FakeSegmenter):
    def open(self, image):
        session = super().open(image)

        class Session(type(session)):
            def segment(self, prompts, *, candidates=False):
                return Masks([replace(mask, logits=LOGITS) for mask in super().segment(prompts, candidates=candidates)], self.size)

        return Session(session.image, session.radius, session.timings, session.provenance)


@pytest.fixture(autouse=True)
def _folder(tmp_path, photo, add_model):
    add_model("fake", "segmenter", lambda _: WithLogits())
    add_model("plain", "segmenter", lambda _: FakeSegmenter())
    labels = np.zeros((60, 80), np.uint8)
    for number in range(12):
        row, column = divmod(number, 4)
        labels[20 * row + 2 : 20 * row + 14, 20 * column + 2 : 20 * column + 14] = number + 1
    for index in range(2):
        for name, array in (("images", photo(60, 80, index)), ("masks", labels)):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(array).save(tmp_path / name / f"{index}.png")


def test_a_calibration_is_written_and_its_errors_are_printed(run, tmp_path):
    done = run("calibrate", *DATA, "--prompt", "point", "--prompt", "box", "--name", "squares", "--out", "own/scores.json")
    assert done.exit_code == 0
    made = ScoreCalibration.load(tmp_path / "own" / "scores.json")
    assert set(made.prompts) == {"point", "box"}
    assert made.fitted_on[0].name == "squares"
    assert f"{made.prompts['point'].error_before:.3f}" in done.stdout
    assert "wrote own/scores.json" in done.stderr


def test_an_evaluation_takes_what_was_written(run):
    run("calibrate", *DATA, "--prompt", "point", "--out", "scores.json")
    raw, calibrated = (
        run("evaluate", *DATA, "--prompt", "point:random", "--no-baselines", *more) for more in ((), ("--calibration", "scores.json"))
    )
    before, after = (
        next(float(line.split("mean error ")[1].split(",")[0]) for line in done.stdout.splitlines() if "mean error" in line)
        for done in (raw, calibrated)
    )
    assert after < before


def test_a_model_or_a_kind_of_prompt_that_cannot_be_calibrated_is_told(run, tmp_path):
    assert "got 0 for point" in run("calibrate", *DATA[:4], "--model", "plain", "--out", "scores.json").stderr
    done = run("calibrate", *DATA, "--prompt", "text", "--out", "scores.json")
    assert done.exit_code == 2
    assert "kinds of prompt are point, points, box" in done.stderr
    assert not (tmp_path / "scores.json").exists()


def test_an_output_that_would_replace_an_input_is_refused_first(run):
    done = run("calibrate", *DATA[:2], "--coco", "objects.json", "--out", "objects.json")
    assert done.exit_code == 1
    assert "objects.json" in done.stderr
