"""The TinyViT encoder gives the results of MobileSAM's, on random weights."""

import copy
import warnings

import pytest

torch = pytest.importorskip("torch", reason="the torch engine needs torch")

from promptseg.models.sam.torch import threads as torch_threads  # noqa: E402 - It needs torch.
from promptseg.models.sam.torch import tinyvit  # noqa: E402
from promptseg.models.sam.torch.tinyvit import TinyVitEncoder, fused  # noqa: E402


@pytest.fixture(scope="module")
def upstream():
    """A narrow encoder with one block in each stage. Upstream keeps the resolution in its last stage because of the last width."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It overwrites timm's registry when it is imported, which timm warns of.
        modeling = pytest.importorskip("mobile_sam.modeling", reason="MobileSAM's own code is not installed")
    torch.manual_seed(0)
    widths = {"embed_dims": [8, 8, 16, 320], "depths": [2, 1, 1, 1], "num_heads": [1, 2, 2, 5], "window_sizes": [7, 7, 14, 7]}
    encoder = modeling.TinyViT(img_size=1024, num_classes=0, mlp_ratio=1.0, **widths)
    for name, tensor in [*encoder.named_parameters(), *encoder.named_buffers()]:
        if name.endswith("running_var"):
            torch.nn.init.uniform_(tensor, 0.5, 2)
        elif tensor.is_floating_point():
            torch.nn.init.normal_(tensor, std=0.3)
    return encoder.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def images():
    return torch.randn((2, 3, 1024, 1024), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def expected(upstream, images):
    with torch.inference_mode():
        found = upstream(images)
    assert found.std() > 0.1
    return found


@pytest.mark.parametrize("strip", [8, 100, 256])
def test_embeddings_are_upstreams_for_any_height_of_the_strips(upstream, images, expected, strip, monkeypatch):
    monkeypatch.setitem(tinyvit._STRIP, "cpu", strip)
    with torch.inference_mode():
        found = TinyVitEncoder(copy.deepcopy(upstream))(images)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < 1e-4


@pytest.mark.parametrize(("threads", "tokens"), [(3, 1024), (2, 100), (1, 1 << 20)])
def test_neither_threads_nor_the_size_of_their_strips_change_anything(upstream, images, expected, threads, tokens, monkeypatch):
    monkeypatch.setattr(torch_threads, "workers", lambda: threads)
    monkeypatch.setattr(tinyvit, "_STRIP_TOKENS", tokens)
    with torch.inference_mode():
        found = TinyVitEncoder(copy.deepcopy(upstream))(images)
    assert (found - expected).abs().max() < 1e-4


def test_attention_biases_are_those_of_the_weights_even_where_upstream_holds_older_ones(upstream, images, expected):
    stale = copy.deepcopy(upstream)
    for name, buffer in stale.named_buffers():
        if name.endswith(".ab"):
            buffer.normal_()
    with torch.inference_mode():
        assert (stale(images[:1]) - expected[:1]).abs().max() > 1e-3
        assert (TinyVitEncoder(stale)(images[:1]) - expected[:1]).abs().max() < 1e-4


def test_fusing_leaves_no_batch_norm_and_the_callers_random_numbers(upstream):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    module = fused(copy.deepcopy(upstream))
    assert torch.equal(torch.rand(1), expected)
    assert not [child for child in module.modules() if isinstance(child, torch.nn.BatchNorm2d)]
