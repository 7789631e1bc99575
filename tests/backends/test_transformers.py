"""Models of transformers by name, from folders with tiny weights: detectors, concepts and features, their options and refusals."""

import json

import numpy as np
import pytest

import promptseg
from promptseg.errors import ConfigError, MissingDependencyError, PromptError, WeightsMismatchError, WeightsNotFoundError
from promptseg.models.grounding_dino.preprocessing import InputSize
from promptseg.registry import fetch, find_model, list_models, spec
from promptseg.registry.readiness import readiness
from promptseg.testing import FakeSegmenter
from promptseg.weights.store import file_sha256

DETECTORS = {"owlv2-base": "owlv2", "mm-grounding-dino-tiny": "mm_grounding", "llmdet-tiny": "mm_grounding", "omdet-turbo-tiny": "omdet"}
NAMES = {**DETECTORS, "owlv2-base-concepts": "owlv2", "dinov2-small": "dinov2"}
PHRASES = ("cat", "dog|a red car")
MAY = {name for name, model in list_models().items() if model.engines[0].repository}


@pytest.fixture(autouse=True)
def small_input(monkeypatch):
    """A small model input for MM Grounding DINO, for speed. The others have the size of their configuration."""
    monkeypatch.setattr(InputSize, "of", lambda self, size: (64, 96))


def owlv2_concepts(saved_models, **options):
    return promptseg.load_concept("owlv2-base-concepts", weights=saved_models("owlv2")[1], segmenter=FakeSegmenter(), **options)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_finds_phrases_by_its_name_and_a_folder(name, saved_models, photo):
    folder = saved_models(DETECTORS[name])[1]
    detector = promptseg.load_detector(f"{name}={folder}", device="cpu", threshold=0)
    found = detector.detect(photo(60, 80), PHRASES)
    assert set(found.labels) == {"cat", "dog"}
    provenance = detector.provenance
    assert (provenance.model, provenance.license, provenance.device) == (name, "Apache-2.0", "cpu")
    assert provenance.version.startswith("transformers 5")
    assert "torch" in provenance.version
    assert provenance.weights == {path.name: file_sha256(path) for path in folder.iterdir() if path.name in provenance.weights}
    assert {"config.json", "model.safetensors"} < provenance.weights.keys()


@pytest.mark.parametrize("name", DETECTORS)
def test_options_reach_a_detector(name, saved_models, photo):
    folder = saved_models(DETECTORS[name])[1]
    every = promptseg.load(name, weights=folder, threshold=0).detect(photo(60, 80), ["cat", "dog"])
    median = float(np.median(every.scores))
    some = promptseg.load(name, weights=folder, threshold=median, thresholds={"dog": 1.0}).detect(photo(60, 80), ["cat", "dog"])
    assert 0 < len(some) < len(every)
    assert set(some.labels) == {"cat"}
    assert (some.scores >= np.float32(median)).all()


@pytest.mark.parametrize("name", ["mm-grounding-dino-tiny", "omdet-turbo-tiny"])
def test_phrases_asked_one_by_one_do_not_influence_one_another(name, saved_models, photo):
    detector = promptseg.load(name, weights=saved_models(DETECTORS[name])[1], threshold=0, phrases_per_pass=1)
    alone, together = detector.detect(photo(60, 80), ["dog"]), detector.detect(photo(60, 80), ["cat", "dog", "car"])
    assert np.array_equal(together.where([label == "dog" for label in together.labels]).scores, alone.scores)


def test_phrases_of_owlv2_never_influence_one_another(saved_models, photo):
    detector = promptseg.load("owlv2-base", weights=saved_models("owlv2")[1], threshold=0)
    alone, together = detector.detect(photo(60, 80), ["dog"]), detector.detect(photo(60, 80), ["cat", "dog", "a red car"])
    np.testing.assert_allclose(together.where([label == "dog" for label in together.labels]).scores, alone.scores, atol=1e-5)


@pytest.mark.parametrize("name", ["owlv2-base", "omdet-turbo-tiny"])
def test_a_phrase_that_is_too_long_is_refused_and_not_cut(name, saved_models, photo):
    detector = promptseg.load(name, weights=saved_models(DETECTORS[name])[1])
    with pytest.raises(PromptError, match=r"reads (at most|a task of)"):
        detector.detect(photo(60, 80), ["cat " * 60])


def test_more_phrases_than_a_caption_holds_are_asked_in_several(saved_models, photo):
    detector = promptseg.load("mm-grounding-dino-tiny", weights=saved_models("mm_grounding")[1], threshold=0)
    phrases = [f"{first}{second} car" for first in "abcdefgh" for second in "abcdefghij"]
    assert set(detector.detect(photo(20, 30), phrases).labels) == set(phrases)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", ["owlv2-base", "omdet-turbo-tiny", "dinov2-small"])
def test_half_of_the_memory_gives_nearly_the_same(name, dtype, saved_models, photo):
    folder = saved_models(NAMES[name])[1]
    whole, half = (promptseg.load(name, weights=folder, dtype=each, allow_slow=True, device="cpu") for each in ("float32", dtype))
    assert half.provenance.dtype == dtype
    if name == "dinov2-small":
        np.testing.assert_allclose(half.features(photo(60, 80)).values, whole.features(photo(60, 80)).values, atol=0.1)
    else:
        scores = [model.detect(photo(60, 80), ["cat"]).best_scores["cat"] for model in (whole, half)]
        assert scores[1] == pytest.approx(scores[0], abs=0.05)


def test_a_pipeline_file_makes_masks_of_phrases_with_any_of_them(saved_models, photo, tmp_path):
    pytest.importorskip("skimage", reason="scikit-image is not installed")
    path = tmp_path / "pipeline.json"
    for name, saved in DETECTORS.items():
        detect = {"model": name, "weights": str(saved_models(saved)[1]), "threshold": 0.0, "max_detections": 3}
        path.write_text(json.dumps({"detect": detect, "segment": {"model": "superpixel"}, "device": "cpu", "licenses": "permissive"}))
        result = promptseg.Pipeline.from_config(path).build()(photo(60, 80), promptseg.Prompt.text("car|camion", "dog"))
        assert 1 <= len(result.masks) == len(result.detections) <= 3
        assert [entry.model for entry in result.provenance] == [name, "superpixel"]


def test_owlv2_and_a_segmenter_find_what_is_like_an_example(saved_models, photo):
    concepts = owlv2_concepts(saved_models, threshold=0.0, max_instances=2)
    (found,) = concepts.find(photo(60, 80), [promptseg.Prompt.example(None, promptseg.Prompt.box(10, 10, 30, 40), label="thing")])
    assert set(found.masks.labels) == {"thing"}
    assert 1 <= len(found.masks) <= 2
    assert concepts.provenance.model == "owlv2-base-concepts"


def test_the_segmenter_of_owlv2_may_be_given_by_name_with_its_options(saved_models, photo):
    pytest.importorskip("skimage", reason="scikit-image is not installed")
    weights = saved_models("owlv2")[1]
    concepts = promptseg.load_concept("owlv2-base-concepts", weights=weights, segmenter="superpixel", n_segments=20, threshold=0)
    (found,) = concepts.find(photo(60, 80), [promptseg.Prompt.text("cat")])
    assert len(found.masks) >= 1
    with pytest.raises(ConfigError, match="has no option 'n_segment'"):
        promptseg.load_concept("owlv2-base-concepts", weights=weights, segmenter="superpixel", n_segment=20)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"segmenter": 3}, "option segmenter is"),
        ({"threshold": 3}, "got 3"),
        ({"cache": "ram"}, "option cache"),
        ({"nms": 2}, "option nms"),
    ],
)
def test_a_wrong_option_of_the_concepts_is_refused(options, message, saved_models):
    with pytest.raises(ConfigError, match=message):
        promptseg.load_concept("owlv2-base-concepts", weights=saved_models("owlv2")[1], **options)


@pytest.mark.parametrize("saved", ["dinov2", "dinov2_registers"])
def test_features_cover_the_image_evenly(saved, saved_models, photo):
    extractor = promptseg.load_features("dinov2-small", weights=saved_models(saved)[1], size=84)
    for size, grid in (((60, 90), (4, 6)), ((90, 60), (6, 4)), ((1, 200), (1, 6)), ((50, 50), (6, 6))):
        found = extractor.features(photo(*size))
        assert found.values.shape == (24, *grid)
        assert found.values.dtype == np.float32
        assert found.size == size
    assert extractor.provenance.license == "Apache-2.0"


def test_any_vision_transformer_of_timm_gives_features(saved_models, photo):
    extractor = promptseg.load_features("timm-vit", weights=saved_models("timm_vit")[1], size=96)
    assert extractor.features(photo(60, 90)).values.shape == (64, 4, 6)
    assert extractor.provenance.license == "unknown"
    assert extractor.provenance.version.startswith("timm 1")
    with pytest.raises(WeightsNotFoundError, match="timm-vit=FOLDER"):
        promptseg.load("timm-vit")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"architecture": "no_such_model"}, "names the architecture 'no_such_model'"),
        ({"architecture": "hf-hub:somebody/model"}, "names the architecture 'hf-hub"),
        ({"architecture": "local-dir:/tmp"}, "names the architecture 'local-dir"),
        ({"architecture": None}, "names the architecture None"),
        ({"architecture": "test_resnet"}, "is not a vision transformer"),
        ({"architecture": "vit_giant_patch14_dinov2"}, "does not fit model"),
        ({"architecture": "vit_base_patch16_224"}, "does not fit model"),
        ({"model_args": {"img_size": 10**6}}, "has img_size=1000000"),
        ({"model_args": {"img_size": 320}}, "does not fit model"),
        ({"pretrained_cfg": {"mean": [0.5]}}, "has mean="),
        ({"pretrained_cfg": {"std": [0.5, 0, 0.5]}}, "has std="),
        ({"pretrained_cfg": 3}, "is not a configuration of timm"),
    ],
    ids=repr,
)
def test_a_folder_that_is_no_vision_transformer_of_timm_is_refused(values, message, own_copy):
    folder = own_copy("timm_vit")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, **values}), "utf-8")
    with pytest.raises(WeightsMismatchError, match=message):
        promptseg.load_features("timm-vit", weights=folder)


@pytest.mark.parametrize("patch", [1, 512, [14, 14]])
def test_patches_of_no_usual_size_are_refused(patch, own_copy):
    folder = own_copy("dinov2")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "patch_size": patch}), "utf-8")
    with pytest.raises(WeightsMismatchError, match=str(folder)):
        promptseg.load_features("dinov2-small", weights=folder)


@pytest.mark.parametrize("size", [13, 10**6, 20.5, None, True])
def test_a_size_out_of_its_range_is_refused(size, saved_models):
    with pytest.raises(ConfigError, match="option size is a whole number from 14 to 2072"):
        promptseg.load_features("dinov2-small", weights=saved_models("dinov2")[1], size=size)


@pytest.mark.usefixtures("transformers_library")
class TestFolders:
    @pytest.mark.parametrize("name", sorted(MAY))
    def test_a_model_that_cannot_be_fetched_says_how_to_get_it_by_hand(self, name):
        repository = find_model(name).engines[0].repository
        with pytest.raises(WeightsNotFoundError, match=rf"`hf download {repository} .*--local-dir FOLDER`.*{name}=FOLDER"):
            promptseg.load(name)

    @pytest.mark.parametrize("name", ["owlv2-base", "dinov2-base"])
    def test_fetching_it_says_the_same(self, name):
        with pytest.raises(WeightsNotFoundError, match=rf"`hf download {find_model(name).engines[0].repository} --local-dir FOLDER`"):
            fetch(name)

    @pytest.mark.parametrize(
        ("name", "status"),
        [
            ("owlv2-base", "fetched at first use"),
            ("sam3", "fetched at first use once its license is accepted at https://huggingface.co/facebook/sam3"),
            ("timm-vit", "needs weights of your own: timm-vit=PATH"),
        ],
    )
    def test_the_list_of_models_says_where_the_folder_comes_from(self, name, status):
        model = find_model(name)
        assert readiness(model, model.engines[0]).meaning == status

    def test_a_folder_that_is_not_there_is_named_with_how_to_get_one(self, tmp_path):
        with pytest.raises(WeightsNotFoundError, match=r"there is no folder .*absent.*hf download google/owlv2-base-patch16-ensemble"):
            promptseg.load("owlv2-base", weights=tmp_path / "absent")

    def test_a_file_is_no_folder(self, saved_models):
        with pytest.raises(WeightsNotFoundError, match=r"model\.safetensors is a file"):
            promptseg.load("owlv2-base", weights=saved_models("owlv2")[1] / "model.safetensors")

    def test_an_empty_folder_is_refused(self, tmp_path):
        with pytest.raises(WeightsNotFoundError, match=r"has no config\.json"):
            promptseg.load("dinov2-small", weights=tmp_path)

    @pytest.mark.parametrize(("name", "file"), [("owlv2-base", "vocab.json"), ("mm-grounding-dino-tiny", "vocab.txt")])
    def test_a_folder_without_its_tokenizer_is_refused(self, name, file, own_copy):
        folder = own_copy(NAMES[name])
        (folder / file).unlink()
        with pytest.raises(WeightsNotFoundError, match=r"has no (tokenizer|vocabulary): expected vocab"):
            promptseg.load(name, weights=folder)

    @pytest.mark.parametrize("name", NAMES)
    def test_the_folder_of_another_model_is_refused_by_its_architecture(self, name, saved_models, own_copy):
        other = own_copy("dinov2" if NAMES[name] != "dinov2" else "owlv2")
        for file in saved_models(NAMES[name])[1].glob("[vm]*[!s]"):
            if file.suffix in (".txt", ".json"):
                (other / file.name).write_bytes(file.read_bytes())
        with pytest.raises(WeightsMismatchError, match=rf"is read by .*, and model '{name}' by .*: load it by its own name"):
            promptseg.load(name, weights=other)


def test_a_missing_package_is_said_with_how_to_install_it(monkeypatch, saved_models):
    folder = saved_models("owlv2")[1]
    monkeypatch.setattr(spec.importlib.util, "find_spec", lambda module: None if module == "transformers" else object())
    with pytest.raises(MissingDependencyError, match=r"\[transformers\]"):
        promptseg.load("owlv2-base", weights=folder)
