"""Tiny models of transformers by the name of their folder, on a hub and on this machine: the same results as by a name of the catalog."""

import numpy as np
import pytest

import promptseg
from promptseg.errors import WeightsNotFoundError
from promptseg.testing import FakeSegmenter


@pytest.fixture
def publish(hub):
    """Puts a folder on the hub, and returns its name."""

    def put(folder):
        hub.add("owner/name", {path.name: path.read_bytes() for path in folder.iterdir()})
        return "hf:owner/name"

    return put


@pytest.mark.parametrize("model", ["dinov2", "timm_vit"])
def test_features(model, saved_models, publish, photo):
    folder = saved_models(model)[1]
    known = "timm-vit" if model == "timm_vit" else "dinov2-small"
    maps = [promptseg.load_features(name, size=56).features(photo(56, 56)) for name in (publish(folder), str(folder), f"{known}={folder}")]
    assert all(np.array_equal(each.values, maps[2].values) for each in maps)


def test_a_detector_and_a_concept_model_of_one_folder(saved_models, publish, photo):
    folder = saved_models("owlv2")[1]
    name = publish(folder)
    by_name, by_path = (
        promptseg.load_detector(each, threshold=0).detect(photo(60, 80), ["cat"]) for each in (name, f"owlv2-base={folder}")
    )
    assert np.array_equal(by_name.boxes, by_path.boxes)
    concepts = promptseg.load_concept(name, segmenter=FakeSegmenter())
    assert concepts.provenance.model.startswith("hf:owner/name@")
    assert concepts.accepts == {"text", "example"}


def test_a_detector_with_a_vocabulary(saved_models, publish):
    folder = saved_models("mm_grounding")[1]
    found, expected = (promptseg.load_detector(name).provenance for name in (publish(folder), f"mm-grounding-dino-tiny={folder}"))
    assert (found.backend, found.weights) == (expected.backend, expected.weights)


def test_the_published_folder_of_sam_3_is_a_segmenter_and_a_concept_model(published_sam3_folder, publish, photo):
    name = publish(published_sam3_folder)
    box = [promptseg.Prompt.box(10, 10, 60, 50)]
    segmenters = [promptseg.load_segmenter(each) for each in (name, f"sam3-tracker={published_sam3_folder}")]
    first, second = (segmenter.open(photo()).segment(box) for segmenter in segmenters)
    assert np.array_equal(first[0].array, second[0].array)
    assert promptseg.load(name).accepts == {"text", "example"}


def test_a_gated_model_of_the_catalog_is_fetched_with_the_users_token(published_sam3_folder, hub, monkeypatch):
    hub.add("facebook/sam3", {path.name: path.read_bytes() for path in published_sam3_folder.iterdir()}, token="right")
    with pytest.raises(WeightsNotFoundError, match=r"gated: accept its license at http://127.*and log in with `hf auth login`") as caught:
        promptseg.load("sam3-tracker")
    assert str(caught.value).count("log in") == str(caught.value).count("accept its license") == 1
    monkeypatch.setenv("HF_TOKEN", "right")
    segmenter = promptseg.load("sam3-tracker")
    assert (segmenter.provenance.model, segmenter.provenance.license) == ("sam3-tracker", "LicenseRef-SAM")
