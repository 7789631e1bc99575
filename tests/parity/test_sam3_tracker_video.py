"""SAM 3's tracker on our memory bank gives the masks of transformers' own inference session, which has all frames in memory."""

import copy

import numpy as np
import pytest

from promptseg.prompts import Prompt
from promptseg.results import Provenance

torch = pytest.importorskip("torch", reason="transformers needs torch")
pytest.importorskip("transformers", minversion="5.23", reason="SAM 3 needs transformers")

from promptseg.models.sam.torch.encoding import TorchSettings  # noqa: E402
from promptseg.models.sam.video.session import SamVideoSegmenter  # noqa: E402
from promptseg.models.transformers.sam3.inputs import model_input  # noqa: E402
from promptseg.models.transformers.video_tracker import TransformersTracker  # noqa: E402 - They need torch.
from transformers_sessions import Upstream, check_alike  # noqa: E402

FRAMES, SIZE = 18, (56, 112)  # Points are scaled by powers of two, so that rounding does not grow from frame to frame.
POINT, ALSO, BESIDE, BOX, OTHER = (30, 28), (36, 32), (70, 8), (18, 14, 48, 44), (50, 30, 76, 56)


@pytest.fixture(scope="module")
def frames():
    """A textured square that moves over a textured background."""
    random = np.random.default_rng(5)
    ground = random.integers(0, 90, (*SIZE, 3), np.uint8)
    square = random.integers(150, 255, (24, 24, 3), np.uint8)
    images = []
    for index in range(FRAMES):
        image = ground.copy()
        image[10 + index : 34 + index, 20 + index : 44 + index] = square
        images.append(image)
    return images


def upstream_of(model, frames):
    from transformers import Sam2VideoVideoProcessor, Sam3ImageProcessor, Sam3TrackerVideoProcessor

    side, colors = {"height": model.image_size, "width": model.image_size}, {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    processor = Sam3TrackerVideoProcessor(Sam3ImageProcessor(size=side), Sam2VideoVideoProcessor(size=side, **colors))
    return Upstream(model, processor, frames)


@pytest.fixture(scope="module")
def model(tiny_sam3_tracker_video):
    return tiny_sam3_tracker_video(seed=3)


def segmenter_of(model, **settings):
    provenance = Provenance("tiny-sam3-tracker", "sam3_tracker_video", "1")
    tracker = TransformersTracker(copy.deepcopy(model), provenance, TorchSettings(torch.device("cpu")))
    return SamVideoSegmenter(tracker, keep_logits=True, **settings)


def test_frames_are_prepared_alike(model, frames):
    theirs, image = upstream_of(model, frames), np.random.default_rng(0).integers(0, 256, (97, 131, 3), np.uint8)
    expected = theirs.processor.video_processor(videos=[image], return_tensors="pt").pixel_values_videos[0, 0]
    ours = model_input([image], model.image_size, torch.device("cpu"), torch.float32)
    assert (ours[0] - expected).abs().max() < 1e-5


PROMPTS = {
    "point": Prompt.point(*POINT),
    "points": Prompt.point(*POINT) + Prompt.point(*ALSO) + Prompt.point(*BESIDE, foreground=False),
    "box": Prompt.box(*BOX),
    "box and point": Prompt.box(*BOX) + Prompt.point(*POINT),
    "mask": Prompt.mask(np.pad(np.ones((24, 24), bool), ((16, 16), (20, 68)))),
}


@pytest.mark.parametrize("kind", PROMPTS)
def test_every_kind_of_prompt_is_answered_and_tracked_alike(model, frames, kind):
    ours, theirs = segmenter_of(model).open(frames), upstream_of(model, frames)
    expected = theirs.add(0, 1, PROMPTS[kind])
    assert np.count_nonzero(ours.add(0, 1, PROMPTS[kind]).array != expected) <= 1
    check_alike(ours.propagate(stop=4), theirs.propagate(0, 4), least=3)


def test_two_objects_on_a_whole_video_are_tracked_alike(model, frames):
    ours, theirs = segmenter_of(model).open(frames), upstream_of(model, frames)
    for session in (ours, theirs):
        session.add(0, 4, Prompt.box(*BOX))
        session.add(0, 9, Prompt.point(*BESIDE))
    check_alike(ours.propagate(), theirs.propagate(0, FRAMES), least=20)


def test_a_correction_of_a_tracked_frame_and_a_second_click_on_it_are_alike(model, frames):
    ours, theirs = segmenter_of(model).open(frames), upstream_of(model, frames)
    for session in (ours, theirs):
        session.add(0, 4, Prompt.point(*POINT))
        session.add(0, 4, Prompt.point(*POINT) + Prompt.point(*BESIDE, foreground=False))
    check_alike(ours.propagate(stop=6), theirs.propagate(0, 6))
    for prompt in (Prompt.point(*ALSO), Prompt.point(*ALSO) + Prompt.point(*BESIDE, foreground=False)):
        expected = theirs.add(4, 4, prompt)
        assert np.count_nonzero(ours.add(4, 4, prompt).array != expected) <= 1
    check_alike(ours.propagate(start=3, stop=8), theirs.propagate(3, 8), least=3)


def test_going_back_from_the_middle_and_a_correction_there_are_alike(model, frames):
    ours, theirs = segmenter_of(model).open(frames), upstream_of(model, frames)
    for session in (ours, theirs):
        session.add(8, 4, Prompt.box(*BOX))
    check_alike(ours.propagate(start=8, stop=11), theirs.propagate(8, 11))
    check_alike(ours.propagate(start=8, stop=3, reverse=True), theirs.propagate(8, 3, reverse=True), least=3)
    for session in (ours, theirs):
        session.add(5, 4, Prompt.point(*ALSO))
    check_alike(ours.propagate(start=5, stop=-1, reverse=True), theirs.propagate(5, -1, reverse=True), least=3)


def test_an_object_that_is_added_later_and_one_that_is_removed_are_alike(model, frames):
    ours, theirs = segmenter_of(model).open(frames), upstream_of(model, frames)
    for session in (ours, theirs):
        session.add(0, 4, Prompt.box(*BOX))
    check_alike(ours.propagate(stop=3), theirs.propagate(0, 3))
    for session in (ours, theirs):
        session.add(3, 9, Prompt.box(*OTHER))
    check_alike(ours.propagate(start=3, stop=6), theirs.propagate(3, 6))
    for session in (ours, theirs):
        session.remove(4)
    check_alike(ours.propagate(start=6, stop=9), theirs.propagate(6, 9))


def test_a_video_shorter_than_the_models_reach_is_measured_alike(model, frames):
    ours, theirs = segmenter_of(model).open(frames[:6]), upstream_of(model, frames[:6])
    for session in (ours, theirs):
        session.add(0, 4, Prompt.box(*BOX))
    check_alike(ours.propagate(), theirs.propagate(0, 6), least=3)


def test_the_least_memory_gives_the_same_masks(model, frames):
    """A memory limit that leaves room only for what the next frame needs."""
    sessions = [segmenter_of(model).open(frames)]
    least = sessions[0]._model.span.of_object(1)
    sessions.append(segmenter_of(model, memory=least).open(frames))
    for session in sessions:
        session.add(0, 4, Prompt.box(*BOX))
    for one, other in zip(*(session.propagate() for session in sessions), strict=True):
        assert np.array_equal(one.masks[0].logits, other.masks[0].logits)
        assert sessions[1]._memory_bank.nbytes <= least
    assert sessions[0]._memory_bank.nbytes > least
