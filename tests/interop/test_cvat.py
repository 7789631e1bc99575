"""Functions for CVAT's agents, with the types of cvat-sdk and what its driver checks."""

import logging
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fake_pipelines import BLANK, HEIGHT, WIDTH, built, detections
from promptseg import Mask, Prompt
from promptseg.errors import ConfigError, InputError, MissingDependencyError, PromptError
from promptseg.testing import FakeConceptVideoSegmenter, FakeDetector, FakeSegmenter, FakeVideoSegmenter
from promptseg.tracking.session import PropagateSegmenter

sdk = pytest.importorskip("cvat_sdk.auto_annotation", reason="cvat-sdk is not installed", exc_type=ImportError)
masks = pytest.importorskip("cvat_sdk.masks", reason="cvat-sdk is not installed", exc_type=ImportError)

from promptseg.interop import cvat  # noqa: E402 - Only tests with the SDK need it.
from promptseg.interop.cvat.detection import Detector  # noqa: E402
from promptseg.interop.cvat.interaction import Interactor  # noqa: E402
from promptseg.interop.cvat.tracking import Tracker  # noqa: E402

IMAGE = Image.fromarray(BLANK)


def pixels(points):
    return masks.decode_mask(points, image_width=WIDTH, image_height=HEIGHT)


@dataclass(frozen=True)
class Prompts:
    pos_points: tuple = ()
    neg_points: tuple = ()
    bounding_box: tuple | None = None


class TestInteraction:
    def ask(self, **prompts):
        function = Interactor(FakeSegmenter())
        return function.detect(None, function.preprocess_image(None, IMAGE), Prompts(**prompts))

    @pytest.mark.parametrize(
        ("prompts", "same"),
        [
            ({"pos_points": ((20.0, 15.0),)}, Prompt.point(20, 15)),
            ({"bounding_box": ((5.0, 6.0), (30.0, 21.0))}, Prompt.box(5, 6, 30, 21)),
            (
                {"pos_points": ((40, 9),), "neg_points": ((9, 9),), "bounding_box": ((5, 6), (30, 21))},
                Prompt.box(5, 6, 30, 21) + Prompt.points([[40, 9], [9, 9]], [1, 0]),
            ),
        ],
    )
    def test_the_mask_is_that_of_the_python_call(self, prompts, same):
        (shape,) = self.ask(**prompts)
        (mask,) = FakeSegmenter().open(BLANK).segment([same])
        np.testing.assert_array_equal(pixels(shape.points), mask.array)
        (confidence,) = shape.attributes
        assert (shape.type, confidence.spec_id, float(confidence.value)) == ("mask", 0, mask.score)

    def test_no_prompt_and_no_pixel_give_no_shape(self):
        assert self.ask() == []
        assert self.ask(neg_points=((20, 15),)) == []

    def test_points_and_boxes_are_optional_for_a_model_that_takes_boxes(self):
        spec = Interactor(FakeSegmenter()).spec
        assert (spec.min_pos_points, spec.min_neg_points, spec.min_bounding_boxes) == (0, 0, 0)

    def test_images_of_any_mode_are_read(self):
        session = Interactor(FakeSegmenter()).preprocess_image(None, IMAGE.convert("LA"))
        assert session.image.shape == (HEIGHT, WIDTH, 3)

    def test_a_point_outside_the_image_is_refused(self):
        with pytest.raises(PromptError):
            self.ask(pos_points=((WIDTH + 50, 3),))


FOUND = detections(("dog", (5, 5, 20, 20), 0.9), ("cat", (30, 5, 50, 30), 0.5), ("cat", (10, 25, 20, 35), 0.2))


class Listing(FakeDetector):
    """A detector that says which classes it has."""

    @property
    def provenance(self):
        return replace(super().provenance, classes=("cat", "dog", "cow"))


class TestDetection:
    def function(self, **settings):
        return Detector(built(FOUND), **{"text": "dog, cat", **settings})

    def annotate(self, function, threshold=None, polygons=False, kind="any"):
        """Return what the SDK's own driver makes of the answer, for a task that has the labels with other numbers."""
        answer = function.detect(SimpleNamespace(frame_name="a.png", conf_threshold=threshold, conv_mask_to_poly=polygons), IMAGE)
        task = [
            SimpleNamespace(id=70 + label.id, name=label.name, type=kind, attributes=_attributes(label), sublabels=[])
            for label in function.spec.labels
        ]
        from cvat_sdk.auto_annotation.driver import _AnnotationMapper

        mapper = _AnnotationMapper(
            logging.getLogger(), function.spec.labels, task, allow_unmatched_labels=False, conv_mask_to_poly=polygons
        )
        _, shapes = mapper.validate_and_remap(answer, 3)
        return shapes

    def test_the_masks_are_those_of_the_python_call_under_the_labels_of_the_task(self):
        shapes = self.annotate(self.function())
        result = built(FOUND)(BLANK, Prompt.text("dog", "cat"))
        assert [shape.label_id for shape in shapes] == [70, 71]
        for shape, mask in zip(shapes, result.masks, strict=True):
            np.testing.assert_array_equal(pixels([int(value) for value in shape.points]), mask.array)
            assert (shape.type.value, shape.frame) == ("mask", 3)

    @pytest.mark.parametrize(("threshold", "left"), [(None, 2), (0.1, 3), (0.46, 2), (0.8, 1), (1.0, 0)])
    def test_the_threshold_of_cvat_takes_the_place_of_the_pipeline_s_own(self, threshold, left):
        assert len(self.annotate(self.function(), threshold)) == left

    def test_it_takes_the_place_of_thresholds_by_phrase_too(self):
        function = Detector(built(FOUND, detect={"thresholds": {"cat": 0.9}}), "dog, cat")
        assert [len(self.annotate(function, threshold)) for threshold in (None, 0.1)] == [1, 3]

    @pytest.mark.parametrize("settings", [{"shape": "polygon"}, {}])
    def test_polygons_give_the_same_mask_again(self, settings):
        shapes = self.annotate(self.function(**settings), polygons=True, kind="polygon")
        result = built(FOUND)(BLANK, Prompt.text("dog", "cat"))
        for shape, mask in zip(shapes, result.masks, strict=True):
            assert Mask.from_polygons([np.array(shape.points).reshape(-1, 2)], mask.size) == mask

    def test_the_polygons_of_one_object_share_a_group_and_holes_are_cut_open(self):
        array = np.zeros((HEIGHT, WIDTH), bool)
        array[5:20, 5:20] = array[25:30, 40:50] = True
        array[10:12, 10:12] = False
        mask = Mask.from_array(array, label="dog")
        shapes = self.function()._shapes(mask, "polygon", 4)
        assert [shape.group for shape in shapes] == [4, 4]
        assert Mask.from_polygons([np.array(shape.points).reshape(-1, 2) for shape in shapes], mask.size) == mask

    def test_rectangles_are_the_boxes_of_the_masks(self):
        shapes = self.annotate(self.function(shape="rectangle"), kind="rectangle")
        assert [shape.points for shape in shapes] == [[5, 5, 20, 20], [30, 5, 50, 30]]

    def test_scores_are_an_attribute_on_demand(self):
        assert not self.function().spec.labels[0].attributes
        shapes = self.annotate(self.function(score=True))
        assert [[(each.spec_id, float(each.value)) for each in shape.attributes] for shape in shapes] == [[(100, 0.855)], [(100, 0.475)]]

    def test_without_phrases_the_labels_are_the_classes_of_the_detector(self):
        pipeline = replace(built(FOUND), detector=Listing(FOUND))
        function = Detector(pipeline)
        assert [label.name for label in function.spec.labels] == ["cat", "dog", "cow"]
        assert [shape.label_id for shape in self.annotate(function)] == [71, 70]

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"text": None}, "what phrases name"),
            ({"shape": "circle"}, "'mask', 'polygon' or 'rectangle', got 'circle'"),
            ({"tolerance": -1}, "tolerance"),
            ({"score": "yes"}, "score"),
        ],
    )
    def test_parameters_that_cannot_work_are_refused(self, settings, message):
        with pytest.raises(ConfigError, match=message):
            self.function(**settings)

    def test_a_pipeline_without_a_detector_is_refused(self):
        with pytest.raises(ConfigError, match="phrases"):
            Detector(built())


def _attributes(label):
    return [SimpleNamespace(id=100, name=each.name, input_type=each.input_type, values=each.values) for each in label.attributes]


class TestTracking:
    FIRST = np.zeros((HEIGHT, WIDTH), bool)
    FIRST[5:20, 5:20] = True

    def follow(self, tracker, shape, kind, frames=3):
        function, context = Tracker(tracker), SimpleNamespace(original_shape_type=kind)
        state = function.init_tracking_state(context, function.preprocess_image(None, IMAGE), shape)
        return [function.track(context, function.preprocess_image(None, IMAGE), state) for _ in range(frames)]

    def test_masks_are_those_of_a_session_over_the_whole_video(self):
        shape = sdk.TrackableShape(type="mask", points=masks.encode_mask(self.FIRST))
        session = FakeVideoSegmenter(shift=(4, 1)).open([BLANK] * 4)
        session.add(0, 0, Prompt.mask(Mask.from_array(self.FIRST)))
        whole = [frame.masks[0].array for frame in session.propagate()][1:]
        for found, same in zip(self.follow(FakeVideoSegmenter(shift=(4, 1)), shape, "mask"), whole, strict=True):
            assert found.type == "mask"
            np.testing.assert_array_equal(pixels(found.points), same)

    def test_rectangles_stay_rectangles(self):
        shape = sdk.TrackableShape(type="rectangle", points=[20, 20, 5, 5])
        found = self.follow(FakeVideoSegmenter(shift=(4, 1)), shape, "rectangle")
        assert [each.points for each in found] == [[5 + 4 * n, 5 + n, 20 + 4 * n, 20 + n] for n in (1, 2, 3)]

    def test_an_object_that_has_left_has_no_shape(self):
        shape = sdk.TrackableShape(type="rectangle", points=[5, 5, 20, 20])
        assert self.follow(FakeVideoSegmenter(shift=(WIDTH, 0)), shape, "rectangle", 1) == [None]

    def test_any_segmenter_tracks_and_keeps_one_frame_alone(self):
        function = Tracker(PropagateSegmenter(FakeSegmenter()))
        state = function.init_tracking_state(None, BLANK, sdk.TrackableShape(type="rectangle", points=[5, 5, 20, 20]))
        context = SimpleNamespace(original_shape_type="rectangle")
        for _ in range(3):
            assert function.track(context, BLANK, state).points == [5, 5, 20, 20]
        assert state.session.frame_buffer.nbytes == BLANK.nbytes

    def test_a_frame_of_another_size_and_foreign_shapes_are_refused(self):
        function = Tracker(FakeVideoSegmenter())
        state = function.init_tracking_state(None, BLANK, sdk.TrackableShape(type="rectangle", points=[5, 5, 20, 20]))
        with pytest.raises(InputError, match="one size"):
            function.track(None, BLANK[:-1], state)
        with pytest.raises(InputError, match="points of the mask"):
            function.init_tracking_state(None, BLANK, sdk.TrackableShape(type="mask", points=[4, 0, 0, 900, 900]))
        with pytest.raises(ConfigError, match="polygon"):
            function.init_tracking_state(None, BLANK, sdk.TrackableShape(type="polygon", points=[5, 5, 20, 20, 3, 9]))

    def test_a_model_that_looks_for_concepts_is_refused(self):
        with pytest.raises(ConfigError, match="single objects"):
            Tracker(FakeConceptVideoSegmenter())


class TestCreate:
    def test_each_kind_is_what_the_sdk_asks_for(self, monkeypatch):
        for module in ("interaction", "detection"):
            monkeypatch.setattr(f"promptseg.interop.cvat.{module}.load_pipeline", lambda *names: built(FOUND))
        monkeypatch.setattr("promptseg.interop.cvat.tracking.load_video", lambda *names, **settings: FakeVideoSegmenter())
        assert isinstance(cvat.create(model="mini-sam").spec, sdk.InteractionFunctionSpec)
        assert isinstance(cvat.create(kind="detector", text="dog").spec, sdk.DetectionFunctionSpec)
        assert isinstance(cvat.create("tracker").spec, sdk.TrackingFunctionSpec)

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"kind": "interacter"}, "Did you mean 'interactor'"),
            ({"modle": "mini-sam"}, "no parameter 'modle'.* Did you mean 'model'"),
            ({"kind": "tracker", "text": "dog"}, "tracker has no parameter 'text': it has model, device"),
        ],
    )
    def test_what_is_misspelled_is_named(self, parameters, message):
        with pytest.raises(ConfigError, match=message):
            cvat.create(**parameters)

    def test_a_missing_sdk_is_named(self, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "cvat_sdk.masks", None)
        with pytest.raises(MissingDependencyError, match=r"pip install 'cvat-sdk\[masks\]"):
            cvat.create()
