"""Export layout of SAM 2, on a tiny model of its own code."""

import warnings

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="the export needs torch")
pytest.importorskip("sam2", reason="SAM 2's own code is not installed")

from promptseg.export import sam2  # noqa: E402 - It imports torch.
from promptseg.export.check import compare  # noqa: E402
from promptseg.export.graphs import write_graph  # noqa: E402
from promptseg.models.sam.model import PointPrompts  # noqa: E402


@pytest.fixture(scope="module")
def layout(tiny_sam2):
    return sam2.Sam2Layout(tiny_sam2(spread=0.05))


@pytest.fixture(scope="module")
def pair(layout, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    write_graph(layout.encoder, folder / "encoder.onnx")
    write_graph(layout.decoder, folder / "decoder.onnx")
    return folder / "encoder.onnx", folder / "decoder.onnx"


@pytest.fixture(scope="module")
def features(pair):
    session = onnxruntime.InferenceSession(str(pair[0]), providers=["CPUExecutionProvider"])
    return session.run(None, {"input": np.random.default_rng(0).normal(size=(1, 3, 128, 128)).astype(np.float32)})


def shapes(values):
    return {value.name: value.shape for value in values}


def test_the_pair_agrees_with_the_torch_model(layout, pair):
    found = compare(layout, *pair)
    assert found.holds(int8=False), str(found)


def test_predictions_are_those_of_the_packages_own_predictor(layout, pair, run_graph, photo):
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns about the scripted transforms.
        predictor = SAM2ImagePredictor(layout.sam)
    predictor._bb_feat_sizes = [(32, 32), (16, 16), (8, 8)]
    predictor.set_image(photo(90, 120))
    box = np.array([12, 18, 60, 70], np.float32)
    masks, scores, low_res = predictor.predict(box=box, return_logits=True)
    features = [predictor._features["image_embed"], *predictor._features["high_res_feats"]]
    corners = box.reshape(1, 2, 2) * np.array([128 / 120, 128 / 90], np.float32)
    prompt = PointPrompts(corners, np.array([[2, 3]]))
    found = run_graph(pair[1], **layout.inputs([level.numpy() for level in features], prompt, (90, 120)))
    np.testing.assert_allclose(found["low_res_masks"][0, 1:], low_res, atol=1e-4)
    np.testing.assert_allclose(found["masks"][0, 1:], masks, atol=1e-4)
    np.testing.assert_allclose(found["iou_predictions"][0, 1:], scores, atol=1e-5)


def test_inputs_and_outputs_are_those_of_the_published_files(pair):
    encoder, decoder = (onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]) for path in pair)
    assert shapes(encoder.get_inputs()) == {"input": [1, 3, 128, 128]}
    assert list(shapes(encoder.get_outputs())) == ["image_embeddings", "high_res_features1", "high_res_features2"]
    assert shapes(decoder.get_inputs()) == {
        "image_embeddings": [1, 256, 8, 8],
        "high_res_features1": [1, 32, 32, 32],
        "high_res_features2": [1, 64, 16, 16],
        "point_coords": ["num_labels", "num_points", 2],
        "point_labels": ["num_labels", "num_points"],
        "mask_input": [1, 1, 32, 32],
        "has_mask_input": [1],
        "orig_im_size": [2],
    }
    assert {value.name: value.type for value in decoder.get_inputs()}["orig_im_size"] == "tensor(int64)"
    assert list(shapes(decoder.get_outputs())) == ["masks", "iou_predictions", "low_res_masks"]


def test_the_encoder_gives_features_of_three_resolutions(features):
    assert [level.shape for level in features] == [(1, 256, 8, 8), (1, 32, 32, 32), (1, 64, 16, 16)]


@pytest.mark.parametrize("count", [1, 3])
def test_several_prompts_at_once_give_the_masks_of_each_alone(layout, pair, features, run_graph, count):
    random = np.random.default_rng(1)
    prompts = PointPrompts(random.uniform(0, 128, (count, 2, 2)).astype(np.float32), np.tile(np.array([[1, 0]]), (count, 1)))
    together = run_graph(pair[1], **layout.inputs(features, prompts, (40, 60)))
    assert together["masks"].shape == (count, 4, 40, 60)
    for index in range(count):
        alone = PointPrompts(prompts.points[index : index + 1], prompts.labels[index : index + 1])
        for name, values in run_graph(pair[1], **layout.inputs(features, alone, (40, 60))).items():
            np.testing.assert_allclose(values[0], together[name][index], atol=1e-4)
