"""`YoloDetector` with a network that returns given outputs."""

import numpy as np
import pytest

from promptseg.errors import BackendError, ConfigError, InputError, PromptError
from promptseg.models.yolo.detector import YoloDetector, YoloSettings
from promptseg.models.yolo.output import Output, YoloMetadata
from promptseg.registry import backends
from promptseg.results import Provenance

NAMES = ("dog", "cat", "potted plant")
IMAGE = np.zeros((48, 96, 3), np.uint8)

OPTIONS = backends()["onnx_yolo"].options


class Network:
    """Network that returns the given anchors, ``(cx, cy, w, h, dog, cat, plant, …)`` in pixels of its input, and records its inputs."""

    def __init__(self, *anchors, prototypes=None, **metadata):
        self.metadata = YoloMetadata(NAMES, 32, (64, 64), **metadata)
        columns = 7 if prototypes is None else 7 + len(prototypes)
        self.output = Output(np.array(anchors, np.float32).reshape(-1, columns).T, prototypes)
        self.inputs = []

    def __call__(self, letterboxed):
        self.inputs.append(letterboxed)
        return self.output


def detector(*anchors, prototypes=None, metadata=None, **options):
    network = Network(*anchors, prototypes=prototypes, **(metadata or {}))
    return YoloDetector(network, Provenance("tiny", "test", "1", license="MIT"), YoloSettings.checked({**OPTIONS, **options}))


class TestDetections:
    def test_boxes_are_in_pixels_of_the_image_with_the_names_of_their_classes(self):
        # The image is resized to two thirds, 32 rows: no padding is needed.
        found = detector((32, 16, 32, 16, 0.9, 0, 0), (8, 16, 8, 8, 0, 0, 0.5)).detect(IMAGE)
        assert found.size == (48, 96)
        assert found.boxes.tolist() == [[24, 12, 72, 36], [6, 18, 18, 30]]
        assert found.scores.tolist() == pytest.approx([0.9, 0.5])
        assert found.labels == ("dog", "potted plant")
        assert found.masks is None

    def test_only_what_was_asked_for_is_found_under_the_phrase_as_it_was_written(self):
        found = detector((32, 16, 32, 16, 0.9, 0, 0), (8, 16, 8, 8, 0, 0, 0.5)).detect(IMAGE, ["Pot Plants"])
        assert found.labels == ("Pot Plants",)
        assert found.boxes.tolist() == [[6, 18, 18, 30]]

    def test_classes_of_one_phrase_have_one_label(self):
        found = detector((32, 16, 32, 16, 0.9, 0, 0), (8, 16, 8, 8, 0, 0.5, 0)).detect(IMAGE, ["cat|dog"])
        assert found.labels == ("cat", "cat")

    def test_the_best_score_of_each_phrase_is_known_also_below_the_threshold(self):
        anchors = (32, 16, 32, 16, 0.9, 0, 0), (8, 16, 8, 8, 0, 0.25, 0), (8, 16, 8, 8, 0, 0.125, 0)
        found = detector(*anchors, threshold=0.5).detect(IMAGE, ["dog", "cats|cat", "plant"])
        assert found.labels == ("dog",)
        assert found.best_scores == pytest.approx({"dog": 0.9, "cats": 0.25})

    def test_an_unknown_phrase_is_refused_before_the_image_is_read(self):
        network = detector()
        with pytest.raises(PromptError, match=r"'hamster' names none of the 3 classes.*'dog', 'cat', 'potted plant'"):
            network.detect("no such image.jpg", ["dog", "hamster"])
        with pytest.raises(PromptError, match="'hamster' names none"):
            network.check_phrases(["dog", "hamster"])
        network.check_phrases(["dog", "cats|cat"])

    @pytest.mark.parametrize("phrases", [[""], ["  "], ["dog", None], ["dog|"], [], "dog"])
    def test_blank_phrases_are_refused(self, phrases):
        with pytest.raises(PromptError):
            detector().detect(IMAGE, phrases)

    def test_ten_thousand_phrases_for_one_class_are_one(self):
        assert detector((32, 16, 32, 16, 0.9, 0, 0)).detect(IMAGE, ["dog"] * 10_000).labels == ("dog",)

    def test_no_detection_is_an_empty_result_of_the_right_size(self):
        found = detector((32, 16, 32, 16, 0.01, 0, 0)).detect(IMAGE)
        assert (len(found), found.size, found.boxes.shape) == (0, (48, 96), (0, 4))

    def test_a_thousand_detections_come_back_where_as_many_are_allowed(self):
        anchors = [(i % 64, i // 64 * 2, 0.4, 0.4, 0.9, 0, 0) for i in range(1000)]
        assert len(detector(*anchors).detect(IMAGE)) == 300
        assert len(detector(*anchors, max_detections=5000).detect(IMAGE)) == 1000

    def test_boxes_over_the_border_are_cut_and_those_beyond_it_are_left_out(self):
        beyond, over = (32, 90, 10, 10, 0.9, 0, 0), (64, 16, 32, 64, 0.8, 0, 0)
        assert detector(beyond, over).detect(IMAGE).boxes.tolist() == [[72, 0, 96, 48]]

    @pytest.mark.parametrize("size", [(0, 8), (8, 0), (-8, 8)])
    def test_boxes_without_area_are_left_out(self, size):
        assert len(detector((32, 16, *size, 0.9, 0, 0)).detect(IMAGE)) == 0

    def test_numbers_that_are_not_finite_are_an_error(self):
        with pytest.raises(BackendError, match="NaN"):
            detector((np.nan, 16, 8, 8, 0.9, 0, 0)).detect(IMAGE)

    def test_an_unreadable_image_is_refused(self):
        with pytest.raises(InputError, match="no such image"):
            detector().detect("no such image.jpg")

    def test_its_classes_can_be_asked_for(self):
        assert detector().classes == NAMES


class TestMasks:
    PROTOTYPES = np.stack([np.ones((8, 16), np.float32), np.tile(np.float32([1] * 8 + [-1] * 8), (8, 1))])

    def test_a_model_with_prototypes_gives_a_mask_a_box_with_its_score_and_label(self):
        found = detector((32, 16, 32, 16, 0.9, 0, 0, 1, 0), prototypes=self.PROTOTYPES).detect(IMAGE, ["dogs"])
        (mask,) = found.masks
        assert (mask.size, mask.label, mask.score) == ((48, 96), "dogs", pytest.approx(0.9))
        assert mask.box.tolist() == found.boxes[0].tolist() == [24, 12, 72, 36]

    def test_a_detection_whose_mask_is_empty_is_left_out(self):
        anchors = ((32, 16, 32, 16, 0.9, 0, 0, -1, 0), (32, 16, 32, 16, 0, 0.8, 0, 0, 1))
        found = detector(*anchors, prototypes=self.PROTOTYPES).detect(IMAGE)
        assert found.labels == ("cat",)
        assert len(found.masks) == 1

    def test_without_detections_there_are_no_masks(self):
        found = detector(prototypes=self.PROTOTYPES).detect(IMAGE)
        assert (len(found), len(found.masks), found.masks.size) == (0, 0, (48, 96))

    def test_masks_can_be_left_out(self):
        anchors = ((32, 16, 32, 16, 0.9, 0, 0, -1, 0), (32, 16, 32, 16, 0, 0.8, 0, 0, 1))
        found = detector(*anchors, prototypes=self.PROTOTYPES, masks=False).detect(IMAGE)
        assert found.masks is None
        assert len(found) == 2


class TestInputSize:
    def input_size(self, image, metadata=None, **options):
        made = detector(metadata=metadata, **options)
        made.detect(image)
        return made._network.inputs[0].shape[:2]

    def test_images_are_resized_to_the_models_own_input_size(self):
        assert self.input_size(np.zeros((640, 640, 3), np.uint8)) == (64, 64)

    def test_a_long_image_gets_no_more_padding_than_the_stride_needs(self):
        assert self.input_size(np.zeros((100, 640, 3), np.uint8)) == (32, 64)

    def test_a_model_of_a_fixed_input_size_gets_inputs_of_that_size(self):
        assert self.input_size(np.zeros((100, 640, 3), np.uint8), metadata={"fixed": True}) == (64, 64)

    @pytest.mark.parametrize(("imgsz", "side"), [(32, 32), (33, 64), (128, 128)])
    def test_imgsz_is_rounded_up_to_a_multiple_of_the_stride(self, imgsz, side):
        assert self.input_size(np.zeros((640, 640, 3), np.uint8), imgsz=imgsz) == (side, side)

    def test_imgsz_is_refused_where_the_model_has_another_fixed_input_size(self):
        assert self.input_size(IMAGE, metadata={"fixed": True}, imgsz=64) == (64, 64)
        with pytest.raises(ConfigError, match="fixed input size of 64 x 64 pixels, and imgsz=128 asks for another"):
            detector(metadata={"fixed": True}, imgsz=128)


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("threshold", -0.1),
            ("threshold", 1.1),
            ("threshold", "0.3"),
            ("threshold", None),
            ("threshold", float("nan")),
            ("iou", 2),
            ("iou", True),
            ("max_detections", 0),
            ("max_detections", 1.5),
            ("max_detections", True),
            ("imgsz", 31),
            ("imgsz", 7681),
            ("imgsz", 640.0),
            ("imgsz", (640, 640)),
            ("masks", 1),
            ("masks", None),
        ],
    )
    def test_an_impossible_value_is_refused_with_its_name_and_value(self, name, value):
        with pytest.raises(ConfigError, match=f"option {name} is ") as refusal:
            YoloSettings.checked({**OPTIONS, name: value})
        assert f"got {value!r}" in str(refusal.value)

    def test_the_defaults_are_possible(self):
        assert YoloSettings.checked(OPTIONS) == YoloSettings(0.05, 0.7, 300, None, True)
