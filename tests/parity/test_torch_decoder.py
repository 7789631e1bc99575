"""The torch decoder equals segment-anything's own prompt encoder, mask decoder and predictor, with random weights."""

import copy
import itertools

import numpy as np
import pytest

from promptseg.models.sam.geometry import MASK_PROMPT_LOGIT
from promptseg.models.sam.model import Embedding, PointPrompts
from promptseg.models.sam.session import SamSegmenter
from promptseg.prompts import Prompt
from promptseg.results import Provenance
from shown_logits import shown

torch = pytest.importorskip("torch", reason="the torch engine needs torch")
segment_anything = pytest.importorskip("segment_anything", reason="segment-anything's own code is not installed")

from promptseg.models.sam.torch.decoder import TorchDecoder  # noqa: E402 - It needs torch.
from promptseg.models.sam.torch.model import TorchSam, TorchSettings  # noqa: E402

TOLERANCE = 1e-4
RELATIVE = 1e-5
"""Tolerance relative to the largest logit, if that is over 10: rounding errors of the original code then exceed the absolute tolerance."""
CPU = torch.device("cpu")
PARTS = ("point", "points", "box", "mask")
COMBINATIONS = [parts for n in range(1, 4) for parts in itertools.combinations(PARTS, n) if not {"point", "points"} <= set(parts)]
SHAPES = {
    "depth 1": {"depth": 1},
    "depth 2": {"depth": 2},
    "depth 3": {"depth": 3},
    "wide": {"width": 64, "heads": 8, "input_size": 128, "grid": 8},
    "fine grid": {"width": 48, "heads": 2, "input_size": 64, "grid": 8},
    "SAM's own": {"width": 256, "heads": 8, "input_size": 1024, "grid": 64},
}


def prompts_of(sam, parts, count, seed=1):
    """Return random prompts of the given parts in the original form: points with labels, boxes, masks. Missing parts are None."""
    generator = torch.Generator().manual_seed(seed)
    frame, grid = sam.prompt_encoder.input_image_size[0], sam.prompt_encoder.image_embedding_size[0]
    points = boxes = masks = None
    if "point" in parts:
        points = frame * torch.rand(count, 1, 2, generator=generator), torch.ones(count, 1, dtype=torch.int64)
    if "points" in parts:
        points = frame * torch.rand(count, 3, 2, generator=generator), torch.tensor([[1, 0, 1]]).expand(count, 3)
    if "box" in parts:
        boxes = frame * torch.rand(count, 2, 2, generator=generator).sort(dim=1).values.view(count, 4)
    if "mask" in parts:
        masks = 8 * torch.randn(1, 1, 4 * grid, 4 * grid, generator=generator).expand(count, 1, -1, -1)
    return points, boxes, masks


def embedding_of(sam, seed=2):
    grid = sam.prompt_encoder.image_embedding_size
    return torch.randn(1, sam.prompt_encoder.embed_dim, *grid, generator=torch.Generator().manual_seed(seed))


def upstream(sam, embedding, prompts, multimask):
    """Return low-resolution logits (N, C, h, w) and scores (N, C) of the original code."""
    with torch.no_grad():
        sparse, dense = sam.prompt_encoder(*prompts)
        return sam.mask_decoder(
            image_embeddings=embedding,
            image_pe=sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=multimask,
        )


def as_tokens(prompts):
    """Return the points and labels for our decoder from prompts in the original form."""
    points, boxes, _ = prompts
    count = len(points[0] if points is not None else boxes)
    xy, labels = points if points is not None else (torch.zeros(count, 0, 2), torch.zeros(count, 0, dtype=torch.int64))
    last, kinds = (torch.zeros(count, 1, 2), [-1]) if boxes is None else (boxes.view(count, 2, 2), [2, 3])
    return torch.cat([xy, last], dim=1), torch.cat([labels, torch.tensor([kinds]).expand(count, -1)], dim=1)


def ours(sam, embedding, prompts, dtype=torch.float32):
    """Return all logits (N, 4, h, w) and scores (N, 4) of our decoder."""
    decoder = TorchDecoder(*(copy.deepcopy(part) for part in (sam.prompt_encoder, sam.mask_decoder)), CPU, dtype)
    with torch.inference_mode():
        context = decoder.context(embedding)
        if prompts[2] is not None:
            context = decoder.with_mask(context, prompts[2][0, 0])
        decoded = decoder.decode(context, *as_tokens(prompts))
        return decoder.upscale(decoded, range(len(decoded.scores)), range(4)), decoded.scores


def difference(one, other):
    assert one.shape == other.shape
    return (one - other).abs().max().item()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("parts", [parts for parts in COMBINATIONS if parts != ("mask",)], ids="+".join)
def test_logits_and_scores_are_upstreams(tiny_sam, shape, parts):
    sam = tiny_sam(**SHAPES[shape])
    embedding, prompts = embedding_of(sam), prompts_of(sam, parts, 1)
    logits, scores = ours(sam, embedding, prompts)
    for multimask, candidates in ((True, slice(1, 4)), (False, slice(0, 1))):
        expected_logits, expected_scores = upstream(sam, embedding, prompts, multimask)
        assert expected_logits.std() > 0.01  # Or any answer would do.
        assert difference(logits[:, candidates], expected_logits) < max(TOLERANCE, RELATIVE * expected_logits.abs().max())
        assert difference(scores[:, candidates], expected_scores) < TOLERANCE


@pytest.mark.parametrize("count", [2, 3, 7, 64])
@pytest.mark.parametrize("parts", [("point",), ("points", "box")], ids="+".join)
def test_a_batch_is_upstreams(tiny_sam, parts, count):
    sam = tiny_sam()
    embedding, prompts = embedding_of(sam), prompts_of(sam, parts, count)
    logits, scores = ours(sam, embedding, prompts)
    expected_logits, expected_scores = upstream(sam, embedding, prompts, multimask=True)
    assert difference(logits[:, 1:], expected_logits) < TOLERANCE
    assert difference(scores[:, 1:], expected_scores) < TOLERANCE
    assert difference(logits[0], logits[1]) > 100 * TOLERANCE


@pytest.mark.parametrize("region", [(16, 16), (1, 1), (4, 5), (13, 16)], ids=str)
def test_a_region_is_the_corner_of_the_whole(tiny_sam, region):
    sam = tiny_sam()
    decoder = TorchDecoder(sam.prompt_encoder, sam.mask_decoder, CPU, torch.float32)
    with torch.inference_mode():
        decoded = decoder.decode(decoder.context(embedding_of(sam)), *as_tokens(prompts_of(sam, ("points",), 2)))
        whole, part = decoder.upscale(decoded, [1], [3, 0])[0], decoder.upscale(decoded, [1], [3, 0], region)[0]
    assert part.shape == (2, 4 * -(-region[0] // 4), 4 * -(-region[1] // 4))
    assert difference(part, whole[:, : part.shape[1], : part.shape[2]]) < 1e-6


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.05), (torch.float16, 0.01)], ids=str)
def test_lower_precision_stays_close_and_answers_in_float32(tiny_sam, dtype, tolerance):
    sam = tiny_sam()
    embedding, prompts = embedding_of(sam), prompts_of(sam, ("points", "mask"), 1)
    logits, scores = ours(sam, embedding, prompts, dtype)
    expected_logits, expected_scores = upstream(sam, embedding, prompts, multimask=True)
    assert logits.dtype == scores.dtype == torch.float32
    assert 0 < difference(logits[:, 1:], expected_logits) < tolerance * expected_logits.abs().max()
    assert difference(scores[:, 1:], expected_scores) < tolerance * expected_scores.abs().max()


@pytest.fixture(scope="module")
def upstream_sam(tiny_sam):
    return tiny_sam(width=64, heads=8, input_size=128, grid=8)


@pytest.fixture(scope="module")
def predictor(upstream_sam):
    return segment_anything.SamPredictor(upstream_sam)


@pytest.fixture(scope="module")
def segmenter(upstream_sam):
    return SamSegmenter(TorchSam(copy.deepcopy(upstream_sam), Provenance("tiny", "sam", "1"), TorchSettings(CPU)))


def assert_shown(session, logits, expected):
    """Check logits in the part that shows the image. The rest, which upstream computes too, is background."""
    assert np.abs(shown(logits - expected, session)).max() < TOLERANCE
    assert (logits[-1] == -MASK_PROMPT_LOGIT).all()


class TestPredictor:
    """Complete engine compared with the original ``SamPredictor`` on an image."""

    PROMPTS = (
        (Prompt.point(40, 50), {"point_coords": [[40, 50]], "point_labels": [1]}),
        (
            Prompt.point(40, 50) + Prompt.point(100, 20, foreground=False),
            {"point_coords": [[40, 50], [100, 20]], "point_labels": [1, 0]},
        ),
        (Prompt.box(20, 24, 90.5, 80), {"box": [20, 24, 90.5, 80]}),
        (
            Prompt.box(20, 24, 90.5, 80) + Prompt.point(40, 50),
            {"box": [20, 24, 90.5, 80], "point_coords": [[40, 50]], "point_labels": [1]},
        ),
    )

    @pytest.mark.parametrize("size", [(120, 160), (160, 120), (128, 128), (50, 333)], ids=str)
    def test_the_embedding_is_upstreams(self, predictor, segmenter, photo, size):
        image = photo(*size)
        predictor.set_image(image)
        embedding = segmenter.open(image).embedding.features["embedding"]
        assert embedding.dtype == np.float32
        assert np.abs(embedding - predictor.features.numpy()).max() < 1e-5

    @pytest.mark.parametrize(("prompt", "arguments"), PROMPTS, ids=[repr(prompt) for prompt, _ in PROMPTS])
    def test_candidates_are_upstreams(self, predictor, segmenter, photo, prompt, arguments):
        image = photo()
        predictor.set_image(image)
        arguments = {name: np.array(value) for name, value in arguments.items()}
        masks, scores, logits = predictor.predict(**arguments, multimask_output=True)
        session = segmenter.open(image)
        found = session.segment([prompt], candidates=True)
        for mask, expected in zip(found, logits, strict=True):
            assert_shown(session, mask.logits, expected)
        assert np.abs(found.scores - scores).max() < TOLERANCE
        for mask, expected in zip(found, masks, strict=True):
            union = np.count_nonzero(mask.array | expected)
            assert union == 0 or np.count_nonzero(mask.array & expected) / union >= 0.999

    def test_a_mask_refines_as_upstreams(self, predictor, segmenter, photo):
        image = photo()
        predictor.set_image(image)
        _, _, first = predictor.predict(np.array([[40, 50]]), np.array([1]), multimask_output=False)
        _, scores, logits = predictor.predict(
            np.array([[40, 50]]), np.array([1]), box=np.array([20, 24, 90, 80]), mask_input=first, multimask_output=False
        )
        prompt = Prompt.point(40, 50) + Prompt.box(20, 24, 90, 80) + Prompt.mask(first[0])
        session = segmenter.open(image)
        found = session.segment([prompt])[0]
        assert_shown(session, found.logits, logits[0])
        assert abs(found.score - scores[0]) < TOLERANCE

    def test_several_images_in_one_batch_are_each_as_alone(self, segmenter, photo):
        images = [photo(120, 160), photo(90, 40, seed=3), photo(64, 64, seed=4)]
        model = copy.copy(segmenter.model)
        model._encode_batch = 2
        for together, image in zip(model.encode(images), images, strict=True):
            alone = segmenter.model.encode([image])[0]
            assert together.geometry == alone.geometry
            assert together.features["embedding"].shape == alone.features["embedding"].shape
            assert np.abs(together.features["embedding"] - alone.features["embedding"]).max() < 1e-5

    def test_a_read_only_embedding_of_a_cache_is_taken_as_it_is(self, segmenter, photo):
        embedding = segmenter.model.encode([photo()])[0]
        features = {name: array.copy() for name, array in embedding.features.items()}
        for array in features.values():
            array.setflags(write=False)
        points = PointPrompts(np.array([[[30, 40], [0, 0]]], np.float32), np.array([[1, -1]]))
        one, other = (segmenter.model.decode(e, points) for e in (embedding, Embedding(features, embedding.geometry)))
        assert np.array_equal(one.scores, other.scores)
