"""Contract tests for the fakes, and tests of their documented behavior."""

import subprocess
import sys

import numpy as np
import pytest

from promptseg.detections import Detections
from promptseg.errors import InputError, PromptError
from promptseg.prompts import Prompt
from promptseg.testing import FakeConceptSegmenter, FakeConceptVideoSegmenter, FakeDetector, FakeFrames, FakeSegmenter, FakeVideoSegmenter
from promptseg.testing.contracts import ConceptContract, ConceptVideoContract, DetectorContract, SegmenterContract, VideoSegmenterContract
from promptseg.video.saved_session import SavedSession

BLANK = np.zeros((40, 60, 3), np.uint8)


class TestFakeSegmenter(SegmenterContract):
    @pytest.fixture
    def segmenter(self):
        return FakeSegmenter()


class TestFakeDetector(DetectorContract):
    @pytest.fixture
    def detector(self):
        return FakeDetector({"dog": (10, 10, 30, 30), "cat": [(0, 0, 5, 5), (50, 50, 200, 200)], "bird": (1, 1, 2, 2)})


class TestFakeConceptSegmenter(ConceptContract):
    finds_alike = True

    @pytest.fixture
    def concepts(self):
        return FakeConceptSegmenter({"dog": [(10, 10, 30, 30), (40, 5, 60, 60)], "cat": [(0, 0, 5, 5)]})


class TestFakeConceptVideoSegmenter(ConceptVideoContract):
    @pytest.fixture
    @staticmethod
    def finder():
        return FakeConceptVideoSegmenter({"dog": [(10, 10, 30, 30), (40, 5, 60, 60)], "cat": [(0, 0, 5, 5)]}, shift=(1, 0))


class TestFakeVideoSegmenter(VideoSegmenterContract):
    @pytest.fixture
    def video_segmenter(self):
        return FakeVideoSegmenter()


class TestFakeVideoSegmenterWithLittleRoom(VideoSegmenterContract):
    max_objects = 3

    @pytest.fixture
    def video_segmenter(self):
        return FakeVideoSegmenter(max_objects=3)


class TestFakeVideoSegmenterInMotion(VideoSegmenterContract):
    @pytest.fixture
    def video_segmenter(self):
        return FakeVideoSegmenter(shift=(1, -1))


@pytest.mark.parametrize("masks", [[], [[1, 1]], [[1, 0], [1, 1]], [[2, 0]]])
def test_a_saved_session_with_masks_of_other_frames_or_objects_than_its_prompts_is_refused(masks, tmp_path):
    session = FakeVideoSegmenter().open(FakeFrames([BLANK, BLANK]))
    mask = session.add(0, 1, Prompt.point(20, 10))
    values = {"masks": [[object_id, frame, 0.5, mask.to_coco_rle()] for object_id, frame in masks], "prompted": [[1, [0]]]}
    SavedSession(session.provenance, session.size, values).write(tmp_path / "s.npz")
    with pytest.raises(InputError, match="its masks are of other objects or other frames than its prompts"):
        FakeVideoSegmenter().resume(tmp_path / "s.npz", FakeFrames([BLANK, BLANK]))


def segment(prompt, **settings):
    return FakeSegmenter(**settings).open(BLANK).segment([prompt])[0]


def test_importing_the_fakes_does_not_import_pytest():
    code = "import promptseg.testing, sys; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_point_gives_a_disc_around_it():
    mask = segment(Prompt.point(20, 10), radius=3)
    y, x = np.indices((40, 60))
    assert np.array_equal(mask.array, (x - 20) ** 2 + (y - 10) ** 2 <= 9)


def test_a_disc_of_no_radius_is_the_pixel_under_the_point():
    assert segment(Prompt.point(19.7, 10.2), radius=0).box.tolist() == [20, 10, 21, 11]


def test_a_box_gives_the_box():
    mask = segment(Prompt.box(5, 6, 20, 30))
    assert (mask.box.tolist(), mask.area) == ([5, 6, 20, 30], 15 * 24)


def test_a_mask_gives_the_mask():
    pixels = np.zeros((40, 60), bool)
    pixels[3:9, 50:] = True
    assert np.array_equal(segment(Prompt.mask(pixels)).array, pixels)


def test_logits_are_cut_at_zero_and_stretched_over_the_image():
    logits = np.full((4, 4), -1.0, np.float32)
    logits[0, 3] = 1.0
    assert segment(Prompt.mask(logits)).box.tolist() == [45, 0, 60, 10]


def test_a_background_point_takes_its_disc_from_a_box():
    mask = segment(Prompt.box(5, 6, 20, 30) + Prompt.point(12, 20, foreground=False), radius=2)
    assert mask.area == 15 * 24 - 13
    assert not mask.array[20, 12]


def test_a_foreground_point_adds_its_disc_to_a_box():
    mask = segment(Prompt.box(5, 6, 20, 30) + Prompt.point(40, 20), radius=2)
    assert mask.area == 15 * 24 + 13


def test_a_mask_and_a_box_give_what_they_share():
    pixels = np.zeros((40, 60), bool)
    pixels[:10] = True
    assert segment(Prompt.mask(pixels) + Prompt.box(5, 6, 20, 30)).box.tolist() == [5, 6, 20, 10]


def test_a_point_has_three_candidates_and_the_best_is_the_answer():
    session = FakeSegmenter().open(BLANK)
    candidates = session.segment([Prompt.point(30, 20)], candidates=True)
    assert len(candidates) == 3
    assert len(set(candidates.areas.tolist())) == 3
    assert session.segment([Prompt.point(30, 20)])[0] == candidates.best()


def test_everything_covers_the_image_once():
    everything = FakeSegmenter().open(BLANK).everything(Prompt.everything(points_per_side=4))
    assert len(everything) == 16
    assert everything.areas.sum() == 40 * 60
    assert everything.union().area == 40 * 60


def test_a_detector_finds_what_it_is_asked_for_in_the_order_of_the_phrases():
    found = FakeDetector({"dog": (0, 0, 9, 9), "cat": [(10, 10, 20, 20), (30, 30, 35, 35)]}).detect(BLANK, ["cat", "cow", "dog"])
    assert found.labels == ("cat", "cat", "dog")
    assert found.boxes.tolist() == [[10, 10, 20, 20], [30, 30, 35, 35], [0, 0, 9, 9]]


def test_a_detector_without_phrases_finds_all():
    assert FakeDetector({"dog": (0, 0, 9, 9), "cat": (10, 10, 20, 20)}).detect(BLANK).labels == ("dog", "cat")


def test_a_detector_repeats_given_detections_cut_to_the_image():
    given = Detections((100, 100), [[50, 30, 90, 90], [70, 70, 80, 80]], [0.8, 0.6], ["dog", "dog"])
    found = FakeDetector(given).detect(BLANK)
    assert found.boxes.tolist() == [[50, 30, 60, 40]]
    assert found.scores.tolist() == pytest.approx([0.8])


def test_an_object_moves_by_the_shift_and_leaves_the_image():
    session = FakeVideoSegmenter(shift=(20, 0)).open(FakeFrames([BLANK] * 4))
    session.add(0, 1, Prompt.box(10, 10, 30, 20))
    assert [at.masks[0].box.tolist() for at in session.propagate()] == [[10, 10, 30, 20], [30, 10, 50, 20], [50, 10, 60, 20], [0, 0, 0, 0]]


def test_an_object_moves_from_the_nearest_prompt_in_either_direction():
    session = FakeVideoSegmenter(shift=(5, 0)).open(FakeFrames([BLANK] * 6))
    session.add(2, 1, Prompt.box(20, 10, 30, 20))
    session.add(3, 1, Prompt.box(30, 20, 40, 30))
    assert [at.masks[0].box.tolist()[:2] for at in session.propagate(start=2)] == [[20, 10], [30, 20], [35, 20], [40, 20]]
    assert [at.masks[0].box.tolist()[:2] for at in session.propagate(start=3, reverse=True)] == [[30, 20], [20, 10], [15, 10], [10, 10]]


def test_an_object_moves_back_in_reverse():
    session = FakeVideoSegmenter(shift=(5, 2)).open(FakeFrames([BLANK] * 3))
    session.add(2, 1, Prompt.box(10, 10, 30, 20))
    assert [at.masks[0].box.tolist() for at in session.propagate(start=2, reverse=True)][-1] == [0, 6, 20, 16]


def test_a_later_prompt_corrects_an_object_from_its_frame_on():
    session = FakeVideoSegmenter().open(FakeFrames([BLANK] * 3))
    session.add(0, 1, Prompt.box(10, 10, 30, 20))
    session.add(1, 1, Prompt.box(0, 0, 5, 5))
    assert [at.masks[0].area for at in session.propagate()] == [200, 25, 25]


def test_an_object_is_not_there_before_its_prompt():
    session = FakeVideoSegmenter().open(FakeFrames([BLANK] * 3))
    session.add(1, 1, Prompt.box(10, 10, 30, 20))
    assert [at.object_ids for at in session.propagate()] == [(), (1,), (1,)]


def test_a_start_outside_the_video_is_refused_with_its_index():
    session = FakeVideoSegmenter().open(FakeFrames([BLANK] * 3))
    with pytest.raises(PromptError, match="no frame 3: the video has 3"):
        next(session.propagate(start=3))


def test_fake_frames_can_be_read_again_or_come_once():
    assert [len(list(FakeFrames([BLANK] * 2).read(start))) for start in (0, 1, 0)] == [2, 1, 2]
    frames = FakeFrames([BLANK] * 2, rereadable=False)
    assert len(list(frames.read())) == 2
    with pytest.raises(InputError, match="once"):
        next(frames.read())
