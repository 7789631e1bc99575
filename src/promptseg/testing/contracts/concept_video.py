"""Contract tests for concept segmenters on videos, and their sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from ...errors import InputError, PromptError
from ...prompts import Concept, Prompt
from ...protocols import ConceptVideoSegmenter, ConceptVideoSession
from ...results import FrameMasks
from ..fakes import FakeFrames
from .checks import assert_alike, check_provenance
from .scenes import scene
from .suite import Suite


def _assert_same(one: FrameMasks, other: FrameMasks) -> None:
    assert (one.frame, one.object_ids) == (other.frame, other.object_ids)
    assert [(mask.label, mask.score) for mask in one.masks] == [(mask.label, mask.score) for mask in other.masks]
    for mask, same in zip(one.masks, other.masks, strict=True):
        assert_alike(mask, same)


class ConceptVideoContract(Suite):
    """Contract tests for a `promptseg.protocols.ConceptVideoSegmenter`. They need a fixture `finder`, in the class or in its module.

    The model must find something in the scene for each phrase.

    Attributes:
        phrases: Two phrases that the model accepts.
        n_frames: Number of frames of the test video, at least 5.
    """

    phrases: ClassVar[tuple[str, str]] = ("dog", "cat")
    n_frames: ClassVar[int] = 6

    @pytest.fixture
    def session(self, finder: ConceptVideoSegmenter) -> ConceptVideoSession:
        """A session for a video of the static scene."""
        return finder.open(self._video())

    def test_it_is_a_concept_segmenter_for_videos_that_opens_sessions(
        self, finder: ConceptVideoSegmenter, session: ConceptVideoSession
    ) -> None:
        assert isinstance(finder, ConceptVideoSegmenter)
        assert isinstance(session, ConceptVideoSession)
        assert finder.accepts <= {"text", "example"}
        assert session.size == (72, 100)
        assert session.object_ids == ()

    def test_its_provenance_names_model_backend_version_and_license(self, finder: ConceptVideoSegmenter) -> None:
        check_provenance(finder.provenance)

    def test_every_frame_is_yielded_in_order_with_objects_that_have_ids_and_labels(self, session: ConceptVideoSession) -> None:
        session.find(self._concepts())
        found = list(session.propagate())
        assert [at.frame for at in found] == list(range(self.n_frames))
        assert all(isinstance(at, FrameMasks) and at.masks.size == (72, 100) for at in found)
        assert all(len(set(at.object_ids)) == len(at.object_ids) for at in found)
        assert {mask.label for at in found for mask in at.masks} == set(self.phrases)
        assert all(mask.score is not None and 0 <= mask.score <= 1 for at in found for mask in at.masks)
        assert set(found[-1].object_ids) <= set(session.object_ids)

    def test_an_object_keeps_its_label(self, session: ConceptVideoSession) -> None:
        session.find(self._concepts())
        labels: dict[int, str | None] = {}
        for at in session.propagate():
            for object_id, mask in zip(at.object_ids, at.masks, strict=True):
                assert labels.setdefault(object_id, mask.label) == mask.label

    def test_start_and_stop_bound_the_frames(self, session: ConceptVideoSession) -> None:
        session.find(self._concepts()[:1])
        assert [at.frame for at in session.propagate(start=1, stop=3)] == [1, 2]
        assert [at.frame for at in session.propagate(start=3, stop=1, reverse=True)] == [3, 2]

    def test_a_part_and_the_rest_are_the_whole(self, finder: ConceptVideoSegmenter) -> None:
        whole, parts = (finder.open(self._video()) for _ in range(2))
        for session in (whole, parts):
            session.find(self._concepts())
        walk = parts.propagate()
        found = [next(walk), next(walk)]
        walk.close()  # type: ignore[attr-defined]  # It is a generator.
        for one, other in zip(whole.propagate(), [*found, *parts.propagate(start=2)], strict=True):
            _assert_same(one, other)

    def test_a_removed_object_is_gone(self, session: ConceptVideoSession) -> None:
        session.find(self._concepts())
        removed: int | None = None
        for at in session.propagate():
            assert removed is None or removed not in at.object_ids
            if removed is None and at.object_ids:
                removed = next(object_id for object_id in at.object_ids if object_id in session.object_ids)
                session.remove(removed)
                assert removed not in session.object_ids
        assert removed is not None
        with pytest.raises(PromptError, match=str(removed)):
            session.remove(removed)

    def test_what_it_does_not_take_is_refused(self, finder: ConceptVideoSegmenter, session: ConceptVideoSession) -> None:
        with pytest.raises(PromptError):
            next(iter(session.propagate()))
        refused: list[Any] = [[], [Prompt.point(1, 1)], "dog"]
        if "example" not in finder.accepts:
            refused.append([Prompt.example(None, Prompt.box(1, 1, 9, 9))])
        for concepts in refused:
            with pytest.raises(PromptError):
                session.find(concepts)
        session.find(self._concepts()[:1])
        with pytest.raises(PromptError, match="1234"):
            next(iter(session.propagate(start=1234)))

    def test_a_frame_that_cannot_be_used_ends_the_search_after_the_frames_before_it(self, finder: ConceptVideoSegmenter) -> None:
        session = finder.open(FakeFrames([scene(), scene(), scene(), np.zeros((9, 9, 3), np.uint8)], rereadable=True))
        session.find(self._concepts()[:1])
        found: list[FrameMasks] = []
        with pytest.raises(InputError, match="frame 3"):
            found.extend(session.propagate())
        assert [at.frame for at in found] == [0, 1, 2]

    def test_a_saved_session_goes_on_with_the_same_masks(self, finder: ConceptVideoSegmenter, tmp_path: Path) -> None:
        session = finder.open(self._video())
        session.find(self._concepts())
        list(session.propagate(stop=2))
        session.save(tmp_path / "session")
        resumed = finder.resume(tmp_path / "session", self._video())
        assert resumed.object_ids == session.object_ids
        for one, other in zip(session.propagate(start=2), resumed.propagate(start=2), strict=True):
            _assert_same(one, other)

    def test_what_is_no_saved_session_of_this_video_is_refused(self, finder: ConceptVideoSegmenter, tmp_path: Path) -> None:
        session = finder.open(self._video())
        session.find(self._concepts()[:1])
        session.save(tmp_path / "session")
        with pytest.raises(InputError, match="size"):
            finder.resume(tmp_path / "session", [np.zeros((30, 40, 3), np.uint8)])
        content = (tmp_path / "session").read_bytes()
        for name, damaged in (("truncated", content[: len(content) // 2]), ("empty", b""), ("other", b"hello")):
            (tmp_path / name).write_bytes(damaged)
            with pytest.raises(InputError, match=name):
                finder.resume(tmp_path / name, self._video())

    def _concepts(self) -> list[Concept]:
        return [Concept(phrase) for phrase in self.phrases]

    def _video(self) -> FakeFrames:
        return FakeFrames([scene() for _ in range(self.n_frames)], rereadable=True)
