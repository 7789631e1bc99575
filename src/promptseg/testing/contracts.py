"""What every backend must do, as pytest classes.

A backend's test file subclasses one and gives it a model:

    @pytest.fixture(scope="module")
    def segmenter():
        return promptseg.load("my-model")


    class TestMyModel(SegmenterContract):
        accepts = frozenset({"point", "box"})

The class attributes say what the model takes; where it takes less than all, the contract is that it refuses the rest and says so. The
contracts ask nothing of a mask's quality, only that it answers where it was asked.
"""

from __future__ import annotations

import io
import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ..detections import Detections
from ..errors import InputError, OutOfMemoryError, PromptError
from ..images import ImageLike, load_image
from ..masks import Mask, Masks, Size
from ..prompts import Prompt, PromptKind, SpatialPrompt
from ..protocols import Detector, Segmenter, Session, VideoSegmenter, VideoSession
from ..results import FrameMasks, Provenance
from .fakes import FakeFrames

OBJECTS = ((14, 18, 46, 52), (62, 12, 90, 40))
"""``xyxy`` of the two rectangles in `scene`."""

SPATIAL: tuple[PromptKind, ...] = ("point", "box", "mask")


def scene() -> NDArray[np.uint8]:
    """(72, 100, 3): a light and a red rectangle (`OBJECTS`) on a dark ground, with a little noise."""
    image = np.full((72, 100, 3), (40, 60, 50), np.int16)
    for (x0, y0, x1, y1), colour in zip(OBJECTS, ((225, 220, 205), (205, 50, 40)), strict=True):
        image[y0:y1, x0:x1] = colour
    image += np.random.default_rng(0).integers(-8, 9, image.shape, dtype=np.int16)
    return image.astype(np.uint8)


def murky_scene() -> NDArray[np.uint8]:
    """The scene pale and under strong patches of colour: a method that draws random numbers of its own gives itself away here."""
    patches = np.random.default_rng(2).integers(-110, 111, (9, 13, 3)).repeat(8, axis=0).repeat(8, axis=1)[:, :100]
    murky: NDArray[np.uint8] = np.clip(scene() // 2 + 60 + patches, 0, 255).astype(np.uint8)
    return murky


def prompt_for(kind: PromptKind, which: int = 0) -> SpatialPrompt:
    """A prompt of one spatial kind for one of the objects in `scene`."""
    x0, y0, x1, y1 = OBJECTS[which]
    if kind == "point":
        return Prompt.point((x0 + x1) / 2, (y0 + y1) / 2)
    if kind == "box":
        return Prompt.box(x0 - 2, y0 - 2, x1 + 2, y1 + 2)
    pixels = np.zeros((72, 100), bool)
    pixels[y0:y1, x0:x1] = True
    return Prompt.mask(pixels)


def prompt_on(kind: PromptKind, size: Size) -> SpatialPrompt:
    """A prompt of one spatial kind for the middle of an image of any size."""
    height, width = size
    x0, y0 = width // 4, height // 4
    x1, y1 = max(x0 + 1, width - x0), max(y0 + 1, height - y0)
    if kind == "point":
        return Prompt.point((width - 1) / 2, (height - 1) / 2)
    if kind == "box":
        return Prompt.box(x0, y0, x1, y1)
    pixels = np.zeros(size, bool)
    pixels[y0:y1, x0:x1] = True
    return Prompt.mask(pixels)


class SegmenterContract:
    """What a `promptseg.protocols.Segmenter` must do. Needs a fixture `segmenter`, on the class or in its module.

    Attributes:
        accepts: The kinds of prompt that it answers.
        combines: The kinds that it takes together with one of `accepts`, for one object; None: those of `accepts`.
        scores_are_predicted_iou: Whether its scores are predicted IoUs, so that ``pred_iou_thresh`` applies to them.
        rounds: How often two threads answer beside each other; fewer suit a model that takes its time.
        takes_background: Whether it takes background points; if not, it refuses them.
    """

    accepts: ClassVar[frozenset[PromptKind]] = frozenset({"point", "box", "mask", "everything"})
    combines: ClassVar[frozenset[PromptKind] | None] = None
    scores_are_predicted_iou: ClassVar[bool] = True
    rounds: ClassVar[int] = 100
    takes_background: ClassVar[bool] = True

    @pytest.fixture
    def session(self, segmenter: Segmenter) -> Session:
        """The scene, opened."""
        return segmenter.open(scene())

    # Opening

    def test_it_is_a_segmenter_that_opens_sessions(self, segmenter: Segmenter, session: Session) -> None:
        assert isinstance(segmenter, Segmenter)
        assert isinstance(session, Session)

    def test_its_provenance_names_model_backend_version_and_licence(self, segmenter: Segmenter) -> None:
        check_provenance(segmenter.provenance)

    def test_a_path_bytes_an_open_file_a_pil_image_and_an_array_are_one_image(self, segmenter: Segmenter, tmp_path: Path) -> None:
        expected = self._answers(segmenter.open(scene()))
        for form in image_forms(scene(), tmp_path):
            assert_identical(self._answers(segmenter.open(form)), expected)

    def test_an_unreadable_image_is_refused(self, segmenter: Segmenter, tmp_path: Path) -> None:
        check_unreadable_images(segmenter.open, tmp_path)

    def test_the_size_is_height_and_width(self, session: Session) -> None:
        assert tuple(session.size) == (72, 100)

    def test_a_photo_taken_upright_is_opened_upright(self, segmenter: Segmenter) -> None:
        assert tuple(segmenter.open(turned_by_exif(scene())).size) == (100, 72)

    def test_timings_are_seconds_by_stage(self, session: Session) -> None:
        assert all(isinstance(stage, str) and seconds >= 0 for stage, seconds in session.timings.items())

    def test_a_grey_image_is_its_rgb_image(self, segmenter: Segmenter) -> None:
        grey = scene()[:, :, 0].copy()
        assert_identical(self._answers(segmenter.open(grey)), self._answers(segmenter.open(np.stack([grey] * 3, axis=-1))))

    @pytest.mark.parametrize("size", [(1, 1), (1, 37), (41, 1), (33, 47)], ids=str)
    def test_an_image_of_any_size_is_answered(self, segmenter: Segmenter, size: Size) -> None:
        pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
        masks = segmenter.open(pixels).segment([prompt_on(kind, size) for kind in self._kinds()])
        assert [mask.size for mask in masks] == [size] * len(self._kinds())

    def test_the_callers_image_is_neither_changed_nor_depended_on(self, segmenter: Segmenter) -> None:
        pixels = scene()
        session = segmenter.open(pixels)
        before = self._answers(session)
        assert np.array_equal(pixels, scene()), "the array that was given to open() was changed"
        pixels[:] = 0
        assert_identical(self._answers(session), before)

    def test_a_read_only_image_is_taken(self, segmenter: Segmenter) -> None:
        pixels = scene()
        pixels.setflags(write=False)
        assert len(self._answers(segmenter.open(pixels))) == len(self._prompts())

    # Answering

    def test_there_is_one_mask_a_prompt_in_the_order_of_the_prompts(self, session: Session) -> None:
        masks = session.segment(self._prompts())
        assert isinstance(masks, Masks)
        assert [mask.prompt_index for mask in masks] == list(range(len(self._prompts())))

    def test_masks_have_the_size_of_the_image(self, session: Session) -> None:
        masks = session.segment(self._prompts())
        assert masks.size == (72, 100)
        assert all(mask.array.shape == (72, 100) for mask in masks)

    def test_a_mask_lies_where_it_was_asked_for(self, session: Session) -> None:
        for kind in self._kinds():
            for which, (x0, y0, x1, y1) in enumerate(OBJECTS):
                pixels = session.segment([prompt_for(kind, which)])[0].array
                assert pixels[y0:y1, x0:x1].any(), f"the mask of {prompt_for(kind, which)!r} has none of the object's pixels"

    def test_prompts_given_together_are_answered_as_if_alone(self, session: Session) -> None:
        prompts = self._prompts()
        backwards = list(session.segment(prompts[::-1]))[::-1]
        for prompt, together, reversed_ in zip(prompts, session.segment(prompts), backwards, strict=True):
            alone = session.segment([prompt])[0]
            assert_alike(together, alone)
            assert_alike(reversed_, alone)

    def test_another_place_gives_another_mask(self, session: Session) -> None:
        for kind in self._kinds():
            first, second = session.segment([prompt_for(kind, 0), prompt_for(kind, 1)])
            assert first != second

    def test_kinds_combine_into_one_object(self, session: Session) -> None:
        for kind in self._kinds():
            for other in sorted(self._combines() & set(SPATIAL)):
                if other != kind:
                    masks = session.segment([prompt_for(kind) + prompt_for(other)])
                    assert [(mask.size, mask.prompt_index) for mask in masks] == [((72, 100), 0)]

    def test_a_background_point_joins_a_prompt_or_is_refused(self, session: Session) -> None:
        if "point" not in self._combines():
            pytest.skip("takes no points")
        x0, y0, _, _ = OBJECTS[0]
        prompts = [prompt_for(kind) + Prompt.point(x0 - 1, y0 - 1, foreground=False) for kind in self._kinds()]
        if not self.takes_background:
            with pytest.raises(PromptError, match="background"):
                session.segment(prompts)
            return
        assert len(session.segment(prompts)) == len(prompts)

    def test_a_result_refines_itself(self, session: Session) -> None:
        if "mask" not in self.accepts:
            pytest.skip("takes no masks")
        first = session.segment([prompt_for(self._kinds()[0])])[0]
        refined = session.segment([Prompt.mask(first)])
        assert [mask.size for mask in refined] == [(72, 100)]

    def test_candidates_are_given_prompt_by_prompt_with_scores(self, session: Session) -> None:
        prompts = self._prompts()
        candidates = session.segment(prompts, candidates=True)
        indices = [mask.prompt_index for mask in candidates]
        assert indices == sorted(indices, key=lambda index: -1 if index is None else index)
        assert set(indices) == set(range(len(prompts)))
        assert np.isfinite(candidates.scores).all()

    def test_the_same_prompt_gives_the_same_mask(self, segmenter: Segmenter) -> None:
        session = segmenter.open(murky_scene())
        for prompt in self._prompts():
            assert_identical(session.segment([prompt]), session.segment([prompt]))

    def test_masks_survive_pickling(self, session: Session) -> None:
        masks = session.segment(self._prompts())
        assert_identical(pickle.loads(pickle.dumps(masks)), masks)  # noqa: S301  # Our own bytes.

    # Independence

    def test_sessions_do_not_disturb_each_other(self, segmenter: Segmenter) -> None:
        images = (scene(), np.ascontiguousarray(scene()[:, ::-1]))
        expected = [self._answers(segmenter.open(image)) for image in images]
        sessions = [segmenter.open(image) for image in images]
        for _ in range(2):
            for session, answers in zip(sessions, expected, strict=True):
                assert_identical(self._answers(session), answers)

    def test_two_threads_with_a_session_each_answer_as_each_alone(self, segmenter: Segmenter) -> None:
        images = (scene(), np.ascontiguousarray(scene()[:, ::-1]))
        expected = [self._answers(segmenter.open(image)) for image in images]
        start = threading.Barrier(len(images))

        def repeat(image: NDArray[np.uint8], alone: Masks) -> None:
            start.wait()
            session = segmenter.open(image)
            for _ in range(self.rounds):
                assert_identical(self._answers(session), alone)

        with ThreadPoolExecutor(len(images)) as pool:
            list(pool.map(repeat, images, expected))

    def test_a_session_answers_several_threads_as_it_answers_one(self, segmenter: Segmenter) -> None:
        session = segmenter.open(murky_scene())
        expected = self._answers(session)
        with ThreadPoolExecutor(4) as pool:
            for answers in pool.map(lambda _: self._answers(session), range(4)):
                assert_identical(answers, expected)

    # Refusals

    def test_no_prompts_are_refused(self, session: Session) -> None:
        with pytest.raises(PromptError):
            session.segment([])

    def test_a_prompt_outside_a_list_is_refused(self, session: Session) -> None:
        with pytest.raises(PromptError):
            session.segment(self._prompts()[0])  # type: ignore[arg-type]  # That is the mistake.

    @pytest.mark.parametrize("prompt", [Prompt.text("a dog"), Prompt.everything()], ids=["text", "everything"])
    def test_a_prompt_that_is_not_spatial_is_refused(self, session: Session, prompt: Prompt) -> None:
        with pytest.raises(PromptError):
            session.segment([prompt])

    def test_kinds_that_it_does_not_take_are_refused_with_those_that_it_takes(self, session: Session) -> None:
        for kind in set(SPATIAL) - self.accepts:
            with pytest.raises(PromptError) as refusal:
                session.segment([prompt_for(kind)])
            assert any(taken in str(refusal.value) for taken in self.accepts)
        for kind in self._kinds():
            for other in set(SPATIAL) - self._combines() - {kind}:
                with pytest.raises(PromptError):
                    session.segment([prompt_for(kind) + prompt_for(other)])

    def test_a_point_outside_the_image_is_refused_with_its_value(self, session: Session) -> None:
        if "point" not in self._combines():
            pytest.skip("takes no points")
        extra = [] if "point" in self.accepts else [prompt_for(self._kinds()[0])]
        with pytest.raises(PromptError, match="1234"):
            session.segment([sum(extra, start=Prompt.point(1234, 5))])

    def test_a_box_outside_the_image_is_refused_with_its_value(self, session: Session) -> None:
        if "box" not in self.accepts:
            pytest.skip("takes no boxes")
        with pytest.raises(PromptError, match="1234"):
            session.segment([Prompt.box(1234, 5, 1240, 9)])

    def test_a_mask_of_another_image_is_refused_with_its_size(self, session: Session) -> None:
        if "mask" not in self.accepts:
            pytest.skip("takes no masks")
        with pytest.raises(PromptError, match="123"):
            session.segment([Prompt.mask(np.ones((123, 45), bool))])

    # Everything

    def test_everything_gives_masks_best_first(self, session: Session) -> None:
        masks = self._everything(session, points_per_side=4)
        assert masks.size == (72, 100)
        assert len(masks) > 0
        assert (masks.areas > 0).all()
        assert np.isfinite(masks.scores).all()
        assert masks.scores.tolist() == sorted(masks.scores.tolist(), reverse=True)

    def test_everything_is_the_same_twice(self, session: Session) -> None:
        assert_identical(self._everything(session, points_per_side=3), self._everything(session, points_per_side=3))

    def test_everything_from_fewer_points_finds_no_more(self, session: Session) -> None:
        assert len(self._everything(session, points_per_side=1)) <= len(self._everything(session, points_per_side=4))

    def test_everything_takes_a_grid_of_ones_own(self, session: Session) -> None:
        assert self._everything(session, point_grid=[[0.3, 0.5]]).size == (72, 100)

    def test_everything_keeps_masks_over_the_predicted_iou_asked_for(self, session: Session) -> None:
        if not self.scores_are_predicted_iou:
            pytest.skip("has no predicted IoU")
        everything = self._everything(session, points_per_side=4)
        threshold = float(np.median(everything.scores))
        kept = self._everything(session, points_per_side=4, pred_iou_thresh=threshold)
        assert (kept.scores >= threshold).all()
        assert len(kept) < len(everything) or (everything.scores == threshold).all()

    def test_everything_refuses_what_it_does_not_take(self, session: Session) -> None:
        with pytest.raises(PromptError):
            session.everything(prompt_for("point"))  # type: ignore[arg-type]  # That is the mistake.
        if "everything" not in self.accepts:
            with pytest.raises(PromptError):
                session.everything(Prompt.everything())

    def test_everything_in_crops_does_not_depend_on_the_callers_image(self, segmenter: Segmenter) -> None:
        large = scene().repeat(4, axis=0).repeat(4, axis=1)  # Objects near the edge of a crop are dropped; here some are not.
        pixels = large.copy()
        session = segmenter.open(pixels)
        pixels[:] = 0
        settings = {"points_per_side": 2, "crop_n_layers": 1}
        assert_identical(self._everything(session, **settings), self._everything(segmenter.open(large), **settings))

    def _kinds(self) -> list[PromptKind]:
        return [kind for kind in SPATIAL if kind in self.accepts]

    def _combines(self) -> frozenset[PromptKind]:
        return self.accepts if self.combines is None else self.combines

    def _prompts(self) -> list[SpatialPrompt]:
        """A prompt of each accepted kind for each object of the scene."""
        return [prompt_for(kind, which) for which in range(len(OBJECTS)) for kind in self._kinds()]

    def _answers(self, session: Session) -> Masks:
        return session.segment(self._prompts())

    def _everything(self, session: Session, **settings: Any) -> Masks:
        if "everything" not in self.accepts:
            pytest.skip("does not segment everything")
        return session.everything(Prompt.everything(**{"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0, **settings}))


class DetectorContract:
    """What a `promptseg.protocols.Detector` must do. Needs a fixture `detector`, on the class or in its module.

    Attributes:
        image: An image to detect on, best one with something to find.
        phrases: Two phrases or more that it may be asked for.
        needs_phrases: Whether it refuses to work without phrases, as a detector does that knows no classes of its own.
    """

    image: ClassVar[ImageLike] = scene()
    phrases: ClassVar[tuple[str, ...]] = ("dog", "cat")
    needs_phrases: ClassVar[bool] = False

    def test_it_is_a_detector(self, detector: Detector) -> None:
        assert isinstance(detector, Detector)

    def test_its_provenance_names_model_backend_version_and_licence(self, detector: Detector) -> None:
        check_provenance(detector.provenance)

    def test_detections_fit_the_image(self, detector: Detector) -> None:
        height, width = load_image(self.image).shape[:2]
        found = detector.detect(self.image, self.phrases)
        assert isinstance(found, Detections)
        assert tuple(found.size) == (height, width)
        assert (found.boxes >= 0).all()
        assert (found.boxes <= [width, height, width, height]).all()
        assert (found.boxes[:, 2:] > found.boxes[:, :2]).all(), "a box has no area"
        assert ((found.scores >= 0) & (found.scores <= 1)).all()
        assert found.masks is None or (len(found.masks), found.masks.size) == (len(found), (height, width))

    def test_labels_are_the_phrases_as_they_were_given(self, detector: Detector) -> None:
        assert set(detector.detect(self.image, self.phrases).labels) <= set(self.phrases)

    def test_without_phrases_it_finds_all_that_it_knows_or_asks_for_phrases(self, detector: Detector) -> None:
        if self.needs_phrases:
            with pytest.raises(PromptError):
                detector.detect(self.image)
        else:
            assert isinstance(detector.detect(self.image), Detections)

    def test_no_phrases_never_mean_every_class(self, detector: Detector) -> None:
        try:
            found = detector.detect(self.image, [])
        except PromptError:
            return
        assert len(found) == 0

    def test_one_string_is_refused_for_phrases(self, detector: Detector) -> None:
        with pytest.raises(PromptError):
            detector.detect(self.image, self.phrases[0])

    def test_a_path_bytes_an_open_file_a_pil_image_and_an_array_are_one_image(self, detector: Detector, tmp_path: Path) -> None:
        pixels = load_image(self.image)
        expected = detector.detect(pixels, self.phrases)
        for form in image_forms(pixels, tmp_path):
            assert_same_detections(detector.detect(form, self.phrases), expected)

    def test_an_unreadable_image_is_refused(self, detector: Detector, tmp_path: Path) -> None:
        check_unreadable_images(lambda image: detector.detect(image, self.phrases), tmp_path)

    @pytest.mark.parametrize("size", [(1, 1), (1, 37), (41, 1), (33, 47)], ids=str)
    def test_an_image_of_any_size_is_searched(self, detector: Detector, size: Size) -> None:
        pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
        assert tuple(detector.detect(pixels, self.phrases).size) == size

    def test_a_grey_image_is_its_rgb_image(self, detector: Detector) -> None:
        grey = load_image(self.image)[:, :, 0].copy()
        rgb = np.stack([grey] * 3, axis=-1)
        assert_same_detections(detector.detect(grey, self.phrases), detector.detect(rgb, self.phrases))

    def test_the_callers_image_is_not_changed(self, detector: Detector) -> None:
        pixels = load_image(self.image).copy()
        before = pixels.copy()
        detector.detect(pixels, self.phrases)
        assert np.array_equal(pixels, before)

    def test_several_threads_find_what_one_finds(self, detector: Detector) -> None:
        expected = detector.detect(self.image, self.phrases)
        with ThreadPoolExecutor(4) as pool:
            for found in pool.map(lambda _: detector.detect(self.image, self.phrases), range(4)):
                assert_same_detections(found, expected)


class VideoSegmenterContract:
    """What a `promptseg.protocols.VideoSegmenter` must do. Needs a fixture `video_segmenter`, on the class or in its module.

    Attributes:
        accepts: The kinds of prompt that it answers, of point, box and mask.
        n_frames: Length of the video that it is tried on, at least 5.
        exact: Whether its masks can be held to the objects of the scene; not those of a model with random weights.
        most_objects: How many objects it has room for, where that is few enough to be tried.
    """

    accepts: ClassVar[frozenset[PromptKind]] = frozenset({"point", "box", "mask"})
    n_frames: ClassVar[int] = 5
    exact: ClassVar[bool] = True
    most_objects: ClassVar[int | None] = None

    @pytest.fixture
    def session(self, video_segmenter: VideoSegmenter) -> VideoSession:
        """A video of the scene at rest."""
        return video_segmenter.open(self._video())

    def test_it_is_a_video_segmenter_that_opens_sessions(self, video_segmenter: VideoSegmenter, session: VideoSession) -> None:
        assert isinstance(video_segmenter, VideoSegmenter)
        assert isinstance(session, VideoSession)
        assert session.size == (72, 100)
        assert session.object_ids == ()

    def test_its_provenance_names_model_backend_version_and_licence(self, video_segmenter: VideoSegmenter) -> None:
        check_provenance(video_segmenter.provenance)

    def test_it_opens_whatever_holds_a_video(self, video_segmenter: VideoSegmenter, tmp_path: Path) -> None:
        for index in range(2):
            Image.fromarray(scene()).save(tmp_path / f"frame {index}.png")
        images = [scene()] * 2
        for video in (str(tmp_path), tmp_path, images, np.stack(images), (image for image in images)):
            session = video_segmenter.open(video)
            session.add(0, 7, self._prompt())
            assert [at.frame for at in session.propagate()] == [0, 1]

    def test_a_prompt_is_answered_on_its_frame(self, session: VideoSession) -> None:
        for object_id, kind in enumerate(self._kinds()):
            mask = session.add(0, object_id, prompt_for(kind))
            assert isinstance(mask, Mask)
            assert mask.size == (72, 100)
            self._check_on_object(mask, 0)

    def test_every_frame_is_tracked_in_order(self, session: VideoSession) -> None:
        session.add(0, 7, self._prompt())
        tracked = list(session.propagate())
        assert [at.frame for at in tracked] == list(range(self.n_frames))
        assert all(isinstance(at, FrameMasks) and at.masks.size == (72, 100) for at in tracked)

    def test_start_and_stop_bound_the_frames(self, session: VideoSession) -> None:
        session.add(0, 7, self._prompt())
        assert [at.frame for at in session.propagate(start=1, stop=3)] == [1, 2]
        assert [at.frame for at in session.propagate(start=3, stop=1, reverse=True)] == [3, 2]

    def test_reverse_goes_back_to_the_first_frame(self, session: VideoSession) -> None:
        session.add(2, 7, self._prompt())
        tracked = list(session.propagate(start=2, reverse=True))
        assert [at.frame for at in tracked] == [2, 1, 0]
        assert all(at.object_ids == (7,) for at in tracked)

    def test_an_object_is_there_from_its_first_prompt_on_in_either_direction(self, session: VideoSession) -> None:
        session.add(2, 7, self._prompt())
        assert [at.object_ids for at in session.propagate()] == [(), (), (7,), (7,), (7,)][: self.n_frames] + [(7,)] * (self.n_frames - 5)
        assert [at.object_ids for at in session.propagate(start=4, reverse=True)] == [(), (), (7,), (7,), (7,)]

    def test_objects_keep_their_identity(self, session: VideoSession) -> None:
        session.add(0, 9, self._prompt(1))
        session.add(0, 4, self._prompt(0))
        assert session.object_ids == (9, 4)
        for at in session.propagate():
            by_id = dict(zip(at.object_ids, at.masks, strict=True))
            assert set(by_id) == {4, 9}
            self._check_on_object(by_id[4], 0)
            self._check_on_object(by_id[9], 1)

    def test_a_prompted_frame_shows_what_the_prompt_gave(self, session: VideoSession) -> None:
        mask = session.add(0, 7, self._prompt())
        assert_alike(next(iter(session.propagate())).masks[0], mask)
        list(session.propagate(stop=4))
        corrected = session.add(2, 7, prompt_for(self._kinds()[0]))
        shown = [at.masks[0] for at in session.propagate(start=1, stop=4)]
        assert_alike(shown[1], corrected)

    def test_objects_are_added_and_removed_while_frames_are_tracked(self, session: VideoSession) -> None:
        session.add(0, 4, self._prompt(0))
        seen = []
        for at in session.propagate():
            seen.append(at.object_ids)
            if at.frame == 1:
                session.add(2, 9, self._prompt(1))
            if at.frame == 2:
                session.remove(4)
        assert seen[:4] == [(4,), (4,), (4, 9), (9,)]
        assert session.object_ids == (9,)

    def test_a_removed_object_is_gone(self, session: VideoSession) -> None:
        session.add(0, 4, self._prompt(0))
        session.add(0, 9, self._prompt(1))
        session.remove(4)
        assert all(at.object_ids == (9,) for at in session.propagate())

    def test_an_object_does_not_depend_on_others(self, video_segmenter: VideoSegmenter) -> None:
        alone, together = (video_segmenter.open(self._video()) for _ in range(2))
        alone.add(0, 4, self._prompt(0))
        for object_id, which in ((9, 1), (4, 0)):
            together.add(0, object_id, self._prompt(which))
        for one, both in zip(alone.propagate(), together.propagate(), strict=True):
            assert_alike(one.masks[0], dict(zip(both.object_ids, both.masks, strict=True))[4])

    def test_removing_an_unknown_object_is_refused_with_its_id(self, session: VideoSession) -> None:
        with pytest.raises(PromptError, match="1234"):
            session.remove(1234)

    @pytest.mark.parametrize("object_id", [-1, 1.5, True, "7"])
    def test_an_id_that_is_no_whole_number_is_refused_with_its_value(self, session: VideoSession, object_id: Any) -> None:
        with pytest.raises(PromptError, match=str(object_id)):
            session.add(0, object_id, self._prompt())

    def test_a_frame_outside_the_video_is_refused_with_its_index(self, session: VideoSession) -> None:
        for frame in (1234, -1):
            with pytest.raises(PromptError, match=str(frame)):
                session.add(frame, 7, self._prompt())
        session.add(0, 7, self._prompt())
        with pytest.raises(PromptError, match="1234"):
            next(iter(session.propagate(start=1234)))
        assert len(list(session.propagate())) == self.n_frames

    def test_a_point_outside_the_frame_is_refused_with_its_value(self, session: VideoSession) -> None:
        with pytest.raises(PromptError, match="1234"):
            session.add(0, 7, Prompt.point(1234, 5))

    @pytest.mark.parametrize("prompt", [Prompt.text("a dog"), Prompt.everything()], ids=["text", "everything"])
    def test_a_prompt_that_is_not_spatial_is_refused(self, session: VideoSession, prompt: Prompt) -> None:
        with pytest.raises(PromptError):
            session.add(0, 7, prompt)

    def test_kinds_that_it_does_not_take_are_refused(self, session: VideoSession) -> None:
        for kind in set(SPATIAL) - self.accepts:
            with pytest.raises(PromptError):
                session.add(0, 7, prompt_for(kind))

    def test_a_refused_prompt_leaves_no_object(self, session: VideoSession) -> None:
        session.add(0, 4, self._prompt())
        for prompt in (Prompt.point(1234, 5), Prompt.mask(np.ones((3, 3), bool))):
            with pytest.raises(PromptError):
                session.add(0, 7, prompt)
        assert all(at.object_ids == (4,) for at in session.propagate())

    def test_a_frame_that_cannot_be_used_ends_tracking_and_what_was_done_is_kept(self, video_segmenter: VideoSegmenter) -> None:
        for rereadable in (True, False):
            session = video_segmenter.open(FakeFrames([scene(), scene(), scene(), np.zeros((9, 9, 3), np.uint8)], rereadable))
            session.add(0, 7, self._prompt())
            tracked: list[FrameMasks] = []
            with pytest.raises(InputError, match="frame 3"):
                tracked.extend(session.propagate())
            assert [at.frame for at in tracked] == [0, 1, 2]
            assert session.object_ids == (7,)
            assert [at.frame for at in session.propagate(start=2, reverse=True)] == [2, 1, 0]

    def test_frames_that_come_once_are_tracked_as_they_come(self, video_segmenter: VideoSegmenter) -> None:
        again, once = (video_segmenter.open(self._video(rereadable)) for rereadable in (True, False))
        for session in (again, once):
            session.add(0, 7, self._prompt())
        for one, other in zip(again.propagate(), once.propagate(), strict=True):
            assert_alike(one.masks[0], other.masks[0])

    def test_objects_for_which_there_is_no_room_are_refused_and_the_others_stay(self, session: VideoSession) -> None:
        if self.most_objects is None:
            pytest.skip("it has room for more objects than can be tried")
        for object_id in range(self.most_objects):
            session.add(0, object_id, self._prompt())
        with pytest.raises(OutOfMemoryError, match="object 77"):
            session.add(0, 77, self._prompt())
        assert session.object_ids == tuple(range(self.most_objects))
        assert [len(at.masks) for at in session.propagate()] == [self.most_objects] * self.n_frames

    def test_a_saved_session_goes_on_with_the_same_masks(self, video_segmenter: VideoSegmenter, tmp_path: Path) -> None:
        session = video_segmenter.open(self._video())
        session.add(0, 9, self._prompt(1))
        session.add(0, 4, self._prompt(0))
        list(session.propagate(stop=2))
        session.add(2, 4, prompt_for(self._kinds()[0]))
        session.save(tmp_path / "session")
        resumed = video_segmenter.resume(tmp_path / "session", self._video())
        assert resumed.object_ids == (9, 4)
        for one, other in zip(session.propagate(start=2), resumed.propagate(start=2), strict=True):
            assert one.object_ids == other.object_ids
            assert [mask.score for mask in one.masks] == [mask.score for mask in other.masks]
            for mask, same in zip(one.masks, other.masks, strict=True):
                assert_alike(mask, same)

    def test_what_is_no_saved_session_of_this_video_is_refused(self, video_segmenter: VideoSegmenter, tmp_path: Path) -> None:
        session = video_segmenter.open(self._video())
        session.add(0, 9, self._prompt(1))
        session.save(tmp_path / "session")
        with pytest.raises(InputError, match="size"):
            video_segmenter.resume(tmp_path / "session", [np.zeros((30, 40, 3), np.uint8)])
        content = (tmp_path / "session").read_bytes()
        for name, damaged in (("truncated", content[: len(content) // 2]), ("empty", b""), ("other", b"hello")):
            (tmp_path / name).write_bytes(damaged)
            with pytest.raises(InputError, match=name):
                video_segmenter.resume(tmp_path / name, self._video())
        with pytest.raises(InputError, match="absent"):
            video_segmenter.resume(tmp_path / "absent", self._video())

    def test_sessions_do_not_disturb_each_other(self, video_segmenter: VideoSegmenter) -> None:
        first, second = (video_segmenter.open(self._video()) for _ in range(2))
        first.add(0, 4, self._prompt(0))
        second.add(0, 9, self._prompt(1))
        for one, other in zip(first.propagate(), second.propagate(), strict=True):
            assert (one.object_ids, other.object_ids) == ((4,), (9,))
            self._check_on_object(one.masks[0], 0)
            self._check_on_object(other.masks[0], 1)

    def _video(self, rereadable: bool = True) -> FakeFrames:
        return FakeFrames([scene() for _ in range(self.n_frames)], rereadable)

    def _kinds(self) -> list[PromptKind]:
        return [kind for kind in SPATIAL if kind in self.accepts]

    def _prompt(self, which: int = 0) -> SpatialPrompt:
        return prompt_for("box" if "box" in self.accepts else self._kinds()[0], which)

    def _check_on_object(self, mask: Mask, which: int) -> None:
        assert not self.exact or _on_object(mask, which)


def image_forms(pixels: NDArray[np.uint8], folder: Path) -> Iterator[ImageLike]:
    """One image as a path, a string, bytes, an open file, a PIL image and an array."""
    image = Image.fromarray(pixels)
    path = folder / "scene.png"
    image.save(path)
    yield from (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), image, pixels)


def turned_by_exif(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file that is to be shown turned by a quarter, as cameras write them."""
    image, file = Image.fromarray(pixels), io.BytesIO()
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(file, "PNG", exif=exif)
    return file.getvalue()


def check_unreadable_images(use: Callable[[ImageLike], object], folder: Path) -> None:
    """Holds a function to refusing what is no image, with `InputError`."""
    for broken in (folder / "absent.png", b"not an image", np.zeros((0, 5, 3), np.uint8), np.zeros((4, 5, 3), np.float32)):
        with pytest.raises(InputError):
            use(broken)


def check_provenance(provenance: Provenance) -> None:
    """Holds a provenance to naming what a reader of the result needs."""
    assert isinstance(provenance, Provenance)
    for name in ("model", "backend", "version", "licence", "device"):
        value = getattr(provenance, name)
        assert isinstance(value, str), name
        assert value, f"{name} is empty"
    assert provenance.licence != "unknown"
    assert all(len(digest) == 64 for digest in provenance.weights.values()), "weights are SHA-256 digests by file name"


def assert_identical(masks: Masks, expected: Masks) -> None:
    """Same masks bit for bit, with the same scores, labels and prompts."""
    assert _parts(masks) == _parts(expected)


def assert_alike(mask: Mask, expected: Mask) -> None:
    """The same mask but for a few pixels, which models that compute prompts in batches may set differently."""
    assert mask == expected or mask.iou(expected) > 0.98


def assert_same_detections(found: Detections, expected: Detections) -> None:
    """Same boxes, labels and scores."""
    assert tuple(found.size) == tuple(expected.size)
    assert found.labels == expected.labels
    np.testing.assert_array_equal(found.boxes, expected.boxes)
    np.testing.assert_array_equal(found.scores, expected.scores)


@dataclass(frozen=True)
class _Part:
    size: Size
    counts: bytes
    score: float | None
    label: str | None
    prompt_index: int | None


def _parts(masks: Sequence[Mask]) -> list[_Part]:
    return [_Part(mask.size, mask.counts, mask.score, mask.label, mask.prompt_index) for mask in masks]


def _on_object(mask: Mask, which: int) -> bool:
    """Whether most of a mask lies on one of the objects of `scene`, give or take a few pixels."""
    x0, y0, x1, y1 = OBJECTS[which]
    return bool(mask.area and mask.array[y0 - 4 : y1 + 4, x0 - 4 : x1 + 4].sum() > mask.area / 2)
