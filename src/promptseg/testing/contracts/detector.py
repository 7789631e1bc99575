"""Contract tests for detectors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from ...detections import Detections
from ...errors import PromptError
from ...images import ImageLike, load_image
from ...masks import Size
from ...protocols import Detector
from .checks import assert_same_detections, check_provenance, check_unreadable_images
from .scenes import image_forms, scene
from .suite import Suite


class DetectorContract(Suite):
    """Contract tests for a `promptseg.protocols.Detector`. They need a fixture `detector`, in the class or in its module.

    Attributes:
        image: Image to detect on, preferably with something to detect.
        phrases: Two or more phrases that the detector accepts.
        needs_phrases: Whether the detector refuses to work without phrases, because it has no fixed classes.
    """

    image: ClassVar[ImageLike] = scene()
    phrases: ClassVar[tuple[str, ...]] = ("dog", "cat")
    needs_phrases: ClassVar[bool] = False

    def test_it_is_a_detector(self, detector: Detector) -> None:
        assert isinstance(detector, Detector)

    def test_its_provenance_names_model_backend_version_and_license(self, detector: Detector) -> None:
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

    def test_a_gray_image_is_its_rgb_image(self, detector: Detector) -> None:
        gray = load_image(self.image)[:, :, 0].copy()
        rgb = np.stack([gray] * 3, axis=-1)
        assert_same_detections(detector.detect(gray, self.phrases), detector.detect(rgb, self.phrases))

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
