"""The trainable decoder agrees with the packages' own in logits and gradients, and with the engine."""

import copy
import warnings

import numpy as np
import pytest

from promptseg.models.sam.prompt_batches import batch_prompts
from promptseg.prompts import Prompt
from promptseg.results import Provenance

torch = pytest.importorskip("torch", reason="fine-tuning needs torch")

from promptseg.finetuning.decoder import TrainableDecoder, in_tokens  # noqa: E402 - It needs torch.
from promptseg.models.sam.torch.model import EMBEDDING, HIGH_RES, TorchSam, TorchSettings  # noqa: E402
from promptseg.models.sam.torch.sam2 import TorchSam2  # noqa: E402

CPU = torch.device("cpu")
KINDS = {
    "boxes": [Prompt.box(5, 6, 40, 30), Prompt.box(0, 0, 63, 40)],
    "one box": [Prompt.box(5, 6, 40, 30)],
    "points": [Prompt.point(20, 20), Prompt.point(50, 9)],
    "points of two kinds": [Prompt.points([(20, 20), (3, 4)], [True, False]), Prompt.points([(9, 9), (30, 4)])],
}


def tiny_mobile_sam():
    """Return a small MobileSAM prompt encoder and mask decoder with random weights, behind an encoder of segment-anything."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        modeling = pytest.importorskip("mobile_sam.modeling", reason="MobileSAM's own code is not installed")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        encoder = modeling.ImageEncoderViT(img_size=64, patch_size=16, embed_dim=32, depth=1, num_heads=2, out_chans=32)
        prompts = modeling.PromptEncoder(32, (4, 4), (64, 64), mask_in_chans=16)
        decoder = modeling.MaskDecoder(
            num_multimask_outputs=3,
            transformer_dim=32,
            transformer=modeling.TwoWayTransformer(2, 32, 4, mlp_dim=64),
            iou_head_hidden_dim=32,
        )
        sam = modeling.Sam(encoder, prompts, decoder).eval().requires_grad_(False)
        for parameter in sam.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return sam


@pytest.fixture(params=["sam", "mobile_sam", "sam2"])
def model(request):
    """Return the package's model."""
    return tiny_mobile_sam() if request.param == "mobile_sam" else request.getfixturevalue(f"tiny_{request.param}")()


@pytest.fixture
def engine(model):
    """Return the engine on a copy of the package's model."""
    kind = TorchSam if hasattr(model, "mask_decoder") else TorchSam2
    return kind(copy.deepcopy(model), Provenance("tiny", "tests", "1"), TorchSettings(CPU))


@pytest.fixture
def embedding(engine, photo):
    return engine.encode([photo(48, 64)])[0]


def batch_of(kind, embedding, engine):
    ((_, batch),) = batch_prompts(KINDS[kind], embedding.geometry, 8, pad_boxes=engine.decoder_config.pads_boxes)
    return batch


def packages_own(model, features, prompts):
    """Return logits and scores as the package computes them from the same tensors."""
    sam2 = hasattr(model, "sam_mask_decoder")
    encoder, decoder = (model.sam_prompt_encoder, model.sam_mask_decoder) if sam2 else (model.prompt_encoder, model.mask_decoder)
    embedding, *high_res = (torch.tensor(features[name]) for name in (EMBEDDING, *HIGH_RES) if name in features)
    points, labels = torch.tensor(prompts.points), torch.tensor(prompts.labels)
    given = labels[0] >= 0
    points, labels = points[:, given], labels[:, given]
    if sam2 or labels[0, 0] < 2:
        sparse, dense = encoder(points=(points, labels), boxes=None, masks=None)
    else:
        sparse, dense = encoder(points=None, boxes=points.flatten(1), masks=None)
    more = {"repeat_image": True, "high_res_features": high_res or None} if sam2 else {}
    return decoder.predict_masks(embedding, encoder.get_dense_pe(), sparse, dense, **more)[:2]


def picture(logits, grid):
    """Reshape (N, C, n, 16) logits of all image tokens to (N, C, 4 rows, 4 columns)."""
    nested = logits.view(*logits.shape[:2], *grid, 2, 2, 2, 2)
    return nested.permute(0, 1, 2, 4, 6, 3, 5, 7).reshape(*logits.shape[:2], 4 * grid[0], 4 * grid[1])


def gradients(of, parameters):
    logits, scores = of()
    random = torch.Generator().manual_seed(0)
    weights = [torch.randn(value.shape, generator=random) for value in (logits, scores)]
    ((logits * weights[0]).mean() + (scores * weights[1]).mean()).backward()
    found = {name: torch.zeros_like(one) if one.grad is None else one.grad.clone() for name, one in parameters.items()}
    for one in parameters.values():
        one.grad = None
    return logits.detach(), scores.detach(), found


@pytest.mark.parametrize("kind", KINDS)
def test_masks_scores_and_gradients_are_those_of_the_package(kind, model, engine, embedding):
    prompts = batch_of(kind, embedding, engine)
    decoder = TrainableDecoder(model, CPU)
    assert decoder.parameters(prompt_encoder=True)
    parameters = {name: one for name, one in model.named_parameters() if one.requires_grad}
    expected = gradients(lambda: packages_own(model, embedding.features, prompts), parameters)

    def ours():
        logits, scores = decoder.decode(embedding.features, prompts)
        return picture(logits, decoder.grid), scores

    found = gradients(ours, parameters)
    for one, other in zip(found[:2], expected[:2], strict=True):
        torch.testing.assert_close(one, other, atol=1e-5 * max(1, other.abs().max().item()), rtol=1e-4)
    assert found[2].keys() == expected[2].keys()
    largest = max(gradient.abs().max().item() for gradient in expected[2].values())
    for name, gradient in expected[2].items():
        torch.testing.assert_close(found[2][name], gradient, atol=1e-5 * largest, rtol=1e-4, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("kind", KINDS)
def test_masks_and_scores_are_those_of_the_engine(kind, model, engine, embedding):
    decoder = TrainableDecoder(model, CPU)
    assert decoder.decoder_config == engine.decoder_config
    assert decoder.geometry((48, 64)) == embedding.geometry
    prompts = batch_of(kind, embedding, engine)
    logits, scores = decoder.decode(embedding.features, prompts)
    decoded = engine.decode(embedding, prompts)
    np.testing.assert_allclose(scores.detach().numpy(), decoded.scores, atol=1e-5)
    for row in range(len(prompts)):
        expected = decoded.logits([(row, candidate) for candidate in range(logits.shape[1])])
        np.testing.assert_allclose(
            picture(logits, decoder.grid)[row].detach().numpy(), expected, atol=1e-5 * max(1, np.abs(expected).max()), rtol=1e-4
        )
        for candidate, own in enumerate(expected):
            np.testing.assert_allclose(
                in_tokens(own), logits[row, candidate].detach().numpy(), atol=1e-5 * max(1, np.abs(own).max()), rtol=1e-4
            )


def test_logits_at_some_image_tokens_are_those_among_all(model, engine, embedding):
    decoder = TrainableDecoder(model, CPU)
    prompts = batch_of("boxes", embedding, engine)
    whole, _ = decoder.decode(embedding.features, prompts)
    places = np.array([[0, 3, 7], [1, 2, 15]])
    some, _ = decoder.decode(embedding.features, prompts, places)
    for row in range(2):
        torch.testing.assert_close(some[row], whole[row][:, places[row]], atol=1e-5, rtol=1e-4)


def test_the_prompt_encoder_is_trained_on_request_alone(model):
    decoder = TrainableDecoder(model, CPU)
    few, more = decoder.parameters(prompt_encoder=False), decoder.parameters(prompt_encoder=True)
    assert {id(one) for one in few} < {id(one) for one in more}


def test_what_embeddings_depend_on_is_neither_trained_nor_kept(model):
    decoder = TrainableDecoder(model, CPU)
    names = decoder.state()
    assert names
    assert not any(".conv_s" in name or "image_encoder" in name for name in names)
    frozen = [parameter for name, parameter in model.named_parameters() if name not in names]
    decoder.parameters(prompt_encoder=True)
    assert not any(parameter.requires_grad for parameter in frozen)


def test_a_state_is_a_copy_that_can_be_taken_back(model):
    decoder = TrainableDecoder(model, CPU)
    before = decoder.state()
    with torch.no_grad():
        for parameter in decoder.parameters(prompt_encoder=True):
            parameter += 1
    changed = decoder.state()
    assert not any(torch.equal(before[name], changed[name]) for name in before if "weight" in name)
    decoder.load(before)
    assert all(torch.equal(before[name], tensor) for name, tensor in decoder.state().items())
