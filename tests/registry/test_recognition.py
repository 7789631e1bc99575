"""Recognition of models by their folders."""

import json
from pathlib import Path

import pytest

from entry_points import Point
from promptseg.errors import UnknownModelError, WeightsMismatchError, WeightsNotFoundError
from promptseg.registry import BackendSpec, FolderSpec
from promptseg.registry.recognition import Contents, engines_of, looks_like_model

PAIR = ("vision_encoder", "prompt_encoder_mask_decoder")


@pytest.fixture
def folder(tmp_path):
    """Makes a folder with empty files of these names and a configuration."""

    def make(*names, **config):
        for name in names:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        if config:
            (tmp_path / "config.json").write_text(json.dumps(config))
        return tmp_path

    return make


def recognized(folder):
    return [(engine.name, engine.backend, engine.variant) for engine in engines_of(Contents.of(folder))]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"model_type": "owlv2"}, [("transformers", "owlv2", "any"), ("owlv2_concepts", "owlv2_concepts", "any")]),
        ({"model_type": "sam3_video"}, [("transformers", "sam3", "sam3"), ("sam3_tracker", "sam3_tracker", "any")]),
        ({"model_type": "sam3_lite_text"}, [("transformers", "sam3", "lite-text")]),
        ({"model_type": "sam3_tracker"}, [("transformers", "sam3_tracker", "any")]),
        ({"model_type": "mm-grounding-dino"}, [("transformers", "mm_grounding_dino", "any")]),
        ({"model_type": "omdet-turbo"}, [("transformers", "omdet_turbo", "any")]),
        ({"model_type": "vitmatte"}, [("transformers", "vitmatte", "any")]),
        ({"model_type": "dinov2_with_registers"}, [("transformers", "dinov2", "any")]),
        ({"model_type": "grounding-dino"}, [("transformers", "grounding_dino", "swin-t")]),
        ({"model_type": "grounding-dino", "backbone_config": {"embed_dim": 96}}, [("transformers", "grounding_dino", "swin-t")]),
        ({"model_type": "grounding-dino", "backbone_config": {"embed_dim": 128}}, [("transformers", "grounding_dino", "swin-b")]),
        ({"architecture": "vit_small_patch14", "pretrained_cfg": {}}, [("timm", "timm_vit", "any")]),
    ],
)
def test_the_model_type_names_the_backends_and_the_variant(folder, config, expected):
    assert recognized(folder("model.safetensors", **config)) == expected


@pytest.mark.parametrize(
    ("config", "variant"),
    [({"architectures": ["BiRefNet"]}, "birefnet"), ({"model_type": "isnet"}, "isnet"), ({"model_type": "u2netp"}, "u2net")],
)
def test_salient_object_models_are_recognized_in_each_precision(folder, config, variant):
    made = folder("onnx/model.onnx", "onnx/model_fp16.onnx", **config)
    assert recognized(made) == [("onnx", "salient", variant), ("onnx-fp16", "salient", variant)]


def test_a_backend_of_another_package_adds_its_own_kinds_and_may_name_a_class(folder, installed):
    spec = BackendSpec("stranger", "segmenter", "stranger:load", folders=(FolderSpec("x", frozenset({"StrangeModel"})),))
    installed(Point("stranger", spec))
    made = folder("model.safetensors", model_type="strange", architectures=["Other", "StrangeModel"])
    assert recognized(made) == [("transformers", "stranger", "x")]


def test_the_files_of_a_folder_of_tensors_are_its_shards_and_small_files_and_no_pickle(folder):
    shards = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json")
    made = folder(*shards, "pytorch_model.bin", "training_args.bin", "tokenizer.json", "notes.txt", model_type="owlv2")
    assert engines_of(Contents.of(made))[0].contents == ("config.json", "tokenizer.json", *shards)


@pytest.mark.parametrize("at", ["onnx/", ""])
def test_each_precision_of_a_pair_of_transformers_js_is_an_engine_with_its_own_files(folder, at):
    names = [f"{at}{stem}{end}.onnx" for stem in PAIR for end in ("", "_fp16", "_q4")]
    made = folder(*names, f"{at}vision_encoder.onnx_data", f"{at}decoder_fp16.onnx", f"{at}{PAIR[1]}_bnb4.onnx", model_type="sam2")
    plain, half, q4 = engines_of(Contents.of(made))
    assert [(each.name, each.backend) for each in (plain, half, q4)] == [
        ("onnx", "onnx_sam"),
        ("onnx-fp16", "onnx_sam"),
        ("onnx-q4", "onnx_sam"),
    ]
    assert plain.contents == ("config.json", *(f"{at}{stem}.onnx" for stem in PAIR), f"{at}vision_encoder.onnx_data")
    assert half.contents == ("config.json", *(f"{at}{stem}_fp16.onnx" for stem in PAIR))


def test_an_encoder_in_8_bits_goes_with_the_decoder_in_float32(folder):
    encoder, decoder = (f"onnx/{stem}" for stem in PAIR)
    (engine,) = engines_of(Contents.of(folder(f"{encoder}_quantized.onnx", f"{decoder}.onnx")))
    assert (engine.name, engine.contents) == ("onnx-quantized", (f"{encoder}_quantized.onnx", f"{decoder}.onnx"))


def test_weights_beside_an_onnx_file_are_its_own(folder):
    names = [f"{stem}.onnx" for stem in PAIR]
    made = folder(*names, *(f"vision_encoder.onnx{end}" for end in ("_data", "_data_1", ".data", "_database", "_data.json")))
    assert engines_of(Contents.of(made))[0].contents == (*names, *(f"vision_encoder.onnx{end}" for end in (".data", "_data", "_data_1")))


def test_a_pair_needs_no_configuration(folder):
    assert recognized(folder(*(f"{stem}.onnx" for stem in PAIR))) == [("onnx", "onnx_sam", "transformers-js")]


def test_an_unknown_type_is_named_with_similar_ones_and_how_to_list_all(folder):
    made = folder("model.safetensors", model_type="owlv3")
    with pytest.raises(UnknownModelError) as caught:
        engines_of(Contents.of(made))
    assert "is of model type 'owlv3', which this version does not run. Similar types: owlv2. To list the folders" in str(caught.value)
    assert "promptseg models --folders" in str(caught.value)
    assert len(str(caught.value)) < len(str(made)) + 250


def test_types_of_installed_packages_are_among_the_similar_ones(folder, installed):
    kinds = (FolderSpec("x", frozenset({"stranger_net"}), onnx=("model",)),)
    installed(Point("stranger", BackendSpec("stranger", "segmenter", "stranger:load", folders=kinds)))
    with pytest.raises(UnknownModelError, match=r"Similar types: stranger_net\."):
        engines_of(Contents.of(folder("model.safetensors", model_type="strangernet")))


def test_a_folder_with_pickles_alone_is_refused_by_name(folder):
    with pytest.raises(WeightsNotFoundError, match=r"has no model\.safetensors; its pytorch_model\.bin is a pickle"):
        engines_of(Contents.of(folder("pytorch_model.bin", model_type="owlv2")))


def test_a_folder_without_tensors_is_refused_with_what_to_look_for(folder):
    with pytest.raises(WeightsNotFoundError, match=r"has no model\.safetensors: look for a revision or a copy with it"):
        engines_of(Contents.of(folder(model_type="owlv2")))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"model_type": ' * 500])
def test_a_damaged_configuration_is_refused(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(WeightsMismatchError, match=r"config\.json"):
        Contents.of(tmp_path)


@pytest.mark.parametrize("config", [{"model_type": ["owlv2"]}, {"model_type": {}}, {"model_type": 3, "architectures": "owlv2"}, {"a": 1}])
def test_a_configuration_without_a_name_is_not_recognized(folder, config):
    with pytest.raises(UnknownModelError, match="not recognized"):
        engines_of(Contents.of(folder("model.safetensors", **config)))


def test_what_looks_like_a_model_is_a_folder_with_a_configuration_or_a_known_pair(folder, tmp_path):
    assert not looks_like_model(tmp_path)
    assert not looks_like_model(tmp_path / "absent")
    assert not looks_like_model(Path("a" * 5000))
    assert not looks_like_model(folder("encoder.onnx", "decoder.onnx"))
    assert looks_like_model(folder(*(f"onnx/{stem}.onnx" for stem in PAIR)))
