"""What EfficientSAM's decoder and encoder get, and what is refused before them."""

import numpy as np
import pytest

from promptseg.errors import PromptError
from promptseg.models.sam.model import BACKGROUND, BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, FOREGROUND, PADDING, Embedding, PointPrompts
from promptseg.models.sam.onnx.efficient_sam import OnnxEfficientSam


class Output:
    def __init__(self, array):
        self.numpy = lambda: array


@pytest.fixture
def model():
    """An EfficientSAM of input size 64 without files: its encoder returns its input, its decoder the inputs of each prompt."""
    made = object.__new__(OnnxEfficientSam)
    made._input_size, made._low_res, made._feature = 64, 16, "image"

    class Encoder:
        inputs = ("pixels",)

        def __call__(self, values):
            return [Output(values["pixels"])]

    made._encoder, made._decoder = Encoder(), lambda inputs, one_thread: list(inputs)
    return made


def prompts(*labels, mask_logits=None):
    points = np.arange(2 * len(labels), dtype=np.float32).reshape(1, -1, 2)
    return PointPrompts(points, np.array([labels]), mask_logits)


def decode(model, given):
    return model.decode(Embedding({"embedding": np.zeros((1, 1, 4, 4), np.float32)}, model.geometry((30, 40))), given)


def test_the_encoder_gets_samples_from_0_to_1_at_the_size_of_the_image(model):
    image = np.zeros((2, 3, 3), np.uint8)
    image[0, 2] = (255, 51, 0)
    (embedding,) = model.encode([image])
    pixels = embedding.features["embedding"]
    assert (pixels.shape, pixels.dtype) == ((1, 3, 2, 3), np.float32)
    assert pixels[0, :, 0, 2].tolist() == pytest.approx([1, 0.2, 0])
    assert embedding.geometry.size == (2, 3)


def test_the_decoder_gets_points_without_padding_and_its_input_size_for_that_of_the_image(model):
    (inputs,) = decode(model, prompts(BOX_TOP_LEFT, BOX_BOTTOM_RIGHT, FOREGROUND, PADDING))
    assert inputs["batched_point_coords"].tolist() == [[[[0, 1], [2, 3], [4, 5]]]]
    assert inputs["batched_point_labels"].tolist() == [[[2, 3, 1]]]
    assert inputs["orig_im_size"].tolist() == [64, 64]


def test_six_points_are_taken_and_seven_are_refused(model):
    (inputs,) = decode(model, prompts(*[FOREGROUND] * 6, PADDING))
    assert inputs["batched_point_labels"].shape == (1, 1, 6)
    with pytest.raises(PromptError, match=r"at most 6 points a prompt, .*; this one has 7"):
        decode(model, prompts(*[FOREGROUND] * 7))


def test_a_background_point_and_an_earlier_mask_are_refused(model):
    with pytest.raises(PromptError, match="does not know background points"):
        decode(model, prompts(FOREGROUND, BACKGROUND))
    with pytest.raises(PromptError, match="takes no earlier mask"):
        decode(model, prompts(FOREGROUND, PADDING, mask_logits=np.zeros((16, 16), np.float32)))
