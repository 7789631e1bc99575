"""SAM 2 on a stream gives the masks of sam2's own video predictor, which has all frames in memory, with random weights."""

import copy
import sys
import types
import warnings

import numpy as np
import pytest
from PIL import Image

from promptseg.prompts import Prompt
from promptseg.results import Provenance
from promptseg.video.frames import open_frames

torch = pytest.importorskip("torch", reason="sam2's own code needs torch")
pytest.importorskip("sam2", reason="sam2's own code is not installed")

from promptseg.models.sam.torch.model import TorchSettings  # noqa: E402
from promptseg.models.sam.video.model import TorchSam2Video  # noqa: E402
from promptseg.models.sam.video.session import SamVideoSegmenter  # noqa: E402 - They need torch.

TOLERANCE = 1e-4
FRAMES, SIZE = 18, (60, 80)
POINT, ALSO, BESIDE, BOX, OTHER = (30, 28), (36, 32), (70, 8), (18, 14, 48, 44), (50, 30, 76, 56)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A textured square that moves over a textured background, as numbered JPEG files for the original predictor."""
    path, random = tmp_path_factory.mktemp("video"), np.random.default_rng(5)
    ground = random.integers(0, 90, (*SIZE, 3), np.uint8)
    square = random.integers(150, 255, (24, 24, 3), np.uint8)
    for index in range(FRAMES):
        image = ground.copy()
        image[16 + index // 2 : 40 + index // 2, 20 + index : 44 + index] = square
        Image.fromarray(image).save(path / f"{index}.jpg", quality=95)
    return path


@pytest.fixture(scope="module")
def upstream(tiny_sam2_video):
    return tiny_sam2_video(seed=3)


def make_segmenter(upstream, fill_holes=0, **settings):
    provenance = Provenance("tiny-sam2", "sam2_video", "1")
    model = TorchSam2Video(copy.deepcopy(upstream), provenance, TorchSettings(torch.device("cpu")), fill_holes)
    return SamVideoSegmenter(model, keep_logits=True, **settings)


class Upstream:
    """sam2's own predictor on a folder, with the methods of a `promptseg.protocols.VideoSession`."""

    def __init__(self, predictor, folder):
        self.predictor = predictor
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.state = predictor.init_state(str(folder))

    def add(self, frame, object_id, prompt):
        if prompt.mask_pixels is not None:
            _, ids, masks = self.predictor.add_new_mask(self.state, frame, object_id, prompt.mask_pixels.array)
        else:
            arguments = {"points": prompt.xy, "labels": prompt.foreground.astype(np.int32)} if len(prompt.xy) else {}
            if prompt.xyxy is not None:
                arguments["box"] = prompt.xyxy
            _, ids, masks = self.predictor.add_new_points_or_box(self.state, frame, object_id, **arguments)
        return masks[ids.index(object_id), 0].numpy()

    def propagate(self, start, stop, reverse=False):
        """Yield the index of each frame with the low-resolution logits and the masks of its objects."""
        count = start - stop - 1 if reverse else stop - start - 1
        for frame, ids, masks in self.predictor.propagate_in_video(self.state, start, count, reverse):
            outputs = [self.state["output_dict_per_obj"][index] for index in range(len(ids))]
            low = [(one["cond_frame_outputs"].get(frame) or one["non_cond_frame_outputs"][frame])["pred_masks"][0, 0] for one in outputs]
            yield frame, dict(zip(ids, zip(low, masks[:, 0].numpy() > 0, strict=True), strict=True))


def check_alike(ours, theirs, least=1):
    """Compare the frames of both, and return the number of masks that are not empty."""
    seen = 0
    for at, (frame, expected) in zip(ours, theirs, strict=True):
        assert at.frame == frame
        for object_id, mask in zip(at.object_ids, at.masks, strict=True):
            low, pixels = expected[object_id]
            assert np.abs(mask.logits - low.clamp(-32, 32).numpy()).max() < TOLERANCE, (frame, object_id)
            assert np.count_nonzero(mask.array != pixels) <= 1, (frame, object_id)
            seen += 0 < mask.area < mask.size[0] * mask.size[1]
    assert seen >= least


PROMPTS = {
    "point": Prompt.point(*POINT),
    "points": Prompt.point(*POINT) + Prompt.point(*ALSO) + Prompt.point(*BESIDE, foreground=False),
    "box": Prompt.box(*BOX),
    "box and point": Prompt.box(*BOX) + Prompt.point(*POINT),
    "mask": Prompt.mask(np.pad(np.ones((24, 24), bool), ((16, 20), (20, 36)))),
}


@pytest.mark.parametrize("kind", PROMPTS)
def test_every_kind_of_prompt_is_answered_and_tracked_alike(upstream, folder, kind):
    ours, theirs = make_segmenter(upstream).open(open_frames(folder)), Upstream(upstream, folder)
    expected = theirs.add(0, 1, PROMPTS[kind])
    assert np.count_nonzero(ours.add(0, 1, PROMPTS[kind]).array != (expected > 0)) <= 1
    check_alike(ours.propagate(stop=5), theirs.propagate(0, 5), least=3)


def test_two_objects_on_a_whole_video_are_tracked_alike(upstream, folder):
    ours, theirs = make_segmenter(upstream).open(open_frames(folder)), Upstream(upstream, folder)
    for session in (ours, theirs):
        session.add(0, 4, Prompt.box(*BOX))
        session.add(0, 9, Prompt.point(*BESIDE))
    check_alike(ours.propagate(), theirs.propagate(0, FRAMES), least=20)


def test_a_correction_of_a_tracked_frame_and_a_second_click_on_it_are_alike(upstream, folder):
    """The original predictor is set to attend to corrected frames. By default, it tracks over a correction and forgets it."""
    ours, theirs = make_segmenter(upstream).open(open_frames(folder)), Upstream(copy.deepcopy(upstream), folder)
    theirs.predictor.add_all_frames_to_correct_as_cond = True
    for session in (ours, theirs):
        session.add(0, 4, Prompt.point(*POINT))
        session.add(0, 4, Prompt.point(*POINT) + Prompt.point(*BESIDE, foreground=False))
    check_alike(ours.propagate(stop=7), theirs.propagate(0, 7))
    for prompt in (Prompt.point(*ALSO), Prompt.point(*ALSO) + Prompt.point(*BESIDE, foreground=False)):
        expected = theirs.add(4, 4, prompt)
        assert np.count_nonzero(ours.add(4, 4, prompt).array != (expected > 0)) <= 1
    check_alike(ours.propagate(start=3, stop=9), theirs.propagate(3, 9), least=3)


def test_going_back_from_the_middle_is_alike(upstream, folder):
    ours, theirs = make_segmenter(upstream).open(open_frames(folder)), Upstream(upstream, folder)
    for session in (ours, theirs):
        session.add(10, 4, Prompt.box(*BOX))
    check_alike(ours.propagate(start=10, stop=13), theirs.propagate(10, 13))
    check_alike(ours.propagate(start=10, stop=3, reverse=True), theirs.propagate(10, 3, reverse=True), least=3)


def test_an_object_that_is_added_later_and_one_that_is_removed_are_alike(upstream, folder):
    ours, theirs = make_segmenter(upstream).open(open_frames(folder)), Upstream(upstream, folder)
    for session in (ours, theirs):
        session.add(0, 4, Prompt.box(*BOX))
    check_alike(ours.propagate(stop=4), theirs.propagate(0, 4))
    for session in (ours, theirs):
        session.add(4, 9, Prompt.box(*OTHER))
    check_alike(ours.propagate(start=4, stop=7), theirs.propagate(4, 7))
    ours.remove(4)
    theirs.predictor.remove_object(theirs.state, 4)
    check_alike(ours.propagate(start=7, stop=10), theirs.propagate(7, 10))


def test_a_video_shorter_than_the_models_reach_is_measured_alike(upstream, folder, tmp_path):
    for index in range(6):
        (tmp_path / f"{index}.jpg").write_bytes((folder / f"{index}.jpg").read_bytes())
    ours, theirs = make_segmenter(upstream).open(open_frames(tmp_path)), Upstream(upstream, tmp_path)
    for session in (ours, theirs):
        session.add(0, 4, Prompt.box(*BOX))
    check_alike(ours.propagate(), theirs.propagate(0, 6), least=3)


def test_the_least_memory_gives_the_same_masks(upstream, folder):
    """A memory limit that leaves room only for what the next frame needs."""
    sessions = [make_segmenter(upstream).open(open_frames(folder))]
    least = sessions[0]._model.span.of_object(1)
    sessions.append(make_segmenter(upstream, memory=least).open(open_frames(folder)))
    for session in sessions:
        session.add(0, 4, Prompt.box(*BOX))
    for one, other in zip(*(session.propagate() for session in sessions), strict=True):
        assert np.array_equal(one.masks[0].logits, other.masks[0].logits)
        assert sessions[1]._memory_bank.nbytes <= least
    assert sessions[0]._memory_bank.nbytes > least


def test_holes_are_filled_as_upstream_fills_them_with_its_cuda_extension(upstream, folder, monkeypatch):
    import cv2
    import sam2

    def components(mask):
        labels, areas = np.zeros(mask.shape, np.int32), np.zeros(mask.shape, np.int32)
        for row in range(len(mask)):
            _, labels[row, 0], found, _ = cv2.connectedComponentsWithStats(mask[row, 0].numpy(), connectivity=8)
            areas[row, 0] = found[labels[row, 0], cv2.CC_STAT_AREA]
        return torch.from_numpy(labels), torch.from_numpy(areas)

    extension = types.ModuleType("sam2._C")
    extension.get_connected_componnets = components  # Upstream's spelling.
    monkeypatch.setitem(sys.modules, "sam2._C", extension)
    monkeypatch.setattr(sam2, "_C", extension, raising=False)
    filling = copy.deepcopy(upstream)
    filling.fill_hole_area = 40
    plain = make_segmenter(upstream).open(open_frames(folder))
    ours, theirs = make_segmenter(upstream, fill_holes=40).open(open_frames(folder)), Upstream(filling, folder)
    masks = [session.add(0, 4, Prompt.point(*BESIDE)) for session in (ours, plain)]
    theirs.add(0, 4, Prompt.point(*BESIDE))
    assert masks[0].area > masks[1].area
    check_alike(ours.propagate(stop=4), theirs.propagate(0, 4))
