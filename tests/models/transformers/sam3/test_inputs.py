"""Model inputs of SAM 3 are those of transformers' processor."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="SAM 3 of transformers: torch is not installed")

from promptseg.models.transformers.sam3.inputs import model_input  # noqa: E402 - It needs torch.

CPU = torch.device("cpu")


@pytest.mark.parametrize("size", [(120, 160), (33, 7), (56, 56), (1, 1), (3, 200)], ids=str)
def test_an_image_is_stretched_and_scaled_as_by_transformers(transformers_library, size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    processor = transformers_library.Sam3ImageProcessor(size={"height": 56, "width": 56})
    expected = processor(images=image, return_tensors="pt", input_data_format="channels_last")["pixel_values"]
    np.testing.assert_allclose(model_input([image], 56, CPU, torch.float32), expected, atol=1e-6)


def test_gray_channels_views_and_read_only_images_are_taken(photo):
    expected = model_input([photo()], 56, CPU, torch.float32)
    turned = np.ascontiguousarray(photo()[:, ::-1])
    turned.setflags(write=False)
    assert torch.equal(model_input([turned[:, ::-1]], 56, CPU, torch.float32), expected)


def test_images_of_several_sizes_make_one_batch(photo):
    images = [photo(), photo(40, 30, 1)]
    batch = model_input(images, 56, CPU, torch.bfloat16)
    assert batch.shape == (2, 3, 56, 56)
    assert batch.dtype == torch.bfloat16
    for image, alone in zip(images, batch, strict=True):
        assert torch.equal(model_input([image], 56, CPU, torch.bfloat16)[0], alone)
    assert batch.float().abs().max() <= 1
