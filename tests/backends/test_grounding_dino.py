"""Grounding DINO by name, with tiny weights on disk: both engines, every form of weights, options and refusals."""

import json

import numpy as np
import pytest

import promptseg
from promptseg.errors import ConfigError, MissingDependencyError, WeightsMismatchError
from promptseg.registry import spec
from promptseg.weights.store import file_sha256

NAME, FILE = "grounding-dino-swin-t", "groundingdino_swint_ogc.pth"
PHRASES = ("red car", "dog|cat", "St. Bernard")


@pytest.fixture
def folder(tiny_grounding, tmp_path, monkeypatch):
    """A folder with a tiny checkpoint in its published form. The model has the tiny architecture for one test."""
    from promptseg.models.grounding_dino import architecture

    monkeypatch.setitem(architecture.ARCHITECTURES, "swin-t", tiny_grounding.architecture)
    return tiny_grounding.save(tmp_path)


@pytest.fixture
def saved_by_transformers(folder, tmp_path):
    """A folder with the same model as transformers saves it."""
    other = tmp_path / "saved"
    promptseg.load(NAME, weights=folder)._model._module.model.save_pretrained(other)
    vocabulary = {piece: number for number, piece in enumerate((folder / "vocab.txt").read_text("utf-8").split("\n"))}
    (other / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocabulary}}))
    return other


def test_both_engines_find_the_same(folder, photo):
    found, other = (
        promptseg.load(NAME, weights=folder, engine=engine).detect(photo(), PHRASES) for engine in ("transformers", "groundingdino")
    )
    assert len(found) > 0
    assert set(found.labels) <= {"red car", "dog", "St. Bernard"}
    assert other.labels == found.labels
    np.testing.assert_allclose(other.scores, found.scores, atol=1e-4)
    np.testing.assert_allclose(other.boxes, found.boxes, atol=0.02)


def test_a_checkpoint_alone_and_a_folder_of_transformers_find_what_the_folder_finds(folder, saved_by_transformers, photo):
    expected = promptseg.load(NAME, weights=folder).detect(photo(), PHRASES)
    for weights in (folder / FILE, saved_by_transformers):
        found = promptseg.load(f"{NAME}={weights}").detect(photo(), PHRASES)
        assert found.labels == expected.labels
        assert np.array_equal(found.boxes, expected.boxes)
        assert np.array_equal(found.scores, expected.scores)


def test_the_provenance_says_which_engine_ran_which_weights_in_which_type(folder):
    for engine, backend, package in (
        ("transformers", "grounding_dino", "transformers 5"),
        ("groundingdino", "grounding_dino_original", "groundingdino-py"),
    ):
        provenance = promptseg.load(NAME, weights=folder, engine=engine, dtype="bfloat16", allow_slow=True).provenance
        assert (provenance.model, provenance.backend, provenance.license) == (NAME, backend, "Apache-2.0")
        assert provenance.version.startswith(package)
        assert "torch" in provenance.version
        assert provenance.weights == {name: file_sha256(folder / name) for name in (FILE, "vocab.txt")}
        assert provenance.dtype == "bfloat16"


def test_options_reach_the_detector(folder, photo):
    every = promptseg.load(NAME, weights=folder, threshold=0).detect(photo(), ["dog", "car"])
    assert len(every) == 2 * 30
    threshold = float(np.median(every.scores))
    some = promptseg.load(NAME, weights=folder, threshold=threshold, thresholds={"car": 1.0}, phrases_per_pass=2).detect(
        photo(), ["dog", "car"]
    )
    assert set(some.labels) == {"dog"}
    assert (some.scores >= np.float32(threshold)).all()


def test_phrases_asked_one_by_one_do_not_depend_on_one_another(folder, photo):
    detector = promptseg.load(NAME, weights=folder, threshold=0, phrases_per_pass=1)
    alone, together = detector.detect(photo(), ["dog"]), detector.detect(photo(), ["red car", "dog", "x"])
    dogs = together.where([label == "dog" for label in together.labels])
    assert np.array_equal(dogs.scores, alone.scores)
    assert np.array_equal(dogs.boxes, alone.boxes)


def test_a_pipeline_file_alone_makes_masks_of_phrases(folder, photo, tmp_path):
    pytest.importorskip("skimage", reason="scikit-image is not installed")
    path = tmp_path / "pipeline.json"
    detect = {"model": NAME, "weights": str(folder), "threshold": 0.0, "options": {"thresholds": {"dog": 1.0}}, "max_detections": 3}
    path.write_text(json.dumps({"detect": detect, "segment": {"model": "superpixel"}, "device": "cpu", "licenses": "permissive"}))
    result = promptseg.Pipeline.from_config(path).build()(photo(), promptseg.Prompt.text("car|camion", "dog"))
    assert 1 <= len(result.masks) == len(result.detections) <= 3
    assert set(result.masks.labels) == {"car"}
    assert [entry.backend for entry in result.provenance] == ["grounding_dino", "superpixel"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "tpu"}, "there is no device 'tpu'"),
        ({"dtype": "int8"}, "option dtype is one of float32, bfloat16, float16, got 'int8'"),
        ({"treshold": 0.5}, "Did you mean 'threshold'"),
        ({"threshold": 2}, "got 2"),
    ],
)
def test_a_wrong_option_is_refused_before_weights_are_loaded(options, message, folder):
    (folder / FILE).write_bytes(b"nothing that could be loaded")
    with pytest.raises(ConfigError, match=message):
        promptseg.load(NAME, weights=folder, **options)


def test_a_damaged_checkpoint_is_refused_with_its_path(folder):
    (folder / FILE).write_bytes((folder / FILE).read_bytes()[:1000])
    with pytest.raises(WeightsMismatchError, match=FILE):
        promptseg.load(NAME, weights=folder)


def test_another_variants_checkpoint_is_refused_by_name(folder):
    with pytest.raises(WeightsMismatchError, match="these are the weights of swin-t, model 'grounding-dino-swin-b' needs swin-b"):
        promptseg.load("grounding-dino-swin-b", weights=folder / FILE)


def test_the_original_engine_refuses_a_folder_of_transformers_and_says_what_it_reads(saved_by_transformers):
    with pytest.raises(ConfigError, match=r"engine 'groundingdino' reads checkpoints as the authors publish them \(\.pth\)"):
        promptseg.load(NAME, weights=saved_by_transformers, engine="groundingdino")


def test_a_missing_package_is_said_with_how_to_install_it(monkeypatch):
    monkeypatch.setattr(spec.importlib.util, "find_spec", lambda module: None if module in ("groundingdino", "transformers") else object())
    for engine, command in (("transformers", r"\[grounding-dino\]"), ("groundingdino", "--no-deps groundingdino-py")):
        with pytest.raises(MissingDependencyError, match=command):
            promptseg.load(NAME, engine=engine)
