"""mini-sam in torch, with parameters from the published ONNX files, gives the masks of these files and of its checkpoint."""

import shutil

import numpy as np
import pytest

import promptseg
from promptseg import registry
from promptseg.errors import WeightsMismatchError
from promptseg.prompts import Prompt
from promptseg.samples import coffee

pytestmark = pytest.mark.weights

torch = pytest.importorskip("torch", reason="the torch engine needs torch")

PROMPTS = (
    Prompt.point(290, 160),
    Prompt.box(322, 62, 430, 330),
    Prompt.point(290, 160) + Prompt.point(130, 270, foreground=False),
    Prompt.box(100, 60, 430, 340) + Prompt.point(290, 160),
)


@pytest.fixture(scope="module")
def published(mini_sam, mobile_sam):
    """mini-sam in torch with the fetched weights, the same as for ONNX Runtime."""
    return promptseg.load("mini-sam", engine="torch", device="cpu", cache=None)


@pytest.fixture(scope="module")
def session(published):
    return published.open(coffee())


def assert_same_answers(session, other):
    assert np.abs(session.embedding.features["embedding"] - other.embedding.features["embedding"]).max() < 1e-4
    found, expected = (each.segment(PROMPTS, candidates=True) for each in (session, other))
    assert np.abs(found.scores - expected.scores).max() < 1e-4
    for mask, same in zip(found, expected, strict=True):
        assert same.area > 100
        assert np.abs(mask.logits - same.logits).max() < max(1e-4, 1e-5 * np.abs(same.logits).max())
        assert mask.iou(same) > 0.9999


@pytest.mark.slow
def test_it_answers_as_on_onnx_runtime(session, mini_sam):
    assert_same_answers(session, mini_sam.open(coffee()))


@pytest.mark.shared
def test_it_answers_as_its_checkpoint(session, weights):
    checkpoint = promptseg.load("mini-sam", weights=weights, device="cpu", cache=None)
    assert checkpoint.provenance.backend == "mobile_sam"
    assert_same_answers(session, checkpoint.open(coffee()))


@pytest.mark.shared
def test_every_parameter_of_the_decoder_is_the_checkpoints(mobile_sam, weights):
    from promptseg.backends.mobile_sam import _build_as_exported
    from promptseg.models.sam.torch.from_onnx import load_onnx_pair

    sam = load_onnx_pair(*registry.fetch("mini-sam").files.values(), _build_as_exported, "mini-sam")
    expected = torch.load(weights, map_location="cpu", weights_only=True)
    decoder = {name: tensor for name, tensor in sam.state_dict().items() if not name.startswith("image_encoder.")}
    assert len(decoder) > 100
    assert all(torch.equal(tensor, expected[name]) for name, tensor in decoder.items())


def test_its_provenance_names_the_published_files_and_the_backend_that_ran_them(published, mini_sam):
    assert published.provenance.backend == "mobile_sam"
    assert published.provenance.weights == mini_sam.provenance.weights


@pytest.mark.parametrize(
    ("encoder", "decoder", "message"),
    [
        ("sam.onnx", "encoder.onnx", r"encoder\.onnx is not an image encoder as torch exports it: node .* \(\w+\) has "),
        ("encoder.onnx", "encoder.onnx", r"sam\.onnx is not a mask decoder as segment-anything exports it: it lacks"),
    ],
    ids=["exchanged", "twice the encoder"],
)
def test_files_in_each_others_place_are_refused(mini_sam, mobile_sam, tmp_path, encoder, decoder, message):
    files = registry.fetch("mini-sam").files
    shutil.copy(files[encoder], tmp_path / "encoder.onnx")
    shutil.copy(files[decoder], tmp_path / "sam.onnx")
    with pytest.raises(WeightsMismatchError, match=message):
        promptseg.load("mini-sam", engine="torch", weights=tmp_path, device="cpu")
