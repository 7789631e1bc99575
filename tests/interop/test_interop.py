"""Conversion of masks to and from other libraries, and the error for a library that is not installed."""

import subprocess
import sys
import types

import numpy as np
import pytest

from promptseg.errors import InputError, MissingDependencyError
from promptseg.interop.fiftyone import to_fiftyone
from promptseg.interop.huggingface import from_datasets, to_datasets
from promptseg.interop.supervision import from_supervision, to_supervision
from promptseg.masks import Mask, Masks
from promptseg.results import Result

SIZE = (12, 17)


def about(mask):
    return mask, mask.score, mask.label, mask.prompt_index, mask.detection_index, mask.from_box


@pytest.fixture
def masks():
    pixels = np.random.default_rng(0).random((3, *SIZE)) > 0.6
    pixels[2] = False
    return Masks(
        [
            Mask.from_array(pixels[0], score=0.1, label="dog", prompt_index=0),
            Mask(SIZE, Mask.from_array(pixels[1]).counts, label=None, detection_index=3, from_box=True),
            Mask.from_array(pixels[2], score=0.7, label="cat"),
        ]
    )


@pytest.mark.parametrize(
    ("package", "convert"),
    [("supervision", to_supervision), ("fiftyone", to_fiftyone), ("datasets", lambda masks: to_datasets([Result(masks)]))],
)
def test_a_missing_library_is_named_with_what_to_install(package, convert, masks, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=f"pip install {package}"):
        convert(masks)


def test_values_import_no_conversion_before_it_is_called():
    code = "import sys, promptseg.results; print(*[name for name in sys.modules if name.startswith('promptseg.interop')])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() == ""


class TestSupervision:
    @pytest.fixture(autouse=True)
    def supervision(self):
        return pytest.importorskip("supervision", reason="supervision is not installed", exc_type=ImportError)

    def test_a_result_comes_back_as_it_was(self, masks):
        back = Masks.from_supervision(Result(masks).to_supervision())
        assert [about(mask) for mask in back] == [about(mask) for mask in masks]

    def test_without_any_score_there_is_no_confidence(self, masks):
        assert to_supervision(masks.where([1])).confidence is None
        assert to_supervision(masks).confidence.tolist() == pytest.approx([0.1, np.nan, 0.7], nan_ok=True)

    def test_no_masks_come_back_with_their_size(self):
        back = Masks.from_supervision(Result(Masks([], SIZE)).to_supervision())
        assert (len(back), back.size) == (0, SIZE)

    def test_classes_have_the_numbers_that_are_asked_for(self, masks):
        detections = to_supervision(masks, ["cat", "dog"])
        assert detections.class_id.tolist() == [1, -1, 0]
        np.testing.assert_array_equal(detections.xyxy, masks.boxes)
        with pytest.raises(InputError, match="dog"):
            to_supervision(masks, ["cat"])

    def test_detections_of_others_are_read(self, supervision, masks):
        detections = supervision.Detections(
            xyxy=masks.boxes[:1], mask=masks[0].array[None], class_id=np.array([5]), confidence=np.array([0.5])
        )
        assert about(from_supervision(detections)[0]) == (masks[0], 0.5, "5", None, None, False)
        with pytest.raises(InputError, match="class id 5, but classes has only 1"):
            from_supervision(detections, classes=["dog"])

    def test_boxes_without_masks_are_refused(self, supervision):
        with pytest.raises(InputError, match="1 boxes and no masks"):
            from_supervision(supervision.Detections(xyxy=np.array([[0, 0, 2, 2]], np.float32)))
        assert from_supervision(supervision.Detections.empty(), SIZE).size == SIZE


class TestFiftyOne:
    @pytest.fixture(autouse=True)
    def fiftyone(self, monkeypatch):
        """A stub with the two classes that are used. The real package starts a database when it is imported."""
        stub = types.SimpleNamespace(Detection=types.SimpleNamespace, Detections=types.SimpleNamespace)
        monkeypatch.setitem(sys.modules, "fiftyone", stub)

    def test_a_label_has_its_box_relative_and_its_pixels_within_it(self, masks):
        labels = Result(masks).to_fiftyone().detections
        assert [label.label for label in labels] == ["dog", None]  # The mask without pixels has no box.
        height, width = SIZE
        x, y, w, h = np.multiply(labels[0].bounding_box, [width, height, width, height]).round().astype(int)
        placed = np.zeros(SIZE, bool)
        placed[y : y + h, x : x + w] = labels[0].mask
        np.testing.assert_array_equal(placed, masks[0].array)
        assert labels[0].confidence == 0.1


class TestDatasets:
    @pytest.fixture(autouse=True)
    def datasets(self):
        return pytest.importorskip("datasets", reason="datasets is not installed", exc_type=ImportError)

    def test_masks_come_back_from_rows_and_images_with_them(self, masks):
        image = np.full((*SIZE, 3), 7, np.uint8)
        dataset = to_datasets([Result(masks, image=image), Result(Masks([], (3, 4)))])
        for row, given in zip(dataset, (masks, Masks([], (3, 4))), strict=True):
            back = from_datasets(row)
            assert back.size == given.size
            assert [about(mask)[:3] for mask in back] == [about(mask)[:3] for mask in given]
        np.testing.assert_array_equal(dataset[0]["image"], image)
        assert dataset[1]["image"] is None

    def test_an_object_has_its_box_as_corner_width_and_height(self):
        pixels = np.zeros(SIZE, bool)
        pixels[3:8, 5:7] = True
        (row,) = to_datasets([Result(Masks([Mask.from_array(pixels, label="dog")]), source="a.jpg")])
        (found,) = row["objects"]
        assert (row["height"], row["width"], row["source"]) == (12, 17, "a.jpg")
        assert (found["bbox"], found["area"], found["label"], found["score"]) == ([5, 3, 2, 5], 10, "dog", None)

    def test_a_row_without_masks_is_refused(self):
        with pytest.raises(InputError, match="objects"):
            from_datasets({"height": 3, "width": 4})


class TestNapari:
    def test_a_pixel_of_several_masks_is_of_the_smallest(self):
        large, small = np.ones(SIZE, bool), np.zeros(SIZE, bool)
        small[2:4, 3:5] = True
        result = Result(Masks([Mask.from_array(small, label="dog", score=0.5), Mask.from_array(large)]))
        [(data, arguments, kind)] = result.to_napari()
        np.testing.assert_array_equal(data, np.where(small, 1, 2))
        assert (kind, arguments["features"]["label"]) == ("labels", ["", "dog", ""])
        [(data, _, _)] = result.to_napari(stacked=True)
        np.testing.assert_array_equal(data, [small * 1, large * 2])

    def test_napari_takes_the_layers(self, masks):
        layers = pytest.importorskip("napari.layers", reason="napari is not installed", exc_type=ImportError)
        result = Result(masks, image=np.zeros((*SIZE, 3), np.uint8))
        image, labels = (layers.Layer.create(*layer) for layer in result.to_napari())
        assert image.rgb
        assert list(labels.features["label"]) == ["", "dog", "", "cat"]
