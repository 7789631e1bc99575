"""The Hiera encoder gives the results of sam2's own code, on random weights."""

import copy

import pytest

torch = pytest.importorskip("torch", reason="the torch engine needs torch")
pytest.importorskip("sam2", reason="sam2's own code is not installed")

from sam2.modeling.backbones.hieradet import Hiera, MultiScaleBlock  # noqa: E402 - It needs torch.
from sam2.modeling.backbones.image_encoder import FpnNeck, ImageEncoder  # noqa: E402

from promptseg.models.sam.torch import hiera, sam2  # noqa: E402
from promptseg.models.sam.torch import threads as torch_threads  # noqa: E402
from promptseg.models.sam.torch.hiera import HieraEncoder  # noqa: E402

SIZES = {
    "tiny": {"window_spec": (8, 4, 14, 7), "stages": (1, 2, 3, 2), "global_att_blocks": (4,)},
    "small": {"window_spec": (8, 4, 14, 7), "stages": (1, 2, 4, 2), "global_att_blocks": (4, 6)},
    "base-plus": {"num_heads": 2, "window_spec": (8, 4, 14, 7), "stages": (2, 3, 3, 3), "global_att_blocks": (6,)},
    "large": {"num_heads": 2, "window_spec": (8, 4, 16, 8), "window_pos_embed_bkg_spatial_size": (7, 7), "stages": (2, 2, 3, 2)},
}
"""Windows and heads of the published models, with fewer and narrower blocks."""


def model(side=256, neck=None, memory=True, **trunk):
    """A part of ``SAM2Base`` with every parameter random."""
    torch.manual_seed(0)
    settings = {"global_att_blocks": (5,), **trunk}
    made = Hiera(embed_dim=8 * settings.get("num_heads", 1), **settings)
    levels = {"fpn_top_down_levels": [2, 3], "fpn_interp_model": "nearest", **(neck or {})}
    encoder = ImageEncoder(made, FpnNeck(torch.nn.Identity(), 16, made.channel_list, **levels), scalp=1)
    found = torch.nn.Module()
    found.image_size, found.image_encoder, found.directly_add_no_mem_embed = side, encoder, memory
    found.sam_mask_decoder = torch.nn.Module()
    found.sam_mask_decoder.conv_s0, found.sam_mask_decoder.conv_s1 = torch.nn.Conv2d(16, 2, 1), torch.nn.Conv2d(16, 4, 1)
    found.no_mem_embed = torch.nn.Parameter(torch.zeros(1, 1, 16))
    for parameter in found.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return found.eval().requires_grad_(False)


def images(count=1, side=256):
    return torch.randn((count, 3, side, side), generator=torch.Generator().manual_seed(1))


def assert_upstreams(base, batch, tolerance=1e-5):
    with torch.inference_mode():
        expected = sam2.ImageEncoder(copy.deepcopy(base))(batch)
        found = HieraEncoder(base)(batch)
    for one, other in zip(found, expected, strict=True):
        assert other.std() > 0.1
        assert one.shape == other.shape
        assert (one - other).abs().max() < tolerance * other.abs().max()


@pytest.mark.parametrize("size", SIZES)
def test_features_of_every_published_size_are_upstreams(size):
    assert_upstreams(model(**SIZES[size]), images())


@pytest.mark.parametrize("tokens", [1, 100, 1 << 20])
@pytest.mark.parametrize("side", [128, 224, 288], ids=str)
def test_features_are_upstreams_however_large_the_image_and_its_parts(side, tokens, monkeypatch):
    monkeypatch.setattr(hiera, "_part_tokens", lambda grid: tokens)
    assert_upstreams(model(side, **SIZES["tiny"]), images(side=side))


@pytest.mark.parametrize(
    "settings",
    [
        {"memory": False},
        {"neck": {"fpn_top_down_levels": None}},
        {"neck": {"fpn_interp_model": "bilinear"}},
        {"neck": {"fuse_type": "avg"}},
        {"global_att_blocks": (2, 5)},
        {"global_att_blocks": ()},
        {"window_spec": (8, 4, 7, 7)},
    ],
    ids=str,
)
def test_models_that_were_not_published_give_upstreams_features_too(settings):
    assert_upstreams(model(**{**SIZES["tiny"], **settings}), images())


def test_a_side_that_cannot_be_halved_gives_upstreams_features():
    trunk = model(80, window_spec=(4, 4, 4, 4), stages=(1, 1, 1, 1), global_att_blocks=()).image_encoder.trunk
    with torch.inference_mode():
        grid = trunk.patch_embed(images(side=80)) + 0
        for block in trunk.blocks:
            expected = block(grid)
            with torch_threads.worker_pool(grid.device) as for_each:
                found = hiera._block(block, grid.clone(), hiera.Workspace(), for_each)
            assert (found - expected).abs().max() < 1e-5 * expected.abs().max()
            grid = expected


def test_a_block_that_changes_channels_without_windows_gives_upstreams_tokens():
    torch.manual_seed(0)
    block, grid = MultiScaleBlock(8, 16, 2).eval().requires_grad_(False), torch.randn(2, 6, 5, 8)
    with torch.inference_mode(), torch_threads.worker_pool(grid.device) as for_each:
        found, expected = hiera._block(block, grid, hiera.Workspace(), for_each), block(grid)
    assert (found - expected).abs().max() < 1e-5


def test_images_in_a_batch_are_encoded_as_each_alone():
    encoder, batch = HieraEncoder(model(**SIZES["tiny"])), images(3)
    with torch.inference_mode():
        for together, alone in zip(encoder(batch), zip(*(encoder(image[None]) for image in batch), strict=True), strict=True):
            assert (together - torch.cat(alone)).abs().max() < 1e-5


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_threads_changes_nothing(threads, monkeypatch):
    encoder = HieraEncoder(model(**SIZES["tiny"]))
    with torch.inference_mode():
        expected = encoder(images())
        monkeypatch.setattr(torch_threads, "workers", lambda: threads)
        for one, other in zip(encoder(images()), expected, strict=True):
            assert torch.equal(one, other)


def test_bfloat16_is_near_float32():
    base = model(**SIZES["tiny"])
    with torch.inference_mode():
        expected = HieraEncoder(copy.deepcopy(base))(images())
        found = HieraEncoder(base).to(torch.bfloat16)(images().bfloat16())
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.bfloat16
        assert (one - other).abs().mean() < 0.05 * other.abs().mean()


def test_images_and_parameters_are_left_as_they_are():
    base, batch = model(**SIZES["tiny"]), images()
    encoder, before = HieraEncoder(base), copy.deepcopy(batch)
    state = {name: value.clone() for name, value in encoder.state_dict().items()}
    with torch.inference_mode():
        first = [features.clone() for features in encoder(batch)]
        again = encoder(batch)
    assert torch.equal(batch, before)
    assert all(torch.equal(value, state[name]) for name, value in encoder.state_dict().items())
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
