"""Comparison of the graphs with a plain numpy version of SAM's decoder, on random weights."""

import math

import numpy as np
import onnx
import onnxruntime
import pytest

from promptseg.models.sam.model import BACKGROUND, BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, FOREGROUND, PADDING
from promptseg.models.sam.onnx import decoder as onnx_decoder

WIDTH, GRID, HEADS = 256, 16, 8  # The published width, and a quarter of the published grid.
SIDE, LOW_RES = 16 * GRID, 4 * GRID


def random_weights(seed=0):
    """Return random values of every parameter that the graphs read, at scales at which every attention matters."""
    random = np.random.default_rng(seed)

    def array(*shape, scale=1.0):
        return random.normal(size=shape, scale=scale).astype(np.float32)

    weights = {
        "pe_layer.positional_encoding_gaussian_matrix": array(2, WIDTH // 2),
        "not_a_point_embed.weight": array(1, WIDTH),
        "output_tokens": array(1, 5, WIDTH),
        "no_mask_embed": array(WIDTH),
        **{f"point_embeddings.{i}.weight": array(1, WIDTH) for i in range(4)},
    }

    def linear(name, into, out):
        weights[f"{name}.weight"], weights[f"{name}.bias"] = array(into, out, scale=into**-0.5), array(out, scale=0.2)

    def norm(name, width):
        weights[f"{name}.weight"], weights[f"{name}.bias"] = 1 + array(width, scale=0.1), array(width, scale=0.1)

    def attention(name, inner):
        for projection in ("q_proj", "k_proj", "v_proj"):
            linear(f"{name}.{projection}", WIDTH, inner)
        linear(f"{name}.out_proj", inner, WIDTH)

    for layer in ("transformer.layers.0", "transformer.layers.1"):
        attention(f"{layer}.self_attn", WIDTH)
        attention(f"{layer}.cross_attn_token_to_image", WIDTH // 2)
        attention(f"{layer}.cross_attn_image_to_token", WIDTH // 2)
        linear(f"{layer}.mlp.lin1", WIDTH, 64)
        linear(f"{layer}.mlp.lin2", 64, WIDTH)
        for number in range(1, 5):
            norm(f"{layer}.norm{number}", WIDTH)
    attention("transformer.final_attn_token_to_image", WIDTH // 2)
    norm("transformer.norm_final_attn", WIDTH)
    for name, last in (("iou_prediction_head", 4), *((f"output_hypernetworks_mlps.{i}", WIDTH // 8) for i in range(4))):
        for layer, out in enumerate((WIDTH, WIDTH, last)):
            weights[f"{name}.layers.{layer}.weight"] = array(out, WIDTH, scale=WIDTH**-0.5)  # Weights of these perceptrons are (out, in).
            weights[f"{name}.layers.{layer}.bias"] = array(out, scale=0.2)
    for index, (into, out) in {0: (WIDTH, WIDTH // 4), 3: (WIDTH // 4, WIDTH // 8)}.items():
        weights[f"output_upscaling.{index}.weight"] = array(into, out, 2, 2, scale=into**-0.5)
        weights[f"output_upscaling.{index}.bias"] = array(out, scale=0.2)
    norm("output_upscaling.1", WIDTH // 4)
    for index, (into, out, side) in {0: (1, 4, 2), 3: (4, 16, 2), 6: (16, WIDTH, 1)}.items():
        weights[f"mask_downscaling.{index}.weight"] = array(out, into, side, side, scale=(into * side * side) ** -0.5)
        weights[f"mask_downscaling.{index}.bias"] = array(out, scale=0.2)
    norm("mask_downscaling.1", 4)
    norm("mask_downscaling.4", 16)
    return weights


class Reference:
    """Plain numpy version of segment-anything's ``PromptEncoder``, ``TwoWayTransformer`` and ``MaskDecoder``, for one prompt at a time."""

    def __init__(self, weights):
        self.w = {name: array.astype(np.float64) for name, array in weights.items()}
        self.erf = np.vectorize(math.erf)

    def decode(self, embedding, dense, points, labels):
        """Return scores (4,) and logits (4, LOW_RES, LOW_RES)."""
        tokens = np.concatenate([self.w["output_tokens"][0], self.points(points, labels)])
        image = (embedding + dense).reshape(WIDTH, GRID * GRID).T
        ticks = (np.arange(GRID) + 0.5) / GRID
        positions = self.fourier(np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2))
        queries = tokens
        for layer in range(2):
            name = f"transformer.layers.{layer}"
            if layer == 0:
                queries = self.attention(f"{name}.self_attn", queries, queries, queries)
            else:
                asked = queries + tokens
                queries = queries + self.attention(f"{name}.self_attn", asked, asked, queries)
            queries = self.norm(f"{name}.norm1", queries)
            attended = self.attention(f"{name}.cross_attn_token_to_image", queries + tokens, image + positions, image)
            queries = self.norm(f"{name}.norm2", queries + attended)
            hidden = np.maximum(self.linear(f"{name}.mlp.lin1", queries), 0)
            queries = self.norm(f"{name}.norm3", queries + self.linear(f"{name}.mlp.lin2", hidden))
            attended = self.attention(f"{name}.cross_attn_image_to_token", image + positions, queries + tokens, queries)
            image = self.norm(f"{name}.norm4", image + attended)
        attended = self.attention("transformer.final_attn_token_to_image", queries + tokens, image + positions, image)
        queries = self.norm("transformer.norm_final_attn", queries + attended)
        hyper = np.array([self.head(f"output_hypernetworks_mlps.{i}", queries[1 + i]) for i in range(4)])
        upscaled = self.transposed("output_upscaling.0", image.T.reshape(WIDTH, GRID, GRID))
        upscaled = self.gelu(self.channel_norm("output_upscaling.1", upscaled))
        upscaled = self.gelu(self.transposed("output_upscaling.3", upscaled))
        return self.head("iou_prediction_head", queries[0]), np.tensordot(hyper, upscaled, 1)

    def dense(self, mask):
        """Return the embedding of an earlier mask, (WIDTH, GRID, GRID)."""
        value = mask[None]
        for convolution, norm in (("0", "1"), ("3", "4")):
            value = self.convolution(f"mask_downscaling.{convolution}", value)
            value = self.gelu(self.channel_norm(f"mask_downscaling.{norm}", value))
        return self.convolution("mask_downscaling.6", value)

    def points(self, points, labels):
        embedded = self.fourier((points + 0.5) / SIDE)
        for row, label in enumerate(labels):
            if label == PADDING:
                embedded[row] = self.w["not_a_point_embed.weight"][0]
            else:
                embedded[row] += self.w[f"point_embeddings.{label}.weight"][0]
        return embedded

    def fourier(self, unit):
        angles = 2 * np.pi * ((2 * unit - 1) @ self.w["pe_layer.positional_encoding_gaussian_matrix"])
        return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)

    def attention(self, name, q, k, v):
        projected = (self.linear(f"{name}.{projection}_proj", x) for projection, x in (("q", q), ("k", k), ("v", v)))
        q, k, v = (x.reshape(len(x), HEADS, -1).transpose(1, 0, 2) for x in projected)
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        joined = (shares / shares.sum(axis=-1, keepdims=True) @ v).transpose(1, 0, 2)
        return self.linear(f"{name}.out_proj", joined.reshape(len(joined), -1))

    def linear(self, name, x):
        return x @ self.w[f"{name}.weight"] + self.w[f"{name}.bias"]

    def norm(self, name, x, epsilon=1e-5):
        centered = x - x.mean(axis=-1, keepdims=True)
        return centered / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + epsilon) * self.w[f"{name}.weight"] + self.w[f"{name}.bias"]

    def channel_norm(self, name, x):
        return np.moveaxis(self.norm(name, np.moveaxis(x, 0, -1), 1e-6), -1, 0)

    def head(self, name, x):
        for layer in range(3):
            x = self.w[f"{name}.layers.{layer}.weight"] @ x + self.w[f"{name}.layers.{layer}.bias"]
            x = np.maximum(x, 0) if layer < 2 else x
        return x

    def gelu(self, x):
        return x * (1 + self.erf(x / math.sqrt(2))) / 2

    def transposed(self, name, x):
        """A transposed convolution of kernel and stride 2."""
        _, height, width = x.shape
        pixels = np.einsum("ihw,ioab->ohawb", x, self.w[f"{name}.weight"], optimize=True)
        return pixels.reshape(-1, 2 * height, 2 * width) + self.w[f"{name}.bias"][:, None, None]

    def convolution(self, name, x):
        """A convolution whose stride is its kernel."""
        weight = self.w[f"{name}.weight"]
        side = weight.shape[-1]
        patches = x.reshape(len(x), x.shape[1] // side, side, x.shape[2] // side, side)
        return np.einsum("ihawb,oiab->ohw", patches, weight, optimize=True) + self.w[f"{name}.bias"][:, None, None]


class Graphs:
    """The graphs, run one after the other."""

    def __init__(self, weights):
        makers = {name: getattr(onnx_decoder, f"{name}_graph") for name in ("no_mask", "mask_prompt", "context", "decoder", "upscaling")}
        self.serialized = {name: make(weights, GRID) for name, make in makers.items()}
        cpu = ["CPUExecutionProvider"]
        self.sessions = {name: onnxruntime.InferenceSession(graph, providers=cpu) for name, graph in self.serialized.items()}

    def run(self, name, **inputs):
        return self.sessions[name].run(None, inputs)

    def context(self, embedding, dense):
        outputs = self.run("context", embedding=embedding[None], dense=dense[None])
        return dict(zip(("image", "keys", "values", "queries"), outputs, strict=True))

    def logits(self, image_out, prompt, hyper, grid=(GRID, GRID)):
        (logits,) = self.run("upscaling", image_out=image_out, prompt=np.array([prompt]), hyper=hyper, grid=np.array(grid))
        return logits


@pytest.fixture(scope="module")
def weights():
    return random_weights()


@pytest.fixture(scope="module")
def graphs(weights):
    return Graphs(weights)


@pytest.fixture(scope="module")
def reference(weights):
    return Reference(weights)


@pytest.fixture(scope="module")
def embedding():
    return np.random.default_rng(1).normal(size=(WIDTH, GRID, GRID)).astype(np.float32)


@pytest.fixture(scope="module")
def no_mask(weights):
    return np.broadcast_to(weights["no_mask_embed"][:, None, None], (WIDTH, GRID, GRID)).copy()


PROMPTS = {
    "point": ([(75, 50), (0, 0)], [FOREGROUND, PADDING]),
    "points": ([(75, 50), (200.5, 7.25), (2, 250), (0, 0)], [FOREGROUND, BACKGROUND, FOREGROUND, PADDING]),
    "box": ([(25, 38), (225, 160)], [BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]),
    "box and point": ([(75, 50), (25, 38), (225, 160)], [BACKGROUND, BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]),
}


def arrays(*prompts):
    points, labels = zip(*prompts, strict=True)
    return {"points": np.array(points, np.float32), "labels": np.array(labels, np.int64)}


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-4 * max(1.0, float(np.abs(expected).max()) / 10))


@pytest.mark.parametrize("kind", PROMPTS)
def test_scores_and_logits_are_those_of_the_published_arithmetic(kind, graphs, reference, embedding, no_mask):
    scores, hyper, image_out = graphs.run("decoder", **arrays(PROMPTS[kind]), **graphs.context(embedding, no_mask))
    expected_scores, expected_logits = reference.decode(embedding, no_mask, *(np.array(part) for part in PROMPTS[kind]))
    assert np.ptp(expected_logits) > 1
    assert np.ptp(expected_scores) > 0.1
    assert_close(scores[0], expected_scores)
    assert_close(graphs.logits(image_out, 0, hyper[0]), expected_logits)


def test_an_earlier_mask_is_embedded_as_published(graphs, reference, embedding):
    mask = np.random.default_rng(2).normal(size=(LOW_RES, LOW_RES), scale=8).astype(np.float32)
    (dense,) = graphs.run("mask_prompt", mask=mask[None, None])
    expected = reference.dense(mask)
    assert_close(dense[0], expected)
    scores, hyper, image_out = graphs.run("decoder", **arrays(PROMPTS["box"]), **graphs.context(embedding, dense[0]))
    expected_scores, expected_logits = reference.decode(embedding, expected, *(np.array(part) for part in PROMPTS["box"]))
    assert_close(scores[0], expected_scores)
    assert_close(graphs.logits(image_out, 0, hyper[0]), expected_logits)


@pytest.mark.parametrize("batch", [2, 5])
def test_prompts_of_a_batch_are_decoded_as_each_alone(batch, graphs, embedding, no_mask):
    random = np.random.default_rng(batch)
    prompts = [(random.uniform(0, SIDE - 1, (3, 2)), random.choice([BACKGROUND, FOREGROUND], 3)) for _ in range(batch)]
    context = graphs.context(embedding, no_mask)
    scores, hyper, image_out = graphs.run("decoder", **arrays(*prompts), **context)
    assert scores.shape == (batch, 4)
    assert hyper.shape == (batch, 4, 32)
    for row, prompt in enumerate(prompts):
        alone, alone_hyper, alone_image = graphs.run("decoder", **arrays(prompt), **context)
        np.testing.assert_allclose(scores[row], alone[0], atol=1e-4)
        np.testing.assert_allclose(graphs.logits(image_out, row, hyper[row]), graphs.logits(alone_image, 0, alone_hyper[0]), atol=1e-3)
    assert np.ptp(scores, axis=0).min() > 1e-3


def test_where_padding_lies_does_not_matter(graphs, embedding, no_mask):
    context = graphs.context(embedding, no_mask)
    here, there = (graphs.run("decoder", **arrays(([(75, 50), at], [FOREGROUND, PADDING])), **context)[0] for at in ((0, 0), (194, 14)))
    assert np.array_equal(here, there)


@pytest.mark.parametrize("kind", [FOREGROUND, BACKGROUND, BOX_TOP_LEFT, BOX_BOTTOM_RIGHT, PADDING])
def test_every_kind_of_point_but_padding_has_a_position(kind, graphs, embedding, no_mask):
    context = graphs.context(embedding, no_mask)
    here, there = (graphs.run("decoder", **arrays(([at], [kind])), **context)[0] for at in ((25, 50), (175, 225)))
    assert bool(np.abs(here - there).max() > 1e-3) is (kind != PADDING)


@pytest.mark.parametrize("grid", [(16, 16), (1, 1), (11, 16), (16, 5)])
@pytest.mark.parametrize("candidates", [[0], [1, 2, 3], [3, 1]])
def test_a_part_of_the_logits_is_that_part_of_them_all(grid, candidates, graphs):
    random = np.random.default_rng(3)
    image_out = random.normal(size=(2, GRID * GRID, WIDTH)).astype(np.float32)
    hyper = random.normal(size=(4, 32)).astype(np.float32)
    everything = graphs.logits(image_out, 1, hyper)
    part = graphs.logits(image_out, 1, hyper[candidates], grid)
    assert everything.shape == (4, LOW_RES, LOW_RES)
    assert part.shape == (len(candidates), 4 * grid[0], 4 * grid[1])
    np.testing.assert_allclose(part, everything[candidates, : 4 * grid[0], : 4 * grid[1]], atol=1e-4)


def test_the_image_s_positions_are_the_same_for_every_image_and_lie_row_by_row(weights, reference):
    positions = onnx_decoder.image_positions(weights, GRID)
    assert positions.shape == (GRID * GRID, WIDTH)
    np.testing.assert_allclose(positions[5 * GRID + 9], reference.fourier(np.array([(9.5 / GRID, 5.5 / GRID)]))[0], atol=1e-4)


def test_the_graphs_are_the_same_at_every_build_and_read_by_older_runtimes(graphs, weights):
    for name, serialized in graphs.serialized.items():
        model = onnx.load_from_string(serialized)
        assert (model.ir_version, [opset.version for opset in model.opset_import]) == (9, [20])
        assert getattr(onnx_decoder, f"{name}_graph")(weights, GRID) == serialized
