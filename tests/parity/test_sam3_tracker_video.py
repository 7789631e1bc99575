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

TOLERANCE = 1e-4
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


@pytest.fixture(scope="module")
def model(tiny_sam3_tracker_video):
    return tiny_sam3_tracker_video(seed=3)


def segmenter_of(model, **settings):
    provenance = Provenance("tiny-sam3-tracker", "sam3_tracker_video", "1")
    tracker = TransformersTracker(copy.deepcopy(model), provenance, TorchSettings(torch.device("cpu")))
    return SamVideoSegmenter(tracker, keep_logits=True, **settings)


class Upstream:
    """Inference sessions of transformers, one for each object, with the methods of a `promptseg.protocols.VideoSession`.

    In one session objects would share the kind of their memories. Two things are added, which SAM 2's own predictor does and transformers
    leaves out: an earlier mask of a frame goes into the decoder with a new prompt, and a corrected frame stays a conditioning frame.
    """

    def __init__(self, model, frames):
        from transformers import Sam2VideoVideoProcessor, Sam3ImageProcessor, Sam3TrackerVideoProcessor

        self.model, side = copy.deepcopy(model), {"height": model.image_size, "width": model.image_size}
        colors = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
        self.processor = Sam3TrackerVideoProcessor(Sam3ImageProcessor(size=side), Sam2VideoVideoProcessor(size=side, **colors))
        self.frames, self.sessions, self.corrected, self.scores = list(frames), {}, [], []
        decode, run = self.model._single_frame_forward, self.model._run_single_frame_inference

        def decoding(**arguments):
            found = decode(**arguments)
            self.scores.append(float(found.iou_scores.max()))
            return found

        def running(**arguments):
            stored, at, earlier = arguments["inference_session"].output_dict_per_obj[0], arguments["frame_idx"], None
            for part in ("non_cond_frame_outputs", "cond_frame_outputs"):
                if at in stored[part] and arguments["point_inputs"] is not None:
                    earlier = stored[part][at]["pred_masks"].clamp(-32, 32)
            output = run(**arguments, prev_sam_mask_logits=earlier)
            score = 1.0 if arguments["mask_inputs"] is not None else self.scores[-1]
            return {**output, "score": score * float(output["object_score_logits"].sigmoid())}

        self.model._single_frame_forward, self.model._run_single_frame_inference = decoding, running

    def add(self, frame, object_id, prompt):
        if object_id not in self.sessions:
            self.sessions[object_id] = self.processor.init_video_session(video=self.frames)
        session = self.sessions[object_id]
        if prompt.mask_pixels is not None:
            given = {"input_masks": prompt.mask_pixels.array}
        else:
            given = {"input_points": [[prompt.xy.tolist()]], "input_labels": [[prompt.foreground.astype(int).tolist()]]}
            given = given if len(prompt.xy) else {}
            given |= {} if prompt.xyxy is None else {"input_boxes": [[prompt.xyxy.tolist()]]}
        self.processor.add_inputs_to_inference_session(session, frame, object_id, **given)
        if frame in session.frames_tracked_per_obj[0]:
            self.corrected.append((session, frame))
        found = self.model(session, frame, reverse=session.frames_tracked_per_obj[0].get(frame, {}).get("reverse", False))
        return self.processor.post_process_masks([found.pred_masks], [SIZE])[0][0, 0].numpy()

    def remove(self, object_id):
        del self.sessions[object_id]

    def propagate(self, start, stop, reverse=False):
        """Yield the index of each frame with the low-resolution logits and scores of its objects."""
        for session, frame in self.corrected:
            stored = session.output_dict_per_obj[0]
            if frame in stored["non_cond_frame_outputs"]:
                stored["cond_frame_outputs"][frame] = stored["non_cond_frame_outputs"].pop(frame)
        for frame in range(start, stop, -1 if reverse else 1):
            found = {}
            for object_id, session in self.sessions.items():
                at = self.model(session, frame, reverse=reverse)
                stored = session.output_dict_per_obj[0]
                score = (stored["cond_frame_outputs"].get(frame) or stored["non_cond_frame_outputs"][frame])["score"]
                pixels = self.processor.post_process_masks([at.pred_masks.clone()], [SIZE])[0][0, 0].numpy()
                found[object_id] = (at.pred_masks[0, 0], score, pixels)
            yield frame, found


def check_alike(ours, theirs, least=1):
    """Compare the frames of both, and check that enough masks are neither empty nor full."""
    seen = 0
    for at, (frame, expected) in zip(ours, theirs, strict=True):
        assert at.frame == frame
        assert set(at.object_ids) == set(expected)
        for object_id, mask in zip(at.object_ids, at.masks, strict=True):
            low, score, pixels = expected[object_id]
            assert np.abs(mask.logits - low.clamp(-32, 32).numpy()).max() < TOLERANCE, (frame, object_id)
            assert mask.score == pytest.approx(score, abs=TOLERANCE)
            assert np.count_nonzero(mask.array != pixels) <= 1, (frame, object_id)
            seen += 0 < mask.area < mask.size[0] * mask.size[1]
    assert seen >= least


def test_frames_are_prepared_alike(model, frames):
    theirs, image = Upstream(model, frames), np.random.default_rng(0).integers(0, 256, (97, 131, 3), np.uint8)
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
    ours, theirs = segmenter_of(model).open(frames), Upstream(model, frames)
    expected = theirs.add(0, 1, PROMPTS[kind])
    assert np.count_nonzero(ours.add(0, 1, PROMPTS[kind]).array != expected) <= 1
    check_alike(ours.propagate(stop=4), theirs.propagate(0, 4), least=3)


def test_two_objects_on_a_whole_video_are_tracked_alike(model, frames):
    ours, theirs = segmenter_of(model).open(frames), Upstream(model, frames)
    for session in (ours, theirs):
        session.add(0, 4, Prompt.box(*BOX))
        session.add(0, 9, Prompt.point(*BESIDE))
    check_alike(ours.propagate(), theirs.propagate(0, FRAMES), least=20)


def test_a_correction_of_a_tracked_frame_and_a_second_click_on_it_are_alike(model, frames):
    ours, theirs = segmenter_of(model).open(frames), Upstream(model, frames)
    for session in (ours, theirs):
        session.add(0, 4, Prompt.point(*POINT))
        session.add(0, 4, Prompt.point(*POINT) + Prompt.point(*BESIDE, foreground=False))
    check_alike(ours.propagate(stop=6), theirs.propagate(0, 6))
    for prompt in (Prompt.point(*ALSO), Prompt.point(*ALSO) + Prompt.point(*BESIDE, foreground=False)):
        expected = theirs.add(4, 4, prompt)
        assert np.count_nonzero(ours.add(4, 4, prompt).array != expected) <= 1
    check_alike(ours.propagate(start=3, stop=8), theirs.propagate(3, 8), least=3)


def test_going_back_from_the_middle_and_a_correction_there_are_alike(model, frames):
    ours, theirs = segmenter_of(model).open(frames), Upstream(model, frames)
    for session in (ours, theirs):
        session.add(8, 4, Prompt.box(*BOX))
    check_alike(ours.propagate(start=8, stop=11), theirs.propagate(8, 11))
    check_alike(ours.propagate(start=8, stop=3, reverse=True), theirs.propagate(8, 3, reverse=True), least=3)
    for session in (ours, theirs):
        session.add(5, 4, Prompt.point(*ALSO))
    check_alike(ours.propagate(start=5, stop=-1, reverse=True), theirs.propagate(5, -1, reverse=True), least=3)


def test_an_object_that_is_added_later_and_one_that_is_removed_are_alike(model, frames):
    ours, theirs = segmenter_of(model).open(frames), Upstream(model, frames)
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
    ours, theirs = segmenter_of(model).open(frames[:6]), Upstream(model, frames[:6])
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
