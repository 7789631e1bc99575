"""Backend `sam_hq`: the authors' checkpoints by the names of the catalog, options, and refusals."""

import warnings

import numpy as np
import pytest

import promptseg
from promptseg.errors import ConfigError, WeightsMismatchError
from promptseg.prompts import Prompt
from promptseg.registry import choose
from promptseg.weights.store import file_sha256

torch = pytest.importorskip("torch", reason="the torch engine needs torch")

from promptseg.backends import sam_hq  # noqa: E402 - They need torch.
from promptseg.models.sam.torch import checkpoints  # noqa: E402

NAMES = ("sam-hq-vit-b", "sam-hq-vit-l", "sam-hq-vit-h", "sam-hq-vit-tiny")
BOX = Prompt.box(20, 14, 80, 60)


@pytest.fixture(scope="module")
def package():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It overwrites timm's registry when it is imported, which timm warns of.
        return pytest.importorskip("segment_anything_hq", reason="SAM-HQ's own code is not installed")


@pytest.fixture
def checkpoint(tiny_sam_hq, monkeypatch, tmp_path):
    """The checkpoint of a tiny model, which stands for the published ones."""
    path = tmp_path / "sam_hq_vit_b.pth"
    torch.save(tiny_sam_hq().state_dict(), path)
    monkeypatch.setattr(sam_hq, "_build", lambda _: tiny_sam_hq(seed=1))
    monkeypatch.setattr(checkpoints, "VARIANTS", {32: "vit_b"})
    return path


@pytest.mark.parametrize("name", NAMES)
def test_the_checkpoint_of_a_published_size_is_recognized_and_fits_its_model(name, package):
    variant = name.removeprefix("sam-hq-").replace("-", "_")
    state = torch.random.get_rng_state()
    model = sam_hq._build(variant)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert checkpoints.variant_of(model.state_dict()) == f"sam_hq_{variant}"
    assert choose(name, engine="torch").engine.checkpoint == f"sam_hq_{variant}.pth"
    assert variant in package.sam_model_registry


@pytest.mark.parametrize("given", ["file", "folder"])
def test_a_checkpoint_is_given_by_its_path_or_its_folder(given, checkpoint, photo):
    segmenter = promptseg.load_segmenter(f"sam-hq-vit-b={checkpoint if given == 'file' else checkpoint.parent}", device="cpu")
    assert segmenter.accepts == {"point", "box", "mask", "everything"}
    assert len(segmenter.open(photo()).segment([BOX, Prompt.point(50, 50)])) == 2
    provenance = segmenter.provenance
    assert (provenance.model, provenance.backend, provenance.license) == ("sam-hq-vit-b", "sam_hq", "Apache-2.0")
    assert provenance.version.startswith("segment-anything-hq ")
    assert provenance.weights == {"sam_hq_vit_b.pth": file_sha256(checkpoint)}


def test_the_high_quality_mask_alone_is_an_option(checkpoint, photo):
    both, alone = (
        promptseg.load_segmenter("sam-hq-vit-b", weights=checkpoint, hq_token_only=only).open(photo()).segment([BOX])[0]
        for only in (False, True)
    )
    assert both.score == alone.score
    assert not np.allclose(both.logits, alone.logits, atol=0.05)
    with pytest.raises(ConfigError, match="hq_token_only is True or False, got 'yes'"):
        promptseg.load_segmenter("sam-hq-vit-b", weights=checkpoint, hq_token_only="yes")


def test_a_checkpoint_of_sam_or_of_another_size_is_refused_by_name(checkpoint, tiny_sam_hq, tmp_path):
    with pytest.raises(WeightsMismatchError, match="these are the weights of sam_hq_vit_b, model 'sam-hq-vit-l' needs sam_hq_vit_l"):
        promptseg.load_segmenter("sam-hq-vit-l", weights=checkpoint)
    plain = {name: tensor for name, tensor in tiny_sam_hq().state_dict().items() if ".hf_" not in name}
    torch.save(plain, tmp_path / "sam.pth")
    with pytest.raises(WeightsMismatchError, match="these are the weights of vit_b, model 'sam-hq-vit-b' needs sam_hq_vit_b"):
        promptseg.load_segmenter("sam-hq-vit-b", weights=tmp_path / "sam.pth")


def test_a_missing_tensor_is_refused_where_upstream_would_go_on(checkpoint):
    state = torch.load(checkpoint)
    del state["mask_decoder.embedding_maskfeature.0.weight"]
    torch.save(state, checkpoint)
    with pytest.raises(WeightsMismatchError, match=r"mask_decoder\.embedding_maskfeature\.0\.weight"):
        promptseg.load_segmenter("sam-hq-vit-b", weights=checkpoint)
