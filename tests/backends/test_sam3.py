"""SAM 3 by name, with tiny weights on disk: every form of folder, options, and refusals."""

import json
import shutil

import numpy as np
import pytest

import promptseg
from promptseg.errors import ConfigError, MissingDependencyError, WeightsError, WeightsMismatchError, WeightsNotFoundError
from promptseg.prompts import Concept, Prompt
from promptseg.testing import FakeSegmenter
from promptseg.testing.contracts.concept import assert_same
from promptseg.weights.store import file_sha256

BOX = Prompt.box(20, 24, 90, 80)
CONCEPT = Prompt.text("dog") + Prompt.example(None, BOX)


def saved(module, folder, tokenizer=None):
    module.save_pretrained(folder)
    for name in ("vocab.json", "merges.txt") if tokenizer else ():
        shutil.copy(tokenizer / name, folder)
    return folder


@pytest.fixture(scope="module")
def concept_folder(tiny_sam3, clip_tokenizer_folder, tmp_path_factory):
    return saved(tiny_sam3(), tmp_path_factory.mktemp("sam3"), clip_tokenizer_folder)


@pytest.fixture(scope="module")
def tracker_folder(tiny_sam3_tracker, tmp_path_factory):
    return saved(tiny_sam3_tracker(), tmp_path_factory.mktemp("tracker"))


@pytest.fixture
def broken(concept_folder, tmp_path):
    """A copy of the folder, to be damaged."""
    return shutil.copytree(concept_folder, tmp_path / "broken")


def changed(folder, **values):
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, **values}), "utf-8")
    return folder


def without_tensor(folder, name):
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    del tensors[name]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    return folder


def test_a_folder_finds_what_the_model_finds(concept_folder, sam3_segmenter, photo):
    loaded = promptseg.load_concept("sam3", weights=concept_folder, threshold=0)
    # Not exact: where the weights lie in memory decides the last digits of some processors' products.
    assert_same(loaded.find(photo(), [CONCEPT]), sam3_segmenter().find(photo(), [CONCEPT]), exact=False)
    provenance = loaded.provenance
    assert (provenance.model, provenance.backend, provenance.license) == ("sam3", "sam3", "LicenseRef-SAM")
    assert provenance.version.startswith("transformers ")
    assert provenance.weights["model.safetensors"] == file_sha256(concept_folder / "model.safetensors")
    assert "vocab.json" in provenance.weights


def test_lite_text_is_loaded_by_its_name(tiny_sam3, clip_tokenizer_folder, tmp_path, sam3_segmenter, photo):
    folder = saved(tiny_sam3(lite_text=True), tmp_path, clip_tokenizer_folder)
    loaded = promptseg.load_concept(f"sam3-lite-text={folder}", threshold=0)
    # Not exact: where the weights lie in memory decides the last digits of some processors' products.
    assert_same(loaded.find(photo(), [CONCEPT]), sam3_segmenter(lite_text=True).find(photo(), [CONCEPT]), exact=False)
    with pytest.raises(WeightsMismatchError, match=r"is read by sam3 \(lite-text\), and model 'sam3' by sam3 \(sam3\)"):
        promptseg.load_concept(f"sam3={folder}")


def test_the_tracker_is_loaded_as_a_segmenter(tracker_folder, photo):
    loaded = promptseg.load_segmenter("sam3-tracker", weights=tracker_folder)
    assert loaded.accepts == {"point", "box", "mask", "everything"}
    masks = loaded.open(photo()).segment([BOX, Prompt.point(50, 50)])
    assert len(masks) == 2
    assert (loaded.provenance.backend, loaded.provenance.license) == ("sam3_tracker", "LicenseRef-SAM")


def test_the_published_folder_serves_both(published_sam3_folder, photo):
    import torch
    from safetensors.torch import load_file

    concepts = promptseg.load_concept(f"sam3={published_sam3_folder}", threshold=0)
    (found,) = concepts.find(photo(), [CONCEPT])
    assert len(found.masks) > 0
    tracker = promptseg.load_segmenter(f"sam3-tracker={published_sam3_folder}")
    assert len(tracker.open(photo()).segment([BOX])) == 1
    tensors = load_file(published_sam3_folder / "model.safetensors")
    for own, prefix in (("backbone", "detector_model.vision_encoder.backbone."), ("neck", "tracker_neck.")):
        state = getattr(tracker.model._encoder.backbone, own).state_dict()
        assert state
        for name, tensor in state.items():
            assert torch.equal(tensor, tensors[prefix + name]), name


def test_options_reach_the_model(concept_folder, photo):
    few = promptseg.load_concept("sam3", weights=concept_folder, threshold=0, nms=None, max_instances=2, cache=None)
    assert len(few.find(photo(), [CONCEPT])[0].masks) == 2
    assert few.cache is None
    none = promptseg.load_concept("sam3", weights=concept_folder, threshold=1.0)
    assert len(none.find(photo(), [CONCEPT])[0].masks) == 0
    half = promptseg.load_concept("sam3", weights=concept_folder, dtype="bfloat16", allow_slow=True)
    assert half.provenance.dtype == "bfloat16"
    assert {parameter.dtype for parameter in half.model._module.parameters()} == {half.model.settings.dtype}


def test_a_segmenter_for_points_may_be_given(concept_folder, photo):
    point = Prompt.example(None, Prompt.point(50, 50))
    loaded = promptseg.load_concept("sam3", weights=concept_folder, segmenter=FakeSegmenter(radius=10), threshold=0)
    assert_same(loaded.find(photo(), [point]), loaded.find(photo(), [Prompt.example(None, Prompt.box(40, 40, 61, 61))]))


@pytest.mark.parametrize(
    ("option", "value"),
    [("threshold", 1.5), ("nms", 2), ("nms_by", "area"), ("max_instances", 0), ("segmenter", 3), ("cache", "ram"), ("dtype", "int8")],
)
def test_a_wrong_option_is_refused_before_the_weights_are_read(option, value, concept_folder):
    with pytest.raises(ConfigError, match=f"option {option}"):
        promptseg.load_concept("sam3", weights=concept_folder, **{option: value})


class TestRefusedFolders:
    @pytest.mark.parametrize("name", ["sam3", "sam3-tracker"])
    def test_without_weights_the_message_says_what_to_accept_and_where(self, name, transformers_library):
        with pytest.raises(WeightsNotFoundError) as raised:
            promptseg.load(name)
        for part in (
            "LicenseRef-SAM",
            "https://huggingface.co/facebook/sam3",
            "hf auth login",
            "hf download facebook/sam3",
            f"{name}=FOLDER",
        ):
            assert part in str(raised.value)

    def test_a_missing_tensor_is_refused(self, broken):
        with pytest.raises(WeightsMismatchError, match=r"lacks .*presence_token"):
            promptseg.load_concept("sam3", weights=without_tensor(broken, "detr_decoder.presence_token.weight"))

    def test_a_folder_of_the_tracker_has_no_concepts(self, tracker_folder):
        with pytest.raises(WeightsMismatchError, match=r"is read by sam3_tracker, and model 'sam3' by sam3"):
            promptseg.load_concept("sam3", weights=tracker_folder)

    def test_a_folder_of_concepts_has_no_tracker(self, concept_folder):
        with pytest.raises(WeightsMismatchError, match=r"is read by sam3 \(sam3\), and model 'sam3-tracker' by sam3_tracker"):
            promptseg.load_segmenter("sam3-tracker", weights=concept_folder)

    def test_another_model_under_the_right_name_is_refused(self, broken):
        with pytest.raises(WeightsMismatchError):
            promptseg.load_concept("sam3", weights=changed(broken, model_type="sam3_lite_text"))

    def test_damaged_tensors_are_refused(self, broken):
        (broken / "model.safetensors").write_bytes(b"no tensors")
        with pytest.raises(WeightsMismatchError, match="not a safetensors file"):
            promptseg.load_concept("sam3", weights=broken)

    def test_a_pickle_is_not_read(self, broken):
        (broken / "model.safetensors").rename(broken / "pytorch_model.bin")
        with pytest.raises(WeightsNotFoundError, match="is a pickle, which is not read"):
            promptseg.load_concept("sam3", weights=broken)

    def test_a_folder_without_a_tokenizer_is_refused(self, broken):
        (broken / "vocab.json").unlink()
        with pytest.raises(WeightsNotFoundError, match="no tokenizer"):
            promptseg.load_concept("sam3", weights=broken)

    @pytest.mark.parametrize(
        "values",
        [{"vision_config": {"backbone_config": {"hidden_size": 10**9}}}, {"detr_decoder_config": {"num_queries": 7}}, {"vision_config": 3}],
    )
    def test_a_configuration_of_another_size_is_refused(self, broken, values):
        with pytest.raises(WeightsError):
            promptseg.load_concept("sam3", weights=changed(broken, **values))

    @pytest.mark.parametrize("side", [0, 57, 14 * 400, "56"])
    def test_an_input_of_no_such_size_is_refused(self, broken, side):
        config = json.loads((broken / "config.json").read_text("utf-8"))
        config["vision_config"]["backbone_config"]["image_size"] = side
        with pytest.raises(WeightsMismatchError):
            promptseg.load_concept("sam3", weights=changed(broken, **config))

    def test_a_tracker_whose_parts_have_other_sizes_is_refused(self, tracker_folder, tmp_path):
        folder = shutil.copytree(tracker_folder, tmp_path / "broken")
        config = json.loads((folder / "config.json").read_text("utf-8"))
        config["vision_config"]["backbone_config"]["image_size"] = 112
        with pytest.raises(WeightsMismatchError, match="112 for the encoder and of 56 for the decoder"):
            promptseg.load_segmenter("sam3-tracker", weights=changed(folder, **config))

    def test_a_tokenizer_of_another_model_is_refused(self, broken):
        vocabulary = json.loads((broken / "vocab.json").read_text("utf-8"))
        (broken / "vocab.json").write_text(json.dumps({**vocabulary, "more": 600}), "utf-8")
        with pytest.raises(WeightsMismatchError, match="largest ID is 600, the model has 600 tokens"):
            promptseg.load_concept("sam3", weights=broken)

    def test_a_folder_that_is_not_there_is_refused(self, transformers_library, tmp_path):
        with pytest.raises(WeightsNotFoundError):
            promptseg.load_concept("sam3", weights=tmp_path / "nothing")


def test_an_old_version_of_transformers_is_named(concept_folder, monkeypatch):
    from promptseg.backends import _transformers

    monkeypatch.setattr(_transformers, "version", lambda _: "4.57.1")
    with pytest.raises(MissingDependencyError, match=r"SAM 3 needs transformers 5\.23 or later, installed is 4\.57\.1: pip install"):
        promptseg.load_concept("sam3", weights=concept_folder)


def test_a_version_without_the_class_is_named(concept_folder, monkeypatch):
    import transformers

    monkeypatch.delattr(transformers, "Sam3Model", raising=False)
    monkeypatch.setattr(type(transformers), "__getattr__", lambda self, name: (_ for _ in ()).throw(AttributeError(name)))
    with pytest.raises(MissingDependencyError, match="Sam3Model could not be imported"):
        promptseg.load_concept("sam3", weights=concept_folder)


def test_the_permissive_policy_refuses_the_license():
    from promptseg.pipeline.config import PERMISSIVE

    for name in ("sam3", "sam3-lite-text", "sam3-tracker"):
        assert promptseg.list_models()[name].license not in PERMISSIVE


def test_a_concept_of_the_published_names_is_found_on_an_image_of_any_form(concept_folder, photo, tmp_path):
    from PIL import Image

    Image.fromarray(photo()).save(tmp_path / "image.png")
    loaded = promptseg.load_concept("sam3", weights=concept_folder, threshold=0)
    assert_same(loaded.find(tmp_path / "image.png", [Concept("dog")]), loaded.find(np.asarray(photo()), [Concept("dog")]))
