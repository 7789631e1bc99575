import json

import pytest

import promptseg
from promptseg import Pipeline
from promptseg.datasets.summary import content_key
from promptseg.errors import InputError
from promptseg.evaluation import run as run_module
from promptseg.evaluation.train_overlap import record_beside, seen_in_training, training_images
from promptseg.registry.manifest import RECORD
from promptseg.testing import FakeSegmenter


@pytest.fixture
def keys(dataset):
    return {image.name: content_key(image.pixels()) for image in dataset}


@pytest.fixture
def weights(tmp_path, keys):
    """A folder with a record of a training on ``0.png`` that was stopped by ``1.png``, and of one before it on another image."""
    folder = tmp_path / "tuned"
    folder.mkdir()
    earlier = {"train": [{"image": "old.jpg", "sha256": "ab"}], "validation": [], "earlier": None}
    record = {
        "train": [{"image": "flood-7.jpg", "sha256": keys["0.png"]}],
        "validation": [{"image": "1.png", "sha256": keys["1.png"]}],
        "earlier": earlier,
    }
    (folder / RECORD).write_text(json.dumps(record))
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


def test_a_model_with_a_record_is_told_on_which_images_it_was_trained(weights, dataset, add_model, monkeypatch):
    add_model("fake", "segmenter", lambda _: FakeSegmenter())
    monkeypatch.setattr(run_module, "_build", lambda *_: Pipeline().segment("fake").build())
    for words in ({"model": f"fake={weights}"}, {"model": "fake", "weights": weights / "decoder.safetensors"}):
        told = [finding for finding in promptseg.evaluate(dataset, baselines=False, **words).findings if finding.kind == "trained"]
        assert [finding.source for finding in told] == ["0.png", "1.png"]
        assert "flood-7.jpg" in told[0].message
        assert not told[0].broken


@pytest.mark.parametrize("content", ["[]", '{"train": []}', '{"train": [1], "validation": []}', "no"])
def test_what_is_no_record_is_refused_by_name(tmp_path, content):
    (tmp_path / RECORD).write_text(content)
    with pytest.raises(InputError, match=r"training\.json"):
        training_images([tmp_path / RECORD])


def test_a_source_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        training_images([tmp_path / "nowhere"])
