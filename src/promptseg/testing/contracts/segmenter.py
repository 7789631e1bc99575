"""Contract tests for segmenters and their sessions."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from ...errors import PromptError
from ...masks import Masks, Size
from ...prompts import Prompt, PromptKind, SpatialPrompt
from ...protocols import HasFeatures, Segmenter, Session
from .checks import assert_alike, assert_identical, assert_same_numbers, check_provenance, check_unreadable_images
from .scenes import OBJECTS, SPATIAL, image_forms, murky_scene, prompt_for, prompt_on, scene, turned_by_exif
from .suite import Suite, needs


def _takes(kind: PromptKind) -> Callable[[type[SegmenterContract]], bool]:
    return lambda suite: kind in suite.accepts


def _takes_points_along(suite: type[SegmenterContract]) -> bool:
    return "point" in (suite.accepts if suite.combines is None else suite.combines)


def _predicts_iou_of_everything(suite: type[SegmenterContract]) -> bool:
    return suite.scores_are_predicted_iou and "everything" in suite.accepts


class _Store:
    """`promptseg.protocols.EmbeddingStore` in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Mapping[str, NDArray[np.float32]]] = {}

    def get(self, key: str) -> Mapping[str, NDArray[np.float32]] | None:
        return self.kept.get(key)

    def put(self, key: str, features: Mapping[str, NDArray[np.float32]]) -> None:
        self.kept[key] = features


class SegmenterContract(Suite):
    """Contract tests for a `promptseg.protocols.Segmenter`. They need a fixture `segmenter`, in the class or in its module.

    Attributes:
        accepts: Kinds of prompts that the segmenter accepts.
        combines: Kinds of prompts that it accepts in combination with one of `accepts`, for one object. None: the same as `accepts`.
        scores_are_predicted_iou: Whether its scores are predicted IoUs, so that ``pred_iou_thresh`` filters them.
        rounds: Number of repetitions in the test with two threads. Use fewer for a slow model.
        takes_background: Whether it accepts background points. If not, it must refuse them.
    """

    accepts: ClassVar[frozenset[PromptKind]] = frozenset({"point", "box", "mask", "everything"})
    combines: ClassVar[frozenset[PromptKind] | None] = None
    scores_are_predicted_iou: ClassVar[bool] = True
    rounds: ClassVar[int] = 100
    takes_background: ClassVar[bool] = True

    @pytest.fixture
    def session(self, segmenter: Segmenter) -> Session:
        """A session for the scene."""
        return segmenter.open(scene())

    # Opening

    def test_it_is_a_segmenter_that_opens_sessions(self, segmenter: Segmenter, session: Session) -> None:
        assert isinstance(segmenter, Segmenter)
        assert isinstance(session, Session)

    def test_its_provenance_names_model_backend_version_and_license(self, segmenter: Segmenter) -> None:
        check_provenance(segmenter.provenance)

    def test_it_says_which_kinds_of_prompt_it_takes(self, segmenter: Segmenter) -> None:
        assert segmenter.accepts == self.accepts

    def test_a_session_has_its_image_in_rgb(self, session: Session) -> None:
        assert session.image.dtype == np.uint8
        assert np.array_equal(session.image, scene())

    def test_a_session_names_the_model_that_encoded_its_image(self, segmenter: Segmenter, session: Session) -> None:
        assert session.provenance == segmenter.provenance

    def test_with_cache_returns_a_new_segmenter_with_the_same_masks(self, segmenter: Segmenter) -> None:
        store = _Store()
        caching = segmenter.with_cache(store)
        expected = self._segment(segmenter.open(scene()))
        assert store.kept == {}, "with_cache() changed the segmenter itself"
        for opened in (caching, caching, segmenter.with_cache(None)):  # The second time with the cached embedding.
            assert_identical(self._segment(opened.open(scene())), expected)

    def test_features_cover_the_image(self, session: Session) -> None:
        if isinstance(session, HasFeatures):
            features = session.features()
            assert features.size == tuple(session.size)
            assert features.values.ndim == 3
            assert features.values.dtype == np.float32
            assert np.isfinite(features.values).all()

    def test_a_path_bytes_an_open_file_a_pil_image_and_an_array_are_one_image(self, segmenter: Segmenter, tmp_path: Path) -> None:
        expected = self._segment(segmenter.open(scene()))
        for form in image_forms(scene(), tmp_path):
            assert_identical(self._segment(segmenter.open(form)), expected)

    def test_an_unreadable_image_is_refused(self, segmenter: Segmenter, tmp_path: Path) -> None:
        check_unreadable_images(segmenter.open, tmp_path)

    def test_the_size_is_height_and_width(self, session: Session) -> None:
        assert tuple(session.size) == (72, 100)

    def test_exif_orientation_is_applied(self, segmenter: Segmenter) -> None:
        assert tuple(segmenter.open(turned_by_exif(scene())).size) == (100, 72)

    def test_timings_are_seconds_by_stage(self, session: Session) -> None:
        assert all(isinstance(stage, str) and seconds >= 0 for stage, seconds in session.timings.items())

    def test_a_gray_image_is_its_rgb_image(self, segmenter: Segmenter) -> None:
        gray = scene()[:, :, 0].copy()
        assert_identical(self._segment(segmenter.open(gray)), self._segment(segmenter.open(np.stack([gray] * 3, axis=-1))))

    @pytest.mark.parametrize("size", [(1, 1), (1, 37), (41, 1), (33, 47)], ids=str)
    def test_an_image_of_any_size_is_segmented(self, segmenter: Segmenter, size: Size) -> None:
        pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
        masks = segmenter.open(pixels).segment([prompt_on(kind, size) for kind in self._kinds()])
        assert [mask.size for mask in masks] == [size] * len(self._kinds())

    def test_the_callers_image_is_neither_changed_nor_depended_on(self, segmenter: Segmenter) -> None:
        pixels = scene()
        session = segmenter.open(pixels)
        before = self._segment(session)
        assert np.array_equal(pixels, scene()), "open() changed the array of the caller"
        pixels[:] = 0
        assert_identical(self._segment(session), before)

    def test_a_read_only_image_is_taken(self, segmenter: Segmenter) -> None:
        pixels = scene()
        pixels.setflags(write=False)
        assert len(self._segment(segmenter.open(pixels))) == len(self._prompts())

    # Segmentation

    def test_there_is_one_mask_a_prompt_in_the_order_of_the_prompts(self, session: Session) -> None:
        masks = session.segment(self._prompts())
        assert isinstance(masks, Masks)
        assert [mask.prompt_index for mask in masks] == list(range(len(self._prompts())))

    def test_masks_have_the_size_of_the_image(self, session: Session) -> None:
        masks = session.segment(self._prompts())
        assert masks.size == (72, 100)
        assert all(mask.array.shape == (72, 100) for mask in masks)

    def test_a_mask_overlaps_the_prompted_object(self, session: Session) -> None:
        for kind in self._kinds():
            for which, (x0, y0, x1, y1) in enumerate(OBJECTS):
                pixels = session.segment([prompt_for(kind, which)])[0].array
                assert pixels[y0:y1, x0:x1].any(), f"the mask of {prompt_for(kind, which)!r} has none of the object's pixels"

    def test_prompts_given_together_get_the_same_masks_as_alone(self, session: Session) -> None:
        prompts = self._prompts()
        backward = list(session.segment(prompts[::-1]))[::-1]
        for prompt, together, reversed_ in zip(prompts, session.segment(prompts), backward, strict=True):
            alone = session.segment([prompt])[0]
            assert_alike(together, alone)
            assert_alike(reversed_, alone)

    def test_an_iterator_of_prompts_is_a_list_of_them(self, session: Session) -> None:
        for once, listed in zip(session.segment(iter(self._prompts())), session.segment(self._prompts()), strict=True):
            assert_alike(once, listed)

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

    @needs(_takes_points_along)
    def test_a_background_point_joins_a_prompt_or_is_refused(self, session: Session) -> None:
        x0, y0, _, _ = OBJECTS[0]
        prompts = [prompt_for(kind) + Prompt.point(x0 - 1, y0 - 1, foreground=False) for kind in self._kinds()]
        if not self.takes_background:
            with pytest.raises(PromptError, match="background"):
                session.segment(prompts)
            return
        assert len(session.segment(prompts)) == len(prompts)

    @needs(_takes("mask"))
    def test_a_result_refines_itself(self, session: Session) -> None:
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
        expected = [self._segment(segmenter.open(image)) for image in images]
        sessions = [segmenter.open(image) for image in images]
        for _ in range(2):
            for session, alone in zip(sessions, expected, strict=True):
                assert_identical(self._segment(session), alone)

    def test_two_threads_with_a_session_each_get_the_same_masks_as_alone(self, segmenter: Segmenter) -> None:
        images = (scene(), np.ascontiguousarray(scene()[:, ::-1]))
        expected = [segmenter.open(image).segment(self._prompts(), candidates=True) for image in images]
        start = threading.Barrier(len(images))

        def repeat(image: NDArray[np.uint8], alone: Masks) -> None:
            start.wait()
            for turn in range(self.rounds):
                if turn % 5 == 0:  # Opening takes longer, and must not disturb the other thread either.
                    session = segmenter.open(image)
                assert_same_numbers(session.segment(self._prompts(), candidates=True), alone)

        with ThreadPoolExecutor(len(images)) as pool:
            list(pool.map(repeat, images, expected))

    def test_a_session_gives_several_threads_the_same_masks_as_one(self, segmenter: Segmenter) -> None:
        session = segmenter.open(murky_scene())
        expected = self._segment(session)
        with ThreadPoolExecutor(4) as pool:
            for masks in pool.map(lambda _: self._segment(session), range(4)):
                assert_identical(masks, expected)

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

    @needs(_takes_points_along)
    def test_a_point_outside_the_image_is_refused_with_its_value(self, session: Session) -> None:
        extra = [] if "point" in self.accepts else [prompt_for(self._kinds()[0])]
        with pytest.raises(PromptError, match="1234"):
            session.segment([sum(extra, start=Prompt.point(1234, 5))])

    @needs(_takes("box"))
    def test_a_box_outside_the_image_is_refused_with_its_value(self, session: Session) -> None:
        with pytest.raises(PromptError, match="1234"):
            session.segment([Prompt.box(1234, 5, 1240, 9)])

    @needs(_takes("mask"))
    def test_a_mask_of_another_image_is_refused_with_its_size(self, session: Session) -> None:
        with pytest.raises(PromptError, match="123"):
            session.segment([Prompt.mask(np.ones((123, 45), bool))])

    # Everything

    @needs(_takes("everything"))
    def test_everything_gives_masks_best_first(self, session: Session) -> None:
        masks = self._everything(session, points_per_side=4)
        assert masks.size == (72, 100)
        assert len(masks) > 0
        assert (masks.areas > 0).all()
        assert np.isfinite(masks.scores).all()
        assert masks.scores.tolist() == sorted(masks.scores.tolist(), reverse=True)

    @needs(_takes("everything"))
    def test_everything_is_the_same_twice(self, session: Session) -> None:
        assert_identical(self._everything(session, points_per_side=3), self._everything(session, points_per_side=3))

    @needs(_takes("everything"))
    def test_everything_from_fewer_points_finds_no_more(self, session: Session) -> None:
        assert len(self._everything(session, points_per_side=1)) <= len(self._everything(session, points_per_side=4))

    @needs(_takes("everything"))
    def test_everything_accepts_a_point_grid(self, session: Session) -> None:
        assert self._everything(session, point_grid=[[0.3, 0.5]]).size == (72, 100)

    @needs(_predicts_iou_of_everything)
    def test_everything_keeps_masks_over_the_predicted_iou_asked_for(self, session: Session) -> None:
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

    @needs(_takes("everything"))
    def test_everything_in_crops_does_not_depend_on_the_callers_image(self, segmenter: Segmenter) -> None:
        large = (
            scene().repeat(4, axis=0).repeat(4, axis=1)
        )  # Masks near the border of a crop are dropped. In the larger image some masks are left.
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
        """Return a prompt of each accepted kind for each object of the scene."""
        return [prompt_for(kind, which) for which in range(len(OBJECTS)) for kind in self._kinds()]

    def _segment(self, session: Session) -> Masks:
        return session.segment(self._prompts())

    def _everything(self, session: Session, **settings: Any) -> Masks:
        return session.everything(Prompt.everything(**{"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0, **settings}))
