"""Pairs in the layout of transformers.js against the models of transformers that they were made of."""

import numpy as np
import pytest

import promptseg
from promptseg.models.sam.prompt_batches import batch_prompts
from promptseg.prompts import Prompt

TOLERANCE = 1e-4
PROMPTS = [
    Prompt.point(40, 50),
    Prompt.point(20, 30),
    Prompt.point(40, 50) + Prompt.point(70, 20, foreground=False),
    Prompt.point(5, 5) + Prompt.point(60, 60) + Prompt.point(33, 21),
    Prompt.box(15, 20, 70, 95),
    Prompt.box(30, 10, 60, 40),
    Prompt.box(15, 20, 70, 95) + Prompt.point(30, 40),
]
"""The corners of a box and three points have equal numbers of rows in some layouts."""


@pytest.fixture(params=["sam", "sam2", "edgetam", "sam3"])
def pair(request, transformers_js_models):
    model, folder = transformers_js_models(request.param)
    segmenter = promptseg.load("onnx-sam", weights=folder, device="cpu", decode_batch=4)
    return model, segmenter, [prompt for prompt in PROMPTS if prompt.kinds <= segmenter.accepts]


def torch_candidates(model, pixels, prompt, geometry):
    """Return scores (4,) and logits (4, low_res, low_res) of transformers: the mask for one object, then those for several."""
    import torch

    points = torch.from_numpy(geometry.to_input(prompt.xy))[None, None] if len(prompt.xy) else None
    labels = torch.from_numpy(prompt.foreground.astype(np.int64))[None, None] if len(prompt.xy) else None
    boxes = None if prompt.xyxy is None else torch.from_numpy(geometry.to_input(prompt.xyxy.reshape(2, 2)).reshape(1, 1, 4))
    given = {"input_points": points, "input_labels": labels, "input_boxes": boxes}
    model.mask_decoder.dynamic_multimask_via_stability = False
    with torch.no_grad():
        found = [model(pixel_values=torch.from_numpy(pixels), **given, multimask_output=several) for several in (False, True)]
    return tuple(np.concatenate([getattr(each, name)[0, 0].numpy() for each in found]) for name in ("iou_scores", "pred_masks"))


def pixels_of(segmenter, image):
    """Return the model input (1, 3, side, side) that the engine gives to an encoder."""
    model, taken = segmenter.model, []
    session = model._encoder._session
    model._encoder._session = lambda inputs, only=(): taken.extend(inputs.values()) or session(inputs)
    model.encode([image])
    model._encoder._session = session
    return taken[0]


def test_every_candidate_of_every_prompt_is_that_of_transformers_also_in_batches(pair, photo):
    model, segmenter, prompts = pair
    image = photo()
    (embedding,) = segmenter.model.encode([image])
    pixels, config = pixels_of(segmenter, image), segmenter.model.decoder_config
    worst, seen = 0.0, []
    for indices, batch in batch_prompts(prompts, embedding.geometry, 4, pad_boxes=config.pads_boxes):
        decoded = segmenter.model.decode(embedding, batch)
        for row, index in enumerate(indices):
            scores, logits = torch_candidates(model, pixels, prompts[index], embedding.geometry)
            largest = np.abs(logits).max()
            assert all(np.abs(logits - other).max() > 0.01 * largest > 0 for other in seen)  # Each prompt has masks of its own.
            seen.append(logits)
            worst = max(worst, np.abs(decoded.scores[row] - scores).max(), np.abs(decoded.all_logits[row] - logits).max() / largest)
    assert worst <= TOLERANCE
    print("WORST", worst, largest)
