"""A module gets every parameter of an ONNX pair exactly once; otherwise the pair is refused with the reason."""

from pathlib import Path

import pytest

from promptseg.errors import WeightsMismatchError

torch = pytest.importorskip("torch", reason="the torch engine needs torch")

from promptseg.models.sam.torch import from_onnx  # noqa: E402 - It needs torch.

ENCODER, DECODER = Path("encoder.onnx"), Path("decoder.onnx")


@pytest.fixture
def given(tiny_sam):
    """A model with other weights than the one that is built."""
    return tiny_sam(seed=1)


@pytest.fixture
def pair(given, monkeypatch):
    """The results of the two readers for files exported from the model. Tests change them."""
    state = {name: tensor.numpy() for name, tensor in given.state_dict().items()}
    encoder = {name.removeprefix("image_encoder."): array for name, array in state.items() if name.startswith("image_encoder.")}
    rest = {name.partition(".")[2]: array for name, array in state.items() if not name.startswith("image_encoder.")}
    decoder = {name: array.T if name.startswith("transformer.") and array.ndim == 2 else array for name, array in rest.items()}
    tokens = [torch.tensor(decoder.pop(f"{name}.weight")) for name in ("iou_token", "mask_tokens")]
    decoder["output_tokens"] = torch.cat(tokens)[None].numpy()
    decoder["no_mask_embed"] = decoder.pop("no_mask_embed.weight").reshape(-1)
    monkeypatch.setattr(from_onnx, "read_encoder_weights", lambda path: encoder)
    monkeypatch.setattr(from_onnx, "read_decoder_weights", lambda path: decoder)
    return encoder, decoder


def load(tiny_sam):
    return from_onnx.load_onnx_pair(ENCODER, DECODER, tiny_sam, "mini-sam")


def test_every_parameter_is_the_files(tiny_sam, given, pair):
    module = load(tiny_sam)
    expected = given.state_dict()
    assert module.state_dict().keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in module.state_dict().items())
    assert not any(torch.equal(tensor, expected[name]) for name, tensor in tiny_sam().state_dict().items())


def test_it_is_ready_to_be_used_and_not_to_be_trained(tiny_sam, pair):
    module = load(lambda: tiny_sam().train())
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())


@pytest.mark.parametrize(
    ("part", "name", "shape", "message"),
    [
        (0, "neck.0.weight", None, r"encoder\.onnx does not fit model 'mini-sam': it lacks image_encoder\.neck\.0\.weight$"),
        (0, "neck.9.weight", (3,), r"encoder\.onnx does not fit model 'mini-sam': it also has image_encoder\.neck\.9\.weight$"),
        (0, "pos_embed", (1, 2, 2, 32), r"encoder\.onnx .*: it has image_encoder\.pos_embed \(1, 2, 2, 32\) instead of \(1, 4, 4, 32\)$"),
        (1, "mask_downscaling.0.bias", None, r"decoder\.onnx .*: it lacks prompt_encoder\.mask_downscaling\.0\.bias$"),
        (1, "novelty.weight", (3,), r"decoder\.onnx .*: it also has mask_decoder\.novelty\.weight$"),
        (1, "output_tokens", (1, 4, 32), r"decoder\.onnx .*: it has mask_decoder\.mask_tokens\.weight \(3, 32\) instead of \(4, 32\)$"),
        (1, "transformer.layers.0.mlp.lin1.weight", (64, 32), r"decoder\.onnx .*lin1\.weight \(32, 64\) instead of \(64, 32\)$"),
    ],
)
def test_a_pair_that_does_not_fit_is_refused_with_the_file_and_the_parameter(tiny_sam, pair, part, name, shape, message):
    if shape is None:
        del pair[part][name]
    else:
        pair[part][name] = torch.zeros(shape).numpy()
    with pytest.raises(WeightsMismatchError, match=message):
        load(tiny_sam)


def test_files_that_are_no_exports_are_refused_before_a_model_is_built(tmp_path):
    (tmp_path / "encoder.onnx").write_bytes(b"no graph")
    with pytest.raises(WeightsMismatchError, match=r"encoder\.onnx is not an ONNX file"):
        from_onnx.load_onnx_pair(tmp_path / "encoder.onnx", DECODER, lambda: pytest.fail("a model was built"), "mini-sam")
