"""Backend `sam2`: its eight models are built, loaded and refused by name, without side effects on Hydra and CUDA."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import promptseg
from promptseg import registry
from promptseg.errors import ConfigError, WeightsMismatchError
from promptseg.models.sam.mask_batch import Stability
from promptseg.models.sam.model import Embedding
from promptseg.models.sam.session import SamSession
from promptseg.prompts import Prompt

torch = pytest.importorskip("torch", reason="sam2's own code needs torch")
pytest.importorskip("sam2", reason="sam2's own code is not installed")

from promptseg.backends import _sam2 as backend  # noqa: E402 - It needs torch.
from promptseg.models.sam.torch.checkpoints import variant_of  # noqa: E402

MODELS = {name: model.engine("torch").variant for name, model in registry.list_models().items() if name.startswith("sam2")}
TINY = MODELS["sam2.1-hiera-tiny"]


def save(config, folder):
    """A checkpoint with tensors of the right shapes that all have one value, so that the file is small."""
    state = {
        name: torch.full((1,) * tensor.ndim, 0.01).expand(tensor.shape)
        for name, tensor in backend.build_image_model(config).state_dict().items()
    }
    state["sam_mask_decoder.iou_prediction_head.layers.2.bias"] = torch.tensor([0.0, 1.0, 2.0, 3.0])
    torch.save({"model": state}, folder / Path(config).with_suffix(".pt").name)
    return folder / Path(config).with_suffix(".pt").name


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return save(TINY, tmp_path_factory.mktemp("weights"))


def test_the_catalog_has_every_configuration_of_upstream():
    configs = files("sam2").joinpath("configs")
    published = {
        f"configs/{folder.name}/{file.name}"
        for folder in configs.iterdir()
        if folder.name in ("sam2", "sam2.1")
        for file in folder.iterdir()
    }
    assert set(MODELS.values()) == published
    assert len(published) == 8


@pytest.mark.parametrize("name", MODELS)
def test_a_model_loads_its_own_checkpoint(name, tmp_path):
    path = save(MODELS[name], tmp_path)
    segmenter = promptseg.load(name, weights=path, device="cpu", cache=None)
    assert segmenter.provenance.model == name
    assert segmenter.provenance.backend == "sam2"
    assert segmenter.provenance.version.startswith("sam2 1")
    assert segmenter.model.geometry((60, 80)).input_size == 1024
    assert segmenter.model.decoder_config.stability == Stability(0.05, 0.98)
    assert not any(parameter.requires_grad for parameter in segmenter.model._encoder.parameters())


def test_a_loaded_model_answers(tiny):
    segmenter = promptseg.load("sam2.1-hiera-tiny", weights=tiny, device="cpu", decode_batch=3)
    assert segmenter.model.decode_batch == 3
    shapes = {"embedding": (1, 256, 64, 64), "high_res_0": (1, 32, 256, 256), "high_res_1": (1, 64, 128, 128)}
    features = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}  # Encoding would take seconds.
    session = SamSession(segmenter, np.zeros((30, 40, 3), np.uint8), Embedding(features, segmenter.model.geometry((30, 40))))
    masks = session.segment([Prompt.box(3, 4, 20, 25)], candidates=True)
    assert [mask.logits.shape for mask in masks] == [(256, 256)] * 3
    assert (np.diff(masks.scores) > 0).all()
    assert (masks.scores < 1).all()  # They went through a sigmoid.


@pytest.mark.parametrize(
    ("found", "needed"),
    [("sam2.1-hiera-tiny", "sam2-hiera-tiny"), ("sam2-hiera-tiny", "sam2.1-hiera-tiny"), ("sam2.1-hiera-small", "sam2.1-hiera-tiny")],
)
def test_a_checkpoint_of_another_size_or_generation_is_refused_by_name(found, needed, tmp_path):
    path = save(MODELS[found], tmp_path)
    variants = [Path(MODELS[name]).stem for name in (found, needed)]
    with pytest.raises(WeightsMismatchError, match=f"the weights of {variants[0]}, model '{needed}' needs {variants[1]}"):
        promptseg.load(needed, weights=path, device="cpu")


def test_a_checkpoint_of_sam2_is_refused_as_sam(tiny):
    pytest.importorskip("segment_anything", reason="package segment-anything is not installed")
    with pytest.raises(WeightsMismatchError, match=r"these are the weights of sam2\.1_hiera_t, model 'sam-vit-b' needs vit_b"):
        promptseg.load("sam-vit-b", weights=tiny, device="cpu")


def test_a_checkpoint_of_sam_is_refused_as_sam2(tmp_path):
    state = {"mask_decoder.iou_token.weight": torch.zeros(1, 256), "image_encoder.pos_embed": torch.zeros(1, 64, 64, 768)}
    torch.save(state, tmp_path / "sam_vit_b.pth")
    with pytest.raises(WeightsMismatchError, match=r"these are the weights of vit_b, model 'sam2-hiera-large' needs sam2_hiera_l"):
        promptseg.load("sam2-hiera-large", weights=tmp_path / "sam_vit_b.pth", device="cpu")


def test_a_checkpoint_without_the_parameters_of_memory_is_refused_with_what_it_lacks(tiny, tmp_path):
    state = torch.load(tiny, weights_only=True)["model"]
    torch.save({name: tensor for name, tensor in state.items() if not name.startswith("memory_encoder.")}, tmp_path / "part.pt")
    with pytest.raises(WeightsMismatchError, match=r"does not fit model 'sam2\.1-hiera-tiny': it lacks memory_encoder\."):
        promptseg.load("sam2.1-hiera-tiny", weights=tmp_path / "part.pt", device="cpu")


def test_an_option_that_does_not_exist_is_refused_before_the_weights_are_read(tmp_path):
    (tmp_path / "weights").write_bytes(b"none")
    with pytest.raises(ConfigError, match="has no option 'threads'"):
        promptseg.load("sam2-hiera-tiny", weights=tmp_path / "weights", device="cpu", threads=2)


class TestBuild:
    @pytest.mark.parametrize("generation", ["2", "2.1"])
    def test_the_model_is_upstreams(self, tiny_sam2, generation):
        expected = tiny_sam2(generation=generation, changes=())
        built = backend.build_image_model(MODELS[f"sam{generation}-hiera-tiny"])
        assert type(built) is type(expected)
        assert {name: tensor.shape for name, tensor in built.state_dict().items()} == {
            name: tensor.shape for name, tensor in expected.state_dict().items()
        }
        settings = ("image_size", "directly_add_no_mem_embed", "use_high_res_features_in_sam", "sam_mask_decoder_extra_args")
        for name in settings:
            assert getattr(built, name) == getattr(expected, name), name
        assert repr(built.image_encoder) == repr(expected.image_encoder)
        assert repr(built.sam_mask_decoder) == repr(expected.sam_mask_decoder)

    @pytest.mark.parametrize("config", MODELS.values())
    def test_its_variant_is_told_from_its_tensors(self, config):
        assert variant_of(backend.build_image_model(config).state_dict()) == Path(config).stem

    def test_no_memory_and_no_random_numbers_are_used(self):
        state = torch.get_rng_state()
        built = backend.build_image_model(TINY)
        assert {tensor.device.type for tensor in built.state_dict().values()} == {"meta"}
        assert torch.equal(torch.get_rng_state(), state)

    def test_cuda_is_left_alone_where_there_is_cuda(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        backend.build_image_model(TINY)
        assert not torch.cuda.is_initialized()


class TestHydra:
    """Tests in new processes, because the state of Hydra is global."""

    LOAD = """
        import sys, promptseg
        segmenter = promptseg.load("sam2.1-hiera-tiny", weights=sys.argv[1], device="cpu")
    """
    HOST = """
        with hydra.initialize_config_dir(sys.argv[2], version_base="1.3"):
            assert hydra.compose("host").name == "host"
    """

    def run(self, program, *arguments):
        """Run a program that treats warnings as errors, and return its output."""
        source = "\n".join(line.removeprefix("        ") for line in program.splitlines())
        command = [sys.executable, "-W", "error", "-c", source, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    @pytest.fixture
    def host(self, tmp_path):
        (tmp_path / "host.yaml").write_text("name: host\n", "utf-8")
        return tmp_path

    def test_a_program_that_has_initialized_hydra_goes_on_with_its_own_configurations(self, tiny, host):
        program = f"""
        import hydra, sys
        hydra.initialize_config_dir(sys.argv[2], version_base="1.3")
        assert hydra.compose("host").name == "host"
        {self.LOAD}
        assert hydra.compose("host", overrides=["name=other"]).name == "other"
        print(segmenter.provenance.model)
        """
        assert self.run(program, tiny, host) == "sam2.1-hiera-tiny\n"

    def test_a_program_may_initialize_hydra_after_loading(self, tiny, host):
        assert self.run(f"import hydra\n{self.LOAD}{self.HOST}", tiny, host) == ""

    def test_a_program_that_uses_sam2_itself_can_go_on(self, tiny):
        program = f"""
        from sam2.build_sam import build_sam2
        {self.LOAD}
        build_sam2("{TINY}", device="cpu")
        """
        assert self.run(program, tiny) == ""
