"""Contracts fail on models that break them: each fake here has one defect."""

from dataclasses import replace

import numpy as np
import pytest

from promptseg.detections import Detections
from promptseg.images import load_image
from promptseg.masks import Mask, Masks
from promptseg.testing import FakeDetector, FakeSegmenter, FakeSession, FakeVideoSegmenter
from promptseg.testing.contracts import DetectorContract, SegmenterContract, VideoSegmenterContract, scene
from promptseg.testing.contracts.checks import assert_alike


def square(x0, x1):
    pixels = np.zeros((20, 200), bool)
    pixels[5:15, x0:x1] = True
    return Mask.from_array(pixels)


def test_masks_are_alike_where_only_a_few_pixels_differ():
    assert_alike(square(0, 100), square(0, 100))
    assert_alike(square(0, 100), square(0, 99))  # An IoU of 0.99.
    with pytest.raises(AssertionError):
        assert_alike(square(0, 100), square(0, 97))


class Altered(FakeSession):
    """A session whose masks a function changes: ``alter(image, masks)``."""

    alter = staticmethod(lambda image, masks: masks)

    def segment(self, prompts, *, candidates=False):
        return self.alter(self.image, super().segment(prompts, candidates=candidates))


def segmenter(alter, copy=True):
    class Session(Altered):
        pass

    Session.alter = staticmethod(alter)

    class Broken(FakeSegmenter):
        def open(self, image):
            pixels = load_image(image)
            return Session(pixels.copy() if copy else pixels, self.radius, {"encode": 0.0}, self.provenance)

    return Broken()


def darker(image, masks):
    """Masks whose scores depend on the image."""
    return Masks([replace(mask, score=float(image.mean()) / 255) for mask in masks], masks.size)


def test_a_session_that_depends_on_the_callers_array_breaks_the_contract():
    contract = SegmenterContract()
    contract.test_the_callers_image_is_neither_changed_nor_depended_on(segmenter(darker))
    with pytest.raises(AssertionError):
        contract.test_the_callers_image_is_neither_changed_nor_depended_on(segmenter(darker, copy=False))


def test_masks_in_another_order_than_the_prompts_break_the_contract():
    contract = SegmenterContract()
    reversed_ = segmenter(lambda _, masks: Masks(list(masks)[::-1], masks.size))
    with pytest.raises(AssertionError):
        contract.test_there_is_one_mask_a_prompt_in_the_order_of_the_prompts(reversed_.open(scene()))


def test_masks_that_differ_from_call_to_call_break_the_contract():
    calls = []

    def flicker(_, masks):
        calls.append(1)
        return Masks([replace(mask, score=len(calls) / 1000) for mask in masks], masks.size)

    with pytest.raises(AssertionError):
        SegmenterContract().test_the_same_prompt_gives_the_same_mask(segmenter(flicker))
    with pytest.raises(AssertionError):
        SegmenterContract().test_two_threads_with_a_session_each_get_the_same_masks_as_alone(segmenter(flicker))


def test_logits_that_differ_from_call_to_call_break_the_contract():
    calls = []

    def flicker(_, masks):
        calls.append(1)
        return Masks([replace(mask, logits=np.full((2, 2), len(calls), np.float32)) for mask in masks], masks.size)

    with pytest.raises(AssertionError):
        SegmenterContract().test_two_threads_with_a_session_each_get_the_same_masks_as_alone(segmenter(flicker))


@pytest.mark.parametrize("box", [(5, 5, 5, 20), (5, 5, 20, 5)])
def test_a_detected_box_without_area_breaks_the_contract(box):
    found = Detections((72, 100), [box], [0.5], ["dog"])

    class Flat(FakeDetector):
        def detect(self, image, phrases=None):
            return found

    DetectorContract().test_detections_fit_the_image(FakeDetector({"dog": [(5, 5, 20, 20)]}))
    with pytest.raises(AssertionError, match="a box has no area"):
        DetectorContract().test_detections_fit_the_image(Flat({}))


def test_a_tracker_that_leaves_the_object_breaks_the_contract():
    contract = VideoSegmenterContract()
    contract.test_objects_keep_their_identity(FakeVideoSegmenter().open(contract._video()))
    with pytest.raises(AssertionError):
        contract.test_objects_keep_their_identity(FakeVideoSegmenter(shift=(30, 0)).open(contract._video()))
