"""SAM 3 on videos for phrases, with a state that does not grow, gives the masks of transformers' own session, which stores everything."""

import copy

import numpy as np
import pytest

from promptseg.prompts import Prompt
from promptseg.results import Provenance

torch = pytest.importorskip("torch", reason="transformers needs torch")
pytest.importorskip("transformers", minversion="5.23", reason="SAM 3 needs transformers")

from promptseg.models.sam.torch.encoding import TorchSettings  # noqa: E402
from promptseg.models.transformers.sam3.inputs import model_input  # noqa: E402
from promptseg.models.transformers.sam3.video_model import Sam3Video  # noqa: E402
from promptseg.models.transformers.sam3.video_session import Sam3VideoSegmenter  # noqa: E402 - They need torch.

SIZE = (60, 80)
PHRASES = ("dog", "cat")
FINDS = {"score_threshold_detection": 0.2, "new_det_thresh": 0.22, "det_nms_thresh": 0.5}
"""Thresholds below the scores of random weights."""


def frames(count):
    """A textured square that moves over a textured background."""
    random = np.random.default_rng(5)
    ground = random.integers(0, 90, (*SIZE, 3), np.uint8)
    square = random.integers(150, 255, (24, 24, 3), np.uint8)
    for index in range(count):
        image = ground.copy()
        image[8 + index % 24 : 32 + index % 24, 8 + index % 40 : 32 + index % 40] = square
        yield image


def model_of(module, tokens, **options):
    provenance = Provenance("tiny-sam3", "sam3_video", "transformers")
    return Sam3Video(copy.deepcopy(module), tokens, provenance, TorchSettings(torch.device("cpu")), **options)


class Upstream:
    """``Sam3VideoModel`` and its session, as transformers uses them, with the functions that it would download.

    One mistake is mended: on a frame on which an object is removed, transformers gives the masks and scores of objects behind it to others.
    """

    def __init__(self, module, tokens, images, phrases=PHRASES):
        from transformers import Sam3VideoInferenceSession, Sam3VideoProcessor

        self.module = module = copy.deepcopy(module)
        video = model_input(list(images), module.config.image_size, torch.device("cpu"), torch.float32)
        self.session = Sam3VideoInferenceSession(video=video, video_height=SIZE[0], video_width=SIZE[1], dtype=torch.float32)
        self.processor = object.__new__(Sam3VideoProcessor)
        for phrase in phrases:
            number = self.session.add_prompt(phrase)
            ids, used = torch.tensor(tokens(phrase))[:, None]
            self.session.prompt_input_ids[number], self.session.prompt_attention_masks[number] = ids, used
        propagate, build, track = module.run_tracker_propagation, module.build_outputs, module._det_track_one_frame

        def propagating(**arguments):
            self.before = list(self.session.obj_ids)
            return propagate(**arguments)

        def building(**arguments):
            after, self.session.obj_ids = self.session.obj_ids, self.before
            found = build(**arguments)
            self.session.obj_ids = after
            gone = arguments["tracker_update_plan"]["obj_ids_newly_removed"]
            return {object_id: mask for object_id, mask in found.items() if object_id not in gone}

        def tracking(**arguments):
            found = track(**arguments)
            scores = found[2]["obj_id_to_tracker_score_frame_wise"][arguments["frame_idx"]]
            scores.update({at: found[1][at] for at in scores if at not in self.before})
            scores.update(zip(self.before, found[3], strict=True) if self.before else ())
            return found

        module.run_tracker_propagation, module.build_outputs, module._det_track_one_frame = propagating, building, tracking

    def step(self, index, reverse=False):
        return self.module(self.session, frame_idx=index, reverse=reverse)

    def propagate(self):
        """Yield each frame with the masks of the objects that are seen, and the phrase and score of each."""
        for found in self.module.propagate_in_video_iterator(self.session):
            scores = dict(found.obj_id_to_tracker_score)
            processed = self.processor.postprocess_outputs(self.session, found)
            masks = dict(zip(processed["object_ids"].tolist(), processed["masks"].numpy(), strict=True))
            by_phrase = {at: phrase for phrase, ids in processed["prompt_to_obj_ids"].items() for at in ids}
            yield found.frame_idx, masks, by_phrase, scores


@pytest.fixture(scope="module")
def tokens():
    def tokens(phrase):
        ids = [512, *(ord(letter) for letter in phrase), 517]
        return np.array([ids + [517] * (32 - len(ids)), [1] * len(ids) + [0] * (32 - len(ids))], np.int64)

    return tokens


@pytest.mark.parametrize(("seed", "count", "reverse"), [(3, 36, False), (3, 20, True), (2, 9, False)], ids=["long", "backward", "many"])
def test_logits_of_each_frame_are_equal_bit_by_bit(tiny_sam3_video, tokens, seed, count, reverse):
    module, images = (
        tiny_sam3_video(seed, **FINDS, recondition_every_nth_frame=5, high_conf_thresh=0.2, high_iou_thresh=0.0),
        list(frames(count)),
    )
    ours, theirs = model_of(module, tokens, prompted_frames=16), Upstream(module, tokens, images)
    state = ours.new_state()
    ours.add_phrases(state, PHRASES)
    seen, removed, objects = 0, set(), set()
    for index in reversed(range(count)) if reverse else range(count):
        found, expected = (
            ours.step(state, index, images[index], count if count < 16 else None, reverse=reverse),
            theirs.step(index, reverse),
        )
        assert list(found.logits) == list(expected.obj_id_to_mask), index
        for object_id, logits in found.logits.items():
            assert np.array_equal(logits, expected.obj_id_to_mask[object_id][0].numpy()), (index, object_id)
            assert found.scores[object_id] == expected.obj_id_to_tracker_score[object_id]
            seen += 0 < np.count_nonzero(logits > 0) < logits.size
        removed |= found.removed
        objects |= set(found.logits)
        assert removed == expected.removed_obj_ids
        assert found.hidden == expected.suppressed_obj_ids
        assert state.object_ids == tuple(expected.object_ids)
    assert seen > count // 2
    assert len(objects) > 2


@pytest.mark.parametrize("hot_start", [True, False])
def test_masks_labels_and_scores_of_a_video_are_alike(tiny_sam3_video, tokens, hot_start):
    module, images = tiny_sam3_video(3, **FINDS), list(frames(14))
    session = Sam3VideoSegmenter(model_of(module, tokens, hot_start=hot_start)).open(images)
    session.find([Prompt.text(*PHRASES)])
    module.hotstart_delay = module.hotstart_delay if hot_start else 0
    theirs, seen = Upstream(module, tokens, images), 0
    for at, (frame, masks, phrases, scores) in zip(session.propagate(), theirs.propagate(), strict=True):
        assert at.frame == frame
        for object_id, mask in zip(at.object_ids, at.masks, strict=True):
            expected = masks.pop(object_id, np.zeros(SIZE, bool))
            assert np.count_nonzero(mask.array != expected) <= 1, (frame, object_id)
            assert mask.score == scores.get(object_id, 0)
            assert mask.label == phrases.get(object_id, mask.label)
            seen += 0 < mask.area < SIZE[0] * SIZE[1]
        assert not masks
    assert seen > 10
