import hashlib
import json

import pytest

import promptseg
from promptseg.datasets.summary import content_key
from promptseg.errors import InputError
from promptseg.evaluation.train_overlap import record_beside, seen_in_training, training_images
from promptseg.registry.manifest import RECORD, Manifest
from promptseg.testing import FakeSegmenter


@pytest.fixture
def keys(dataset):
    return {image.name: content_key(image.pixels()) for image in dataset}


@pytest.fixture
def weights(tmp_path, keys):
    """A folder of model ``fake`` that was trained on ``0.png`` with ``1.png`` for validation, and before that on another image."""
    folder = tmp_path / "tuned"
    folder.mkdir()
    earlier = {"train": [{"image": "old.jpg", "sha256": "ab"}], "validation": [], "earlier": None}
    record = {
        "train": [{"image": "flood-7.jpg", "sha256": keys["0.png"]}],
        "validation": [{"image": "1.png", "sha256": keys["1.png"]}],
        "earlier": earlier,
    }
    (folder / RECORD).write_text(json.dumps(record))
    (folder / "decoder.safetensors").write_bytes(b"weights")
    Manifest("fake", "fake backend", "", {"decoder.safetensors": hashlib.sha256(b"weights").hexdigest()}, engine="fake").write(folder)
    return folder


def test_a_record_tells_of_training_validation_and_what_came_before(weights, keys):
    for source in (weights, weights / RECORD):
        found = training_images([source])
        assert set(found.values()) == {keys["0.png"], keys["1.png"], "ab"}
        assert f"{weights / RECORD}: flood-7.jpg" in found


def test_images_are_known_by_their_content(weights, keys):
    assert seen_in_training(keys, training_images([weights])) == {
        "0.png": (f"{weights / RECORD}: flood-7.jpg",),
        "1.png": (f"{weights / RECORD}: 1.png",),
    }


def test_a_record_lies_beside_a_weights_file_or_in_its_folder(weights, tmp_path):
    assert record_beside(weights) == record_beside(weights / "decoder.safetensors") == weights / RECORD
    assert record_beside(tmp_path / "images") is None


@pytest.mark.parametrize("form", ["folder", "name=folder", "weights"])
def test_images_that_a_fine_tuned_model_was_trained_on_become_findings(form, weights, dataset, add_model):
    add_model("fake", "segmenter", lambda _: FakeSegmenter())
    model = {"folder": str(weights), "name=folder": f"fake={weights}", "weights": "fake"}[form]
    run = promptseg.evaluate(dataset, model=model, weights=weights if form == "weights" else None, baselines=False)
    trained = [finding for finding in run.findings if finding.kind == "trained"]
    assert [finding.source for finding in trained] == ["0.png", "1.png"]
    assert "flood-7.jpg" in trained[0].message
    assert not trained[0].broken


def test_a_model_name_alone_has_no_training_record(weights, dataset, add_model, monkeypatch):
    add_model("fake", "segmenter", lambda _: FakeSegmenter())
    monkeypatch.chdir(weights)  # The record of the current folder is not the model's.
    assert promptseg.evaluate(dataset, model="fake", baselines=False).findings == ()


@pytest.mark.parametrize("content", ["[]", '{"train": []}', '{"train": [1], "validation": []}', "no"])
def test_what_is_no_record_is_refused_by_name(tmp_path, content):
    (tmp_path / RECORD).write_text(content)
    with pytest.raises(InputError, match=r"training\.json"):
        training_images([tmp_path / RECORD])


def test_a_source_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        training_images([tmp_path / "nowhere"])
