"""SAM 3 gives what transformers' own processor, model and post-processing give, with random weights."""

import copy

import numpy as np
import pytest

from promptseg.masks import Mask
from promptseg.models.sam.session import SamSegmenter
from promptseg.prompts import Concept, Prompt
from promptseg.results import Provenance

torch = pytest.importorskip("torch", reason="SAM 3 of transformers: torch is not installed")

from promptseg.models.sam.torch.encoding import TorchSettings  # noqa: E402 - They need torch.
from promptseg.models.transformers.sam3.tracker import Sam3Tracker  # noqa: E402

TOLERANCE = 1e-4
SIDE = 56
HERE, THERE, SPLIT = (20, 24, 90.5, 80), (100, 10, 150, 60), (-10, 100, 60.5, 130)
POINT, ALSO, BESIDE = (40, 50), (52.5, 61.25), (100, 20)

CONCEPTS = {
    "phrase": (Concept("a cat"), {"text": "a cat"}),
    "long phrase": (Concept("dog " * 40), {"text": "dog " * 29 + "dog"}),
    "phrase and box": (
        Concept("dog") + Prompt.example(None, Prompt.box(*HERE)),
        {"text": "dog", "input_boxes": [[list(HERE)]], "input_boxes_labels": [[1]]},
    ),
    "box": (Prompt.example(None, Prompt.box(*HERE)), {"input_boxes": [[list(HERE)]], "input_boxes_labels": [[1]]}),
    "boxes with a negative one": (
        Prompt.example(None, Prompt.box(*HERE)) + Prompt.example(None, Prompt.box(*THERE), positive=False),
        {"input_boxes": [[list(HERE), list(THERE)]], "input_boxes_labels": [[1, 0]]},
    ),
    "phrase and negative box": (
        Concept("cat") + Prompt.example(None, Prompt.box(*THERE), positive=False),
        {"text": "cat", "input_boxes": [[list(THERE)]], "input_boxes_labels": [[0]]},
    ),
    "box across the border": (
        Prompt.example(None, Prompt.box(*SPLIT)),
        {"input_boxes": [[[0, 100, 60.5, 120]]], "input_boxes_labels": [[1]]},
    ),
}


@pytest.fixture(scope="module")
def processor(transformers_library, clip_tokenizer_folder):
    return transformers_library.Sam3Processor(
        transformers_library.Sam3ImageProcessor(size={"height": SIDE, "width": SIDE}),
        transformers_library.CLIPTokenizer.from_pretrained(clip_tokenizer_folder),
    )


def upstream(module, processor, image, asked, dtype=torch.float32):
    inputs = processor(images=image, return_tensors="pt", input_data_format="channels_last", **asked)
    given = {name: value.to(dtype) if value.is_floating_point() else value for name, value in inputs.items() if name != "original_sizes"}
    with torch.inference_mode():
        return module(**given)


@pytest.mark.parametrize("lite_text", [False, True], ids=["sam3", "lite-text"])
@pytest.mark.parametrize("name", CONCEPTS)
def test_concepts_are_those_of_transformers(name, lite_text, tiny_sam3, sam3_segmenter, processor, photo):
    concept, asked = CONCEPTS[name]
    outputs = upstream(tiny_sam3(1, lite_text), processor, photo(), asked)
    expected = processor.post_process_instance_segmentation(outputs, threshold=0.0, target_sizes=[photo().shape[:2]])[0]
    (found,) = sam3_segmenter(1, lite_text=lite_text, nms=None).find(photo(), [concept])
    assert found.presence == pytest.approx(outputs.presence_logits.sigmoid().item(), abs=TOLERANCE)
    order = [index for index in np.argsort(-expected["scores"].numpy(), kind="stable") if expected["masks"][index].any()]
    assert len(found.masks) == len(order) > 0
    for mask, index in zip(found.masks, order, strict=True):
        assert mask.score == pytest.approx(expected["scores"][index].item(), abs=TOLERANCE)
        assert (mask.array != expected["masks"][index].numpy().astype(bool)).sum() <= 1  # A pixel at .5 may be rounded otherwise.
    assert 0 < min(mask.area for mask in found.masks) < photo()[..., 0].size


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_boxes_scores_and_logits_are_those_of_transformers(dtype, tiny_sam3, sam3_segmenter, processor, photo):
    from promptseg.models.transformers.sam3.examples import place
    from promptseg.models.transformers.sam3.model import Question

    concept, asked = CONCEPTS["boxes with a negative one"]
    outputs = upstream(tiny_sam3(2).to(dtype), processor, photo(), asked, dtype)
    model = sam3_segmenter(2, dtype=str(dtype).removeprefix("torch.")).model
    placed = place(concept, photo(), SIDE, pytest.fail)
    (answer,) = model.ask(model.encode([photo()])[0], [Question(None, placed.boxes, placed.positive)])
    scores = outputs.pred_logits.float().sigmoid() * outputs.presence_logits.float().sigmoid()
    tolerance = TOLERANCE if dtype == torch.float32 else 2e-2
    np.testing.assert_allclose(answer.scores, scores[0], atol=tolerance)
    np.testing.assert_allclose(answer.boxes, outputs.pred_boxes[0].float(), atol=tolerance)
    np.testing.assert_allclose(answer.logits.float(), outputs.pred_masks[0].float(), atol=tolerance, rtol=tolerance)


PROMPTS = {
    "point": (Prompt.point(*POINT), {"input_points": [[[[*POINT]]]], "input_labels": [[[1]]]}),
    "points": (Prompt.point(*POINT) + Prompt.point(*ALSO), {"input_points": [[[[*POINT], [*ALSO]]]], "input_labels": [[[1, 1]]]}),
    "points with background": (
        Prompt.point(*POINT) + Prompt.point(*BESIDE, foreground=False),
        {"input_points": [[[[*POINT], [*BESIDE]]]], "input_labels": [[[1, 0]]]},
    ),
    "box": (Prompt.box(*HERE), {"input_boxes": [[[*HERE]]]}),
    "box and point": (
        Prompt.box(*HERE) + Prompt.point(*POINT),
        {"input_boxes": [[[*HERE]]], "input_points": [[[[*POINT]]]], "input_labels": [[[1]]]},
    ),
}


@pytest.fixture(scope="module")
def tracker(tiny_sam3_tracker):
    return tiny_sam3_tracker(3, levels=3)


@pytest.fixture(scope="module")
def tracker_processor(transformers_library):
    return transformers_library.Sam3TrackerProcessor(transformers_library.Sam3ImageProcessor(size={"height": SIDE, "width": SIDE}))


def make_segmenter(tracker, dtype=torch.float32):
    provenance = Provenance("tiny-sam3-tracker", "sam3_tracker", "1")
    return SamSegmenter(Sam3Tracker(copy.deepcopy(tracker), provenance, TorchSettings(torch.device("cpu"), dtype)))


def check_masks(found, outputs, processor, size):
    expected = processor.post_process_masks(outputs.pred_masks, [size])[0][0].numpy()
    assert len(found) == len(expected)
    np.testing.assert_allclose(found.scores, outputs.iou_scores[0, 0], atol=TOLERANCE)
    for mask, pixels, logits in zip(found, expected, outputs.pred_masks[0, 0].numpy(), strict=True):
        np.testing.assert_allclose(mask.logits, np.clip(logits, -32, 32), atol=TOLERANCE)
        assert (mask.array != pixels).sum() <= 1


@pytest.mark.parametrize("candidates", [False, True], ids=["selected", "candidates"])
@pytest.mark.parametrize("name", PROMPTS)
def test_points_and_boxes_give_the_masks_of_transformers(name, candidates, tracker, tracker_processor, photo):
    prompt, asked = PROMPTS[name]
    inputs = tracker_processor(images=photo(), return_tensors="pt", input_data_format="channels_last", **asked)
    with torch.inference_mode():
        outputs = tracker(**{key: value for key, value in inputs.items() if key != "original_sizes"}, multimask_output=candidates)
    found = make_segmenter(tracker).open(photo()).segment([prompt], candidates=candidates)
    check_masks(found, outputs, tracker_processor, photo().shape[:2])
    assert any(0 < mask.area < photo()[..., 0].size for mask in found) or not candidates


def test_a_mask_with_a_box_gives_the_masks_of_transformers(tracker, tracker_processor, photo):
    logits = np.random.default_rng(0).normal(0, 4, (4 * SIDE // 14, 4 * SIDE // 14)).astype(np.float32)
    inputs = tracker_processor(images=photo(), input_boxes=[[[*HERE]]], return_tensors="pt", input_data_format="channels_last")
    with torch.inference_mode():
        outputs = tracker(inputs["pixel_values"], input_boxes=inputs["input_boxes"], input_masks=torch.tensor(logits)[None, None])
    found = make_segmenter(tracker).open(photo()).segment([Prompt.mask(logits) + Prompt.box(*HERE)], candidates=True)
    check_masks(found, outputs, tracker_processor, photo().shape[:2])


def test_a_mask_in_pixels_covers_the_grid_of_the_decoder(tracker, photo):
    pixels = np.zeros(photo().shape[:2], bool)
    pixels[20:80, 30:120] = True
    (mask,) = make_segmenter(tracker).open(photo()).segment([Prompt.mask(Mask.from_array(pixels)) + Prompt.box(30, 20, 120, 80)])
    assert mask.logits.shape == (16, 16)


def test_the_embedding_of_no_memory_is_added_where_the_decoder_reads_it(tiny_sam3_tracker, photo):
    """transformers 5.24 adds it to a fourth level, which it then drops; SAM 3's own code to the third."""
    tracker = tiny_sam3_tracker(3, levels=4)
    embedding = make_segmenter(tracker).open(photo()).embedding.features["embedding"]
    tracker.no_memory_embedding.zero_()
    without = make_segmenter(tracker).open(photo()).embedding.features["embedding"]
    difference = embedding - without
    expected = tiny_sam3_tracker(3, levels=4).no_memory_embedding.view(1, -1, 1, 1)
    np.testing.assert_allclose(difference, np.broadcast_to(expected, difference.shape), atol=1e-5)
