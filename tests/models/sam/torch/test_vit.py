"""The ViT encoder gives the results of segment-anything's, on random weights."""

import pytest

torch = pytest.importorskip("torch", reason="the torch engine needs torch")
segment_anything = pytest.importorskip("segment_anything", reason="segment-anything's own code is not installed")

from segment_anything.modeling import ImageEncoderViT  # noqa: E402 - It needs torch.

from promptseg.models.sam.torch import threads as torch_threads  # noqa: E402
from promptseg.models.sam.torch import vit  # noqa: E402
from promptseg.models.sam.torch.vit import VitEncoder  # noqa: E402


def encoder(side=5, window=3, heads=2, **settings):
    """An encoder of one block with windows and one without, every parameter random."""
    arguments = {"use_rel_pos": True, "depth": 2, "global_attn_indexes": (1,), **settings}
    torch.manual_seed(0)
    found = ImageEncoderViT(img_size=16 * side, embed_dim=8 * heads, num_heads=heads, out_chans=8, window_size=window, **arguments)
    for parameter in found.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return found.eval().requires_grad_(False)


def images(count, side=5):
    return torch.randn((count, 3, 16 * side, 16 * side), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("budget", [1, 40, 700, 1 << 20])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"window": 5},
        {"side": 6},
        {"side": 4, "window": 7},
        {"use_rel_pos": False},
        {"use_abs_pos": False},
        {"qkv_bias": False},
        {"heads": 3},
        {"global_attn_indexes": (0, 1)},
    ],
    ids=str,
)
def test_embeddings_are_upstreams_however_small_the_parts(settings, budget, monkeypatch):
    monkeypatch.setitem(vit._MASK_ELEMENTS, "cpu", budget)
    upstream, batch = encoder(**settings), images(2, settings.get("side", 5))
    with torch.inference_mode():
        expected = upstream(batch)
        found = VitEncoder(upstream)(batch)
    assert expected.std() > 0.1
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < 1e-5


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("tokens", [1, 11, 1000])
def test_neither_threads_nor_the_size_of_their_strips_change_anything(threads, tokens, monkeypatch):
    upstream, batch = encoder(), images(2)
    monkeypatch.setattr(vit, "_STRIP_TOKENS", tokens)
    monkeypatch.setattr(torch_threads, "workers", lambda: threads)
    with torch.inference_mode():
        assert (VitEncoder(upstream)(batch) - upstream(batch)).abs().max() < 1e-5


def test_the_images_of_a_batch_do_not_reach_one_another():
    ours, batch = VitEncoder(encoder()), images(3)
    with torch.inference_mode():
        together = ours(batch)
        assert (together - torch.cat([ours(image[None]) for image in batch])).abs().max() < 1e-5


def test_an_encoder_gives_the_same_embedding_again():
    ours, batch = VitEncoder(encoder()), images(1)
    with torch.inference_mode():
        assert torch.equal(ours(batch), ours(batch))


def test_bfloat16_is_near_float32():
    ours, batch = VitEncoder(encoder()), images(1)
    with torch.inference_mode():
        expected = ours(batch)
        found = ours.to(torch.bfloat16)(batch.bfloat16())
    assert found.dtype == torch.bfloat16
    assert (found.float() - expected).abs().mean() < 0.05 * expected.abs().mean()
