"""Loading of models of transformers from folders: exactly the tensors of the folder, or an error that names it."""

import json

import pytest

from promptseg.errors import InputError, MissingDependencyError, WeightsError, WeightsMismatchError, WeightsNotFoundError

torch = pytest.importorskip("torch", reason="models of transformers need torch")
pytest.importorskip("transformers", reason="transformers is not installed")

from promptseg.models.transformers import loading  # noqa: E402 - It needs torch.


def load(folder, name="Owlv2ForObjectDetection", dtype=torch.float32, **settings):
    import transformers

    device = torch.device("cpu")
    architectures = settings.pop("architectures", (name,))
    return loading.load_pretrained(getattr(transformers, name), folder, device=device, dtype=dtype, architectures=architectures, **settings)


def change(folder, **values):
    path = folder / "config.json"
    config = json.loads(path.read_text("utf-8"))
    for key, value in values.items():
        *parents, last = key.split("__")
        part = config
        for parent in parents:
            part = part[parent]
        part[last] = value
    path.write_text(json.dumps(config), "utf-8")


def rewrite(folder, edit):
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    state = load_file(path)
    edit(state)
    save_file(state, path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("saved", "name"),
    [
        ("owlv2", "Owlv2ForObjectDetection"),
        ("mm_grounding", "MMGroundingDinoForObjectDetection"),
        ("omdet", "OmDetTurboForObjectDetection"),
        ("dinov2", "Dinov2Model"),
        ("dinov2_registers", "Dinov2WithRegistersModel"),
    ],
)
def test_a_loaded_model_has_the_tensors_and_tables_of_the_saved_one(saved, name, saved_models):
    model, folder = saved_models(saved)
    loaded = load(folder, name)
    for what in ("state_dict", "named_buffers"):
        own, other = dict(getattr(model, what)()), dict(getattr(loaded, what)())
        assert own.keys() == other.keys()
        assert all(torch.equal(own[key], other[key]) for key in own)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_weights_have_the_type_that_was_asked_for(saved_models):
    loaded = load(saved_models("dinov2")[1], "Dinov2Model", torch.bfloat16)
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.bfloat16}


def test_tensors_in_several_files_are_one_model(saved_models, tmp_path):
    model, _ = saved_models("owlv2")
    model.save_pretrained(tmp_path, max_shard_size="100KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    assert load(tmp_path).state_dict().keys() == model.state_dict().keys()


def test_nothing_is_fetched(saved_models, monkeypatch):
    import socket

    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it connects to something"))
    load(saved_models("omdet")[1], "OmDetTurboForObjectDetection")


class TestFiles:
    def test_a_missing_folder_is_named_with_what_is_expected(self, tmp_path):
        with pytest.raises(WeightsNotFoundError, match=r"absent does not exist.*config\.json and model\.safetensors"):
            load(tmp_path / "absent")

    def test_a_file_in_place_of_the_folder_is_refused(self, saved_models):
        with pytest.raises(WeightsNotFoundError, match="is a file; expected a folder"):
            load(saved_models("owlv2")[1] / "model.safetensors")

    @pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
    def test_a_missing_file_is_named(self, name, own_copy):
        folder = own_copy("owlv2")
        (folder / name).unlink()
        with pytest.raises(WeightsNotFoundError, match=f"has no {name}"):
            load(folder)

    def test_a_pickle_is_not_read(self, own_copy):
        folder = own_copy("owlv2")
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
        with pytest.raises(WeightsNotFoundError, match=r"pytorch_model\.bin is a pickle"):
            load(folder)

    @pytest.mark.parametrize("content", [b"", b"no tensors", b"\xff" * 64], ids=repr)
    def test_damaged_tensors_are_refused_with_their_path(self, content, own_copy):
        folder = own_copy("owlv2")
        (folder / "model.safetensors").write_bytes(content)
        with pytest.raises(WeightsMismatchError, match=r"model\.safetensors"):
            load(folder)

    def test_truncated_tensors_are_refused(self, own_copy):
        path = own_copy("owlv2") / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(WeightsMismatchError, match=r"model\.safetensors"):
            load(path.parent)

    @pytest.mark.parametrize(
        "index",
        [
            "[]",
            "{",
            '{"weight_map": 3}',
            '{"weight_map": {"a": "../model.safetensors"}}',
            '{"weight_map": {"a": "/etc/passwd"}}',
            '{"weight_map": {"a": 3}}',
            '{"weight_map": {"a": "pytorch_model.bin"}}',
        ],
    )
    def test_a_list_of_files_that_are_not_in_the_folder_is_refused(self, index, own_copy):
        folder = own_copy("owlv2")
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors.index.json").write_text(index)
        with pytest.raises(WeightsMismatchError, match=r"index\.json"):
            load(folder)

    def test_a_listed_file_that_is_missing_is_named(self, own_copy):
        folder = own_copy("owlv2")
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-00001-of-00002.safetensors"}}')
        with pytest.raises(WeightsNotFoundError, match=r"lacks model-00001-of-00002\.safetensors"):
            load(folder)


class TestTensors:
    def test_a_missing_tensor_is_not_made_up(self, own_copy):
        folder = own_copy("owlv2")
        rewrite(folder, lambda state: state.pop("class_head.dense0.weight"))
        with pytest.raises(WeightsMismatchError, match=r"it lacks class_head\.dense0\.weight"):
            load(folder)

    def test_a_tensor_too_many_is_refused(self, own_copy):
        folder = own_copy("owlv2")
        rewrite(folder, lambda state: state.update(extra=torch.zeros(2)))
        with pytest.raises(WeightsMismatchError, match="it also has extra"):
            load(folder)

    def test_a_tensor_of_another_shape_is_refused(self, own_copy):
        folder = own_copy("owlv2")
        rewrite(folder, lambda state: state.update({"class_head.logit_shift.bias": torch.zeros(3)}))
        with pytest.raises(WeightsMismatchError, match=r"has in another shape class_head\.logit_shift\.bias"):
            load(folder)


class TestConfiguration:
    @pytest.mark.parametrize("content", ["", "{", "[]", "null", '"owlv2"', "[" * 5000, '{"a": ' * 200 + "1" + "}" * 200])
    def test_what_is_no_configuration_is_refused_with_its_path(self, content, own_copy):
        folder = own_copy("owlv2")
        (folder / "config.json").write_text(content)
        with pytest.raises(WeightsMismatchError, match=r"config\.json"):
            load(folder)

    def test_a_file_beyond_all_bounds_is_not_read(self, own_copy):
        folder = own_copy("owlv2")
        (folder / "config.json").write_text(" " * (5 << 20))
        with pytest.raises(WeightsMismatchError, match="larger than"):
            load(folder)

    def test_another_architecture_is_named(self, saved_models):
        with pytest.raises(WeightsMismatchError, match="is of a 'Dinov2Model', expected Owlv2ForObjectDetection"):
            load(saved_models("dinov2")[1])

    @pytest.mark.parametrize("architectures", [None, []])
    def test_without_an_architecture_the_model_type_counts(self, architectures, own_copy):
        folder = own_copy("owlv2")
        change(folder, architectures=architectures)
        load(folder)
        change(folder, model_type="owlvit")
        with pytest.raises(WeightsMismatchError, match="of model type 'owlvit', expected 'owlv2'"):
            load(folder)

    def test_an_architecture_and_a_model_type_that_contradict_are_refused(self, own_copy):
        folder = own_copy("owlv2")
        change(folder, model_type="dinov2")
        with pytest.raises(WeightsMismatchError, match="of model type 'dinov2', expected 'owlv2'"):
            load(folder)

    @pytest.mark.parametrize(
        "values",
        [
            {"vision_config__hidden_size": 10**12},
            {"vision_config__hidden_size": 2_000_000},
            {"vision_config__num_hidden_layers": 5000},
            {"vision_config__depths": [10] * 101},
            {"vision_config__image_size": 3_000_000},
            {"vision_config__image_size": 20_000},
            {"text_config__vocab_size": 3_900_000},
            {"vision_config__hidden_size": -3},
            {"vision_config__num_attention_heads": 0},
            {"vision_config__hidden_size": "large"},
            {"vision_config": 3},
        ],
        ids=repr,
    )
    def test_sizes_that_are_not_those_of_the_tensors_take_no_memory(self, values, own_copy):
        folder = own_copy("owlv2")
        change(folder, **values)
        with pytest.raises(WeightsMismatchError, match=str(folder)):
            load(folder)

    def test_how_to_run_a_model_is_not_taken_from_its_folder(self, own_copy, saved_models):
        folder = own_copy("dinov2")
        change(
            folder,
            return_dict=False,
            output_attentions=True,
            _attn_implementation="somebody/kernels",
            attn_implementation="somebody/kernels",
            quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True},
            auto_map={"AutoModel": "somebody/code--model.Model"},
        )
        pixels = torch.zeros(1, 3, 28, 28)
        expected = saved_models("dinov2")[0](pixel_values=pixels).last_hidden_state
        assert torch.equal(load(folder, "Dinov2Model")(pixel_values=pixels).last_hidden_state, expected)

    def test_widths_by_stage_are_no_numbers_of_layers(self, own_copy, saved_models):
        folder = own_copy("dinov2")
        change(folder, embed_dim_per_stage=[144, 288, 576, 1152])
        loaded, expected = load(folder, "Dinov2Model"), saved_models("dinov2")[0]
        assert loaded.state_dict().keys() == expected.state_dict().keys()

    def test_a_backbone_that_is_only_named_is_refused_and_not_fetched(self, own_copy):
        folder = own_copy("mm_grounding")
        change(folder, backbone="microsoft/swin-tiny-patch4-window7-224", backbone_config=None, use_timm_backbone=False)
        with pytest.raises(WeightsMismatchError, match="names its backbone 'microsoft/swin"):
            load(folder, "MMGroundingDinoForObjectDetection")

    def test_a_backbone_of_a_hub_is_refused(self, own_copy):
        folder = own_copy("mm_grounding")
        change(folder, backbone_config={"model_type": "timm_backbone", "backbone": "hf-hub:somebody/model"})
        with pytest.raises(WeightsMismatchError, match="backbone='hf-hub:somebody/model', which is not a name"):
            load(folder, "MMGroundingDinoForObjectDetection")

    def test_a_configuration_may_be_adapted_before_it_is_checked(self, own_copy):
        folder = own_copy("owlv2")
        change(folder, vision_config__num_hidden_layers=5000)

        def adapt(values):
            values["vision_config"]["num_hidden_layers"] = 2
            return values

        assert load(folder, adapt=adapt).config.vision_config.num_hidden_layers == 2


def test_a_package_that_a_model_needs_is_named(own_copy, monkeypatch):
    from transformers import Owlv2ForObjectDetection

    def missing(*_):
        raise ImportError("it requires the timm library")

    monkeypatch.setattr(Owlv2ForObjectDetection, "__init__", missing)
    with pytest.raises(MissingDependencyError, match="requires the timm library"):
        load(own_copy("owlv2"))


def test_no_memory_is_said_as_such(saved_models, monkeypatch):
    from transformers import Owlv2ForObjectDetection

    from promptseg.errors import OutOfMemoryError

    def full(*_args, **_settings):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Owlv2ForObjectDetection, "from_pretrained", full)
    with pytest.raises(OutOfMemoryError, match="out of memory on cpu"):
        load(saved_models("owlv2")[1])


def test_errors_are_those_of_weights():
    assert issubclass(WeightsNotFoundError, WeightsError)
    assert not issubclass(InputError, WeightsError)
