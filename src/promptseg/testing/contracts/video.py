"""Contract tests for video segmenters and their sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from ...errors import InputError, OutOfMemoryError, PromptError
from ...masks import Mask
from ...prompts import Prompt, PromptKind, SpatialPrompt
from ...protocols import VideoSegmenter, VideoSession
from ...results import FrameMasks
from ..fakes import FakeFrames
from .checks import assert_alike, check_provenance
from .scenes import SPATIAL, lies_on_object, prompt_for, scene
from .suite import Suite, needs


def _has_room_for_few_objects(suite: type[VideoSegmenterContract]) -> bool:
    return suite.max_objects is not None


class VideoSegmenterContract(Suite):
    """Contract tests for a `promptseg.protocols.VideoSegmenter`. They need a fixture `video_segmenter`, in the class or in its module.

    Attributes:
        accepts: Kinds of prompts that the segmenter accepts: any of point, box and mask.
        n_frames: Number of frames of the test video, at least 5.
        exact: Whether masks must lie on the objects of the scene. Use False for a model with random weights.
        max_objects: Maximum number of objects in a session, if it is small enough to be tested.
    """

    accepts: ClassVar[frozenset[PromptKind]] = frozenset({"point", "box", "mask"})
    n_frames: ClassVar[int] = 5
    exact: ClassVar[bool] = True
    max_objects: ClassVar[int | None] = None

    @pytest.fixture
    def session(self, video_segmenter: VideoSegmenter) -> VideoSession:
        """A session for a video of the static scene."""
        return video_segmenter.open(self._video())

    def test_it_is_a_video_segmenter_that_opens_sessions(self, video_segmenter: VideoSegmenter, session: VideoSession) -> None:
        assert isinstance(video_segmenter, VideoSegmenter)
        assert isinstance(session, VideoSession)
        assert session.size == (72, 100)
        assert session.object_ids == ()

    def test_its_provenance_names_model_backend_version_and_license(self, video_segmenter: VideoSegmenter) -> None:
        check_provenance(video_segmenter.provenance)

    def test_it_opens_every_form_of_video(self, video_segmenter: VideoSegmenter, tmp_path: Path) -> None:
        for index in range(2):
            Image.fromarray(scene()).save(tmp_path / f"frame {index}.png")
        images = [scene()] * 2
        for video in (str(tmp_path), tmp_path, images, np.stack(images), (image for image in images)):
            session = video_segmenter.open(video)
            session.add(0, 7, self._prompt())
            assert [at.frame for at in session.propagate()] == [0, 1]

    def test_a_prompt_gives_a_mask_on_its_frame(self, session: VideoSession) -> None:
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

    @needs(_has_room_for_few_objects)
    def test_objects_for_which_there_is_no_room_are_refused_and_the_others_stay(self, session: VideoSession) -> None:
        assert self.max_objects is not None
        for object_id in range(self.max_objects):
            session.add(0, object_id, self._prompt())
        with pytest.raises(OutOfMemoryError, match="object 77"):
            session.add(0, 77, self._prompt())
        assert session.object_ids == tuple(range(self.max_objects))
        assert [len(at.masks) for at in session.propagate()] == [self.max_objects] * self.n_frames

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
        assert not self.exact or lies_on_object(mask, which)
