"""Backend `sam2_video`: the models of `sam2` track with `load_video` and the same weights, and options are checked."""

import numpy as np
import pytest

import promptseg
from promptseg import registry
from promptseg.errors import ConfigError

torch = pytest.importorskip("torch", reason="sam2's own code needs torch")
pytest.importorskip("sam2", reason="sam2's own code is not installed")

from promptseg.backends import _sam2  # noqa: E402 - It needs torch.

MODELS = {name: model.engine("torch").variant for name, model in registry.list_models().items() if name.startswith("sam2")}
TINY = MODELS["sam2.1-hiera-tiny"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint with tensors of the right shapes that all have one value, so that the file is small."""
    path = tmp_path_factory.mktemp("weights") / "sam2.1_hiera_t.pt"
    shapes = _sam2.build_video_model(TINY).state_dict().items()
    torch.save({"model": {name: torch.full((1,) * tensor.ndim, 0.01).expand(tensor.shape) for name, tensor in shapes}}, path)
    return path


def test_a_model_of_images_tracks_with_the_same_weights(checkpoint):
    segmenter = promptseg.load_video("sam2.1-hiera-tiny", weights=checkpoint, device="cpu", memory=300, prompted_frames=5, fill_holes=3)
    assert isinstance(segmenter, promptseg.VideoSegmenter)
    assert (segmenter.provenance.model, segmenter.provenance.backend) == ("sam2.1-hiera-tiny", "sam2_video")
    assert segmenter.provenance.weights == promptseg.load("sam2.1-hiera-tiny", weights=checkpoint, device="cpu").provenance.weights
    assert (segmenter.memory, segmenter.prompted_frames, segmenter.model.input_size) == (300 << 20, 5, 1024)
    session = segmenter.open([np.zeros((30, 40, 3), np.uint8)])
    assert session.size == (30, 40)
    assert session.object_ids == ()


@pytest.mark.parametrize("config", MODELS.values())
def test_the_model_has_upstreams_parameters_and_angles(config, tiny_sam2_video):
    built = _sam2.build_video_model(config)
    assert built.binarize_mask_from_pts_for_mem_enc
    for layer in built.memory_attention.layers:
        for attention in (layer.self_attn, layer.cross_attn_image):
            assert attention.freqs_cis.device.type == "cpu"
            assert attention.freqs_cis.shape[0] == 64 * 64
    if config == TINY:
        expected = tiny_sam2_video(changes=())
        assert {name: tensor.shape for name, tensor in built.state_dict().items()} == {
            name: tensor.shape for name, tensor in expected.state_dict().items()
        }
        for ours, theirs in zip(built.memory_attention.layers, expected.memory_attention.layers, strict=True):
            assert torch.equal(ours.cross_attn_image.freqs_cis, theirs.cross_attn_image.freqs_cis)
        for setting in ("num_maskmem", "max_obj_ptrs_in_encoder", "sigmoid_scale_for_mem_enc", "binarize_mask_from_pts_for_mem_enc"):
            assert getattr(built, setting) == getattr(expected, setting)


def test_cuda_is_left_alone_where_there_is_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    _sam2.build_video_model(TINY)
    assert not torch.cuda.is_initialized()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"memory": 0}, "option memory is a whole number of at least 1, got 0"),
        ({"prompted_frames": 1}, "option prompted_frames is a whole number of at least 2, got 1"),
        ({"fill_holes": -1}, "option fill_holes is a whole number of at least 0, got -1"),
        ({"fill_holes": True}, "option fill_holes is a whole number of at least 0, got True"),
        ({"logits": 1}, "option logits is True or False, got 1"),
        ({"dtype": "int8"}, "option dtype is one of"),
        ({"threads": 2}, "has no option 'threads'"),
    ],
)
def test_an_option_that_is_wrong_is_refused_before_the_weights_are_read(tmp_path, options, words):
    (tmp_path / "weights").write_bytes(b"none")
    with pytest.raises(ConfigError, match=words):
        promptseg.load_video("sam2-hiera-tiny", weights=tmp_path / "weights", device="cpu", **options)
