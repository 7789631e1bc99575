"""Cross-validation trains a decoder for each fold, and evaluates each image with the one that was not trained on it."""

import json

import pytest

from promptseg.errors import ConfigError, InputError
from promptseg.evaluation.results import Evaluation
from promptseg.finetuning.cross_validation import cross_validate

pytest.importorskip("torch", reason="fine-tuning needs torch")
pytest.importorskip("safetensors", reason="writing fine-tuned decoders needs safetensors")

from promptseg.finetuning import train

QUICK = {"folds": 2, "epochs": 1, "learning_rate": 3e-3, "device": "cpu", "baselines": False}


@pytest.fixture
def run(toy, small_sam, tmp_path):
    """Cross-validate the tiny model on toy images: ``run(**settings)``."""

    def call(**settings):
        return cross_validate(*toy(4), tmp_path / "out", model=f"sam-vit-b={small_sam}", **{**QUICK, **settings})

    return call


def test_each_image_is_evaluated_with_a_decoder_that_was_not_trained_on_it(run, tmp_path):
    found = run()
    names = [f"{index}.png" for index in range(4)]
    for runs in (found.base, found.tuned):
        assert [[row.image for row in runs[name].rows] for name in ("box", "point")] == [names, names]
    records = [json.loads((folder / "training.json").read_text()) for folder in found.decoders]
    trained = [{image["image"] for image in record["train"]} for record in records]
    assert all(not record["validation"] for record in records)
    assert sorted(trained[0] | trained[1]) == names
    assert not trained[0] & trained[1]
    assert found.comparisons()["box"].objects == 4
    values = json.loads(json.dumps(found.to_dict()))
    assert set(values["comparisons"]) == {"box", "point"}
    for kind, runs in (("base", found.base), ("tuned", found.tuned)):
        assert Evaluation.load(tmp_path / "out" / f"{kind}-point.json").rows == runs["point"].rows


def test_decoders_that_are_finished_are_not_trained_again_and_others_are_refused(run, monkeypatch):
    first = run(protocols=("box",))
    with monkeypatch.context() as patch:
        patch.setattr(train, "Training", None)
        assert run(protocols=("box",)).tuned["box"].rows == first.tuned["box"].rows
    with pytest.raises(ConfigError, match="fold-1 holds another training: there epochs is 1, here epochs is 2"):
        run(epochs=2)


def test_too_few_images_are_refused(run):
    with pytest.raises(InputError, match="4 images, of which 4 are independent, are too few for 5 folds"):
        run(folds=5)
