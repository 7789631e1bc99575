"""Export layout of segment-anything, on a tiny model of its code."""

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="the export needs torch")

from promptseg.export.check import compare  # noqa: E402
from promptseg.export.graphs import write_graph  # noqa: E402 - It imports torch.
from promptseg.models.sam.model import PointPrompts  # noqa: E402


@pytest.fixture(scope="module")
def layout(tiny_layout):
    return tiny_layout()


@pytest.fixture(scope="module")
def pair(layout, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    write_graph(layout.encoder, folder / "encoder.onnx")
    write_graph(layout.decoder, folder / "decoder.onnx")
    return folder / "encoder.onnx", folder / "decoder.onnx"


def shapes(values):
    return {value.name: value.shape for value in values}


def test_the_pair_agrees_with_the_torch_model(layout, pair):
    found = compare(layout, *pair)
    assert found.holds(int8=False), str(found)


def test_the_pair_of_another_model_does_not(tiny_layout, pair):
    assert not compare(tiny_layout(seed=1), *pair).holds(int8=False)


def test_inputs_and_outputs_are_those_of_the_published_files(pair):
    encoder, decoder = (onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]) for path in pair)
    assert shapes(encoder.get_inputs()) == {"input": ["batch_size", 3, 64, 64]}
    assert shapes(encoder.get_outputs()) == {"output": ["batch_size", 32, 4, 4]}
    assert shapes(decoder.get_inputs()) == {
        "image_embeddings": [1, 32, 4, 4],
        "point_coords": [1, "num_points", 2],
        "point_labels": [1, "num_points"],
        "mask_input": [1, 1, 16, 16],
        "has_mask_input": [1],
        "orig_im_size": [2],
    }
    assert {value.type for value in decoder.get_inputs()} == {"tensor(float)"}
    assert list(shapes(decoder.get_outputs())) == ["masks", "iou_predictions", "low_res_masks"]


def test_the_encoder_takes_several_images_at_once(layout, pair, run_graph):
    images = np.random.default_rng(0).normal(size=(2, 3, 64, 64)).astype(np.float32)
    together = run_graph(pair[0], input=images)["output"]
    for image, features in zip(images, together, strict=True):
        np.testing.assert_allclose(run_graph(pair[0], input=image[None])["output"][0], features, atol=1e-5)


@pytest.mark.parametrize("size", [(30, 50), (97, 64)])
def test_one_mask_comes_at_the_size_of_the_image(layout, pair, run_graph, size):
    points = PointPrompts(np.array([[[20, 10], [0, 0]]], np.float32), np.array([[1, -1]]))
    embedding = np.zeros((1, 32, 4, 4), np.float32)
    found = run_graph(pair[1], **layout.inputs([embedding], points, size))
    assert found["masks"].shape == (1, 1, *size)
    assert found["low_res_masks"].shape == (1, 1, 16, 16)
    assert found["iou_predictions"].shape == (1, 1)
