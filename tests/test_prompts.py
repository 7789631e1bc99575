import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptseg.errors import InputError, PromptError
from promptseg.masks import Mask, Masks
from promptseg.prompts import (
    MAX_EXAMPLES,
    MAX_POINTS,
    Concept,
    EverythingPrompt,
    Prompt,
    SpatialPrompt,
    TextPrompt,
    concepts_of,
    phrases_of,
    spatial,
)
from promptseg.scene_masks import SceneMask, SceneMasks

SIZE = (40, 60)


def _mask(size=SIZE):
    pixels = np.zeros(size, bool)
    pixels[3:9, 4:11] = True
    return Mask.from_array(pixels)


class TestPoints:
    def test_a_point_is_on_the_object_unless_said_otherwise(self):
        assert Prompt.point(3, 4).foreground.tolist() == [True]
        assert Prompt.point(3, 4, foreground=False).foreground.tolist() == [False]

    def test_points_are_float32_xy_in_the_order_given(self):
        prompt = Prompt.points([(1, 2), (3.5, 4)], [True, False])
        assert prompt.xy.dtype == np.float32
        assert prompt.xy.tolist() == [[1, 2], [3.5, 4]]
        assert prompt.foreground.tolist() == [True, False]
        assert prompt.kinds == {"point"}

    def test_zeros_and_ones_serve_as_foreground(self):
        assert Prompt.points([(1, 2), (3, 4)], [0, 1]).foreground.tolist() == [False, True]

    @pytest.mark.parametrize("xy", [[], [1, 2], [[1, 2, 3]], [[[1, 2]]], np.zeros((0, 2))])
    def test_points_of_a_wrong_shape_are_refused_with_their_shape(self, xy):
        with pytest.raises(PromptError, match=r"\(N, 2\).*shape"):
            Prompt.points(xy)

    @pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), 1e39])
    def test_a_coordinate_that_is_not_a_finite_float32_is_refused(self, bad):
        with pytest.raises(PromptError, match="finite"):
            Prompt.point(bad, 0)

    @pytest.mark.parametrize("bad", ["left", None, 1j, object()])
    def test_a_coordinate_that_is_no_number_is_refused(self, bad):
        with pytest.raises(PromptError, match=r"numbers"):
            Prompt.point(bad, 0)

    @pytest.mark.parametrize("foreground", [[True], [True, True, True], [1, 2], [1.0, 0.5], [1.0, float("nan")], True, ["yes", "no"]])
    def test_foreground_must_be_one_boolean_per_point(self, foreground):
        with pytest.raises(PromptError, match=r"one boolean per point \(2 here\)"):
            Prompt.points([(1, 2), (3, 4)], foreground)

    @pytest.mark.parametrize("kind", [bool, np.int64, np.uint8, np.float32, float])
    def test_foreground_may_be_1_and_0_of_any_kind_of_number(self, kind):
        assert Prompt.points([(1, 2), (3, 4)], np.array([1, 0], kind)).foreground.tolist() == [True, False]
        assert Prompt.point(1, 2, kind(0)).foreground.tolist() == [False]

    def test_a_prompt_does_not_change_with_the_arrays_it_was_made_from(self):
        xy, foreground = np.array([[1.0, 2.0]], np.float32), np.array([True])
        prompt = Prompt.points(xy, foreground)
        xy[:], foreground[:] = 99, False
        assert prompt.xy.tolist() == [[1, 2]]
        assert prompt.foreground.tolist() == [True]

    def test_the_arrays_of_a_prompt_cannot_be_written(self):
        prompt = Prompt.point(1, 2) + Prompt.box(1, 2, 3, 4) + Prompt.mask(np.zeros((4, 4), np.float32))
        for array in (prompt.xy, prompt.foreground, prompt.xyxy, prompt.logits):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0

    def test_a_prompt_cannot_be_reassigned(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            Prompt.point(1, 2).xy = None


class TestBoxes:
    def test_a_box_is_four_float32_corners(self):
        prompt = Prompt.box(1, 2, 30, 40.5)
        assert prompt.xyxy.tolist() == [1, 2, 30, 40.5]
        assert prompt.xyxy.dtype == np.float32
        assert prompt.kinds == {"box"}

    @pytest.mark.parametrize("box", [(30, 2, 1, 40), (1, 40, 30, 2)])
    def test_a_reversed_box_is_refused_with_its_values(self, box):
        values = ", ".join(f"{float(v)}" for v in box)
        with pytest.raises(PromptError, match=values):
            Prompt.box(*box)

    @pytest.mark.parametrize("box", [(5, 5, 5, 9), (5, 5, 9, 5), (5, 5, 5, 5)])
    def test_a_box_without_area_is_refused(self, box):
        with pytest.raises(PromptError, match="x0 < x1 and y0 < y1"):
            Prompt.box(*box)

    @pytest.mark.parametrize("position", range(4))
    def test_a_corner_that_is_not_finite_is_refused(self, position):
        box = [1, 2, 3, 4]
        box[position] = float("nan")
        with pytest.raises(PromptError, match="finite"):
            Prompt.box(*box)

    def test_corners_that_are_arrays_are_refused(self):
        with pytest.raises(PromptError, match=r"four numbers|numbers"):
            Prompt.box([1], [2], [3], [4])


class TestMaskPrompts:
    def test_a_mask_with_logits_is_given_as_logits_and_remembers_its_image_size(self):
        logits = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
        prompt = Prompt.mask(dataclasses.replace(_mask(), logits=logits))
        assert np.array_equal(prompt.logits, logits)
        assert prompt.mask_pixels is None
        assert prompt.source_size == SIZE

    def test_a_mask_without_logits_is_given_as_pixels(self):
        prompt = Prompt.mask(_mask())
        assert prompt.mask_pixels == _mask()
        assert prompt.logits is None
        assert prompt.kinds == {"mask"}

    def test_booleans_are_pixels_and_floats_are_logits(self):
        assert Prompt.mask(_mask().array).mask_pixels == _mask()
        assert Prompt.mask(np.zeros((1, 8, 8), np.float64)).logits.shape == (8, 8)
        assert Prompt.mask(np.zeros((8, 8), np.float16)).logits.dtype == np.float32

    @pytest.mark.parametrize(
        "array",
        [
            np.zeros((8, 8), np.uint8),
            np.zeros((2, 8, 8), np.float32),
            np.zeros(8, bool),
            np.zeros((0, 8), bool),
            np.zeros((0, 8), np.float32),
            np.zeros((1, 8, 8), bool),
            np.float32(3),
            "a mask",
        ],
        ids=lambda array: f"{getattr(array, 'shape', '')}{getattr(array, 'dtype', array)}",
    )
    def test_an_array_that_is_neither_is_refused_with_its_shape_and_dtype(self, array):
        with pytest.raises(PromptError, match=r"a mask prompt is .* got shape .* dtype"):
            Prompt.mask(array)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
    def test_logits_that_are_not_finite_float32_are_refused(self, bad):
        logits = np.zeros((8, 8))
        logits[3, 3] = bad
        with pytest.raises(PromptError, match="mask logits must be finite"):
            Prompt.mask(logits)


class TestSceneMaskPrompts:
    """The mask of an object in a raster as a prompt."""

    OBJECT = SceneMask(Mask.from_array(np.ones((5, 9), bool)), (30, 20))

    def test_it_combines_with_points_and_a_box_from_either_side(self):
        for prompt in (
            Prompt.mask(self.OBJECT) + Prompt.point(31, 22) + Prompt.box(30, 20, 39, 25),
            Prompt.point(31, 22) + Prompt.box(30, 20, 39, 25) + Prompt.mask(self.OBJECT),
        ):
            assert (prompt.scene_mask, prompt.kinds) == (self.OBJECT, {"point", "box", "mask"})
        with pytest.raises(PromptError, match="one earlier mask"):
            Prompt.mask(self.OBJECT) + Prompt.mask(_mask())

    def test_an_image_refuses_it_with_what_to_give(self):
        with pytest.raises(PromptError, match=r"session of open_tiled takes.*scene_mask.within\(window\)"):
            Prompt.mask(self.OBJECT).on_image(SIZE)

    def test_a_raster_takes_it_where_the_object_lies_in_it(self):
        prompt = Prompt.mask(self.OBJECT) + Prompt.box(30, 20, 70, 25)
        assert prompt.in_raster(SIZE).xyxy.tolist() == [30, 20, 60, 25]
        assert prompt.in_raster(SIZE).scene_mask == self.OBJECT
        with pytest.raises(PromptError, match=r"box \(30, 20, 39, 25\), and the raster is 38 wide and 40 high"):
            prompt.in_raster((40, 38))

    def test_several_are_no_prompt(self):
        with pytest.raises(PromptError, match=r"one SceneMask.*masks\[0\]"):
            Prompt.mask(SceneMasks([self.OBJECT], SIZE))

    def test_equal_ones_are_the_same(self):
        other = SceneMask(Mask.from_array(np.ones((5, 9), bool)), (31, 20))
        assert Prompt.mask(self.OBJECT).same_as(Prompt.mask(self.OBJECT))
        assert not Prompt.mask(self.OBJECT).same_as(Prompt.mask(other))

    def test_the_repr_tells_where_it_lies(self):
        assert repr(Prompt.mask(self.OBJECT)) == "Prompt.mask(SceneMask with the box (30, 20, 39, 25))"

    def test_points_and_box_stay_without_it(self):
        prompt = Prompt.mask(self.OBJECT) + Prompt.point(31, 22)
        assert prompt.without_mask().kinds == {"point"}
        with pytest.raises(PromptError, match="nothing but a mask"):
            Prompt.mask(self.OBJECT).without_mask()


class TestText:
    def test_phrases_are_kept_in_order_without_surrounding_blanks(self):
        prompt = Prompt.text(" a dog", "red car ")
        assert Prompt.text("a dog, red car,") == Prompt.text("a dog . red car .") == prompt
        assert prompt == TextPrompt(("a dog", "red car"))
        assert prompt.kinds == {"text"}

    @pytest.mark.parametrize("phrases", [(), ("",), ("a dog", "  \n"), (3,), (None,), (["a", "b"],)])
    def test_a_blank_phrase_or_none_at_all_is_refused(self, phrases):
        with pytest.raises(PromptError, match="phrase"):
            Prompt.text(*phrases)

    def test_the_phrases_of_several_prompts_are_named_once_in_order(self):
        prompts = [Prompt.text("b", "a"), Prompt.point(1, 2), Prompt.text("a", "c")]
        assert phrases_of(prompts) == ("b", "a", "c")


def example(*args, **kwargs):
    return Prompt.example(np.zeros((*SIZE, 3), np.uint8), *args, **kwargs)


class TestExamples:
    def test_an_example_is_a_place_in_an_image(self):
        (one,) = example(Prompt.box(1, 2, 30, 20)).examples
        assert (one.image.shape, one.prompt.xyxy.tolist(), one.positive) == ((*SIZE, 3), [1, 2, 30, 20], True)

    def test_the_image_of_an_example_is_copied_and_cannot_change(self):
        image = np.zeros((*SIZE, 3), np.uint8)
        (one,) = Prompt.example(image, Prompt.point(3, 4)).examples
        image[:] = 255
        assert not one.image.any()
        with pytest.raises(ValueError, match="read-only"):
            one.image[:] = 1

    def test_without_an_image_the_example_is_in_the_one_that_is_searched(self):
        searched = np.ones((*SIZE, 3), np.uint8)
        (one,) = Prompt.example(None, Prompt.box(-5, 2, 30, 20)).examples
        image, prompt = one.placed(searched)
        assert image is searched
        assert prompt.xyxy.tolist() == [0, 2, 30, 20]

    def test_binding_gives_examples_of_the_searched_image_that_image(self):
        first = np.ones((*SIZE, 3), np.uint8)
        concept = Prompt.example(None, Prompt.point(3, 4), label="cell") + example(Prompt.point(1, 1))
        bound = concept.bound(first)
        assert [int(one.image.max()) for one in bound.examples] == [1, 0]
        assert bound.label == "cell"
        assert bound.bound(first) is bound

    def test_examples_and_a_phrase_add_up_to_one_concept_in_any_order(self):
        for concept in (
            Prompt.text("cell|nucleus") + example(Prompt.point(1, 1)),
            example(Prompt.point(1, 1)) + Prompt.text("cell|nucleus"),
        ):
            assert isinstance(concept, Concept)
            assert (concept.phrase, concept.label, len(concept.examples)) == ("cell|nucleus", "cell", 1)
            assert concept.kinds == {"text", "example"}

    def test_a_label_that_is_given_names_the_masks(self):
        assert (Prompt.text("round thing") + example(Prompt.point(1, 1), label="cell")).label == "cell"
        assert example(Prompt.point(1, 1)).label is None

    def test_masks_of_two_places_are_a_positive_and_a_negative_example(self):
        pixels = np.zeros((2, *SIZE), bool)
        pixels[0, :3], pixels[1, 5:] = True, True
        like, unlike = map(Prompt.mask, pixels)
        assert len((example(like) + example(unlike, positive=False)).examples) == 2
        with pytest.raises(PromptError, match="is a positive and a negative example"):
            example(like) + example(Prompt.mask(pixels[0].copy()), positive=False)

    def test_logits_of_two_places_are_a_positive_and_a_negative_example(self):
        like, unlike = (Prompt.mask(np.full((4, 4), value, np.float32)) for value in (1, 2))
        assert len((example(like) + example(unlike, positive=False)).examples) == 2

    def test_concepts_of_prompts_are_one_for_each_phrase_and_each_set_of_examples(self):
        like = example(Prompt.point(1, 1))
        found = concepts_of([Prompt.text("dog", "cat"), Prompt.point(1, 1), like])
        assert [(index, concept.phrase) for index, concept in found] == [(0, "dog"), (0, "cat"), (2, None)]
        assert found[-1][1] is like

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: example(Prompt.box(100, 100, 120, 120)), "lies outside the image"),
            (lambda: example(Prompt.mask(Mask.from_array(np.zeros(SIZE, bool)))), "is an empty mask"),
            (lambda: example(Prompt.mask(_mask((10, 10)))), r"of an image of size \(10, 10\)"),
            (lambda: example(Prompt.text("dog")), r"an example is a point, box or mask in its image, got Prompt\.text"),
            (lambda: example(Prompt.everything()), "an example is a point, box or mask"),
            (lambda: example(Prompt.point(1, 1, foreground=False)), "an example needs a point on the object"),
            (lambda: example((3, 4)), r"write Prompt\.point\(3, 4\)"),
            (lambda: example(Prompt.point(1, 1), label=5), "a label is text that is not blank, .* got 5"),
            (lambda: example(Prompt.point(1, 1), positive="no"), "positive"),
            (lambda: example(Prompt.point(1, 1)) + example(Prompt.point(1, 1), positive=False), "is a positive and a negative example"),
            (lambda: example(Prompt.point(1, 1)) + Prompt.point(1, 1), "do not|combine"),
            (lambda: Prompt.text("a", "b") + example(Prompt.point(1, 1)), "examples belong to one phrase, got 2"),
            (lambda: example(Prompt.point(1, 1)) + Prompt.text("a", "b"), "examples belong to one phrase, got 2"),
            (lambda: Prompt.text("a") + Prompt.text("b"), "combine"),
            (lambda: (Prompt.text("a") + example(Prompt.point(1, 1))) + (Prompt.text("b") + example(Prompt.point(2, 2))), "has one phrase"),
            (lambda: example(Prompt.point(1, 1), label="a") + example(Prompt.point(2, 2), label="b"), "has one label"),
            (Concept, "a concept needs a phrase or an example"),
        ],
    )
    def test_what_is_no_example_or_does_not_add_up_is_refused(self, make, message):
        with pytest.raises(PromptError, match=message):
            make()

    def test_too_many_examples_are_refused(self):
        (one,) = Prompt.example(None, Prompt.point(1, 1)).examples
        with pytest.raises(PromptError, match=f"at most {MAX_EXAMPLES} examples, got {MAX_EXAMPLES + 1}"):
            Concept(None, (one,) * (MAX_EXAMPLES + 1))

    def test_an_image_that_cannot_be_read_is_an_input_error(self):
        with pytest.raises(InputError):
            Prompt.example("absent.png", Prompt.point(1, 1))

    def test_an_image_without_a_place_is_told_how_examples_are_given(self):
        with pytest.raises(PromptError, match=r"a pipeline finds what is like an example: ps\.Pipeline"):
            list(spatial([example(Prompt.point(1, 1))], SIZE))


class TestEverything:
    def test_the_defaults_are_those_of_the_dataclass(self):
        made, plain = Prompt.everything(), EverythingPrompt()
        assert [getattr(made, f.name) for f in dataclasses.fields(made)] == [getattr(plain, f.name) for f in dataclasses.fields(plain)]

    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("points_per_side", 0),
            ("points_per_side", 2.5),
            ("crop_n_layers", -1),
            ("crop_n_points_downscale_factor", 0),
            ("min_mask_region_area", -1),
            ("pred_iou_thresh", 1.01),
            ("pred_iou_thresh", float("nan")),
            ("stability_score_thresh", -0.1),
            ("box_nms_thresh", 2),
            ("crop_nms_thresh", -1),
            ("crop_overlap_ratio", 1.5),
            ("stability_score_offset", -1),
            ("stability_score_offset", float("inf")),
            ("stability_score_offset", float("nan")),
        ],
    )
    def test_a_setting_out_of_range_is_refused_by_name(self, setting, value):
        with pytest.raises(PromptError, match=setting):
            Prompt.everything(**{setting: value})

    @pytest.mark.parametrize("grid", [[], [0.5, 0.5], [[0.5, 0.5, 0.5]], [[0.5, 1.01]], [[-0.1, 0.5]], [[float("nan"), 0.5]]])
    def test_a_point_grid_is_refused_unless_it_is_pairs_between_0_and_1(self, grid):
        with pytest.raises(PromptError, match="point_grid"):
            Prompt.everything(point_grid=grid)

    def test_a_point_grid_does_not_go_with_crops(self):
        with pytest.raises(PromptError, match="crop_n_layers=0"):
            Prompt.everything(point_grid=[[0.5, 0.5]], crop_n_layers=1)

    def test_the_regular_grid_has_its_points_at_the_centers_of_equal_cells_row_by_row(self):
        assert Prompt.everything(2).grid().tolist() == [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]

    def test_deeper_layers_have_coarser_grids_but_never_none(self):
        prompt = Prompt.everything(8, crop_n_layers=4, crop_n_points_downscale_factor=2)
        assert [len(prompt.grid(layer)) for layer in range(5)] == [64, 16, 4, 1, 1]

    def test_a_custom_grid_is_used_as_it_is(self):
        assert Prompt.everything(point_grid=[[0.1, 0.9], [1, 0]]).grid().tolist() == np.float32([[0.1, 0.9], [1, 0]]).tolist()


class TestCombining:
    def test_points_box_and_mask_of_one_object_combine(self):
        prompt = Prompt.box(1, 2, 30, 35) + Prompt.point(5, 6, foreground=False) + Prompt.mask(_mask()) + Prompt.point(7, 8)
        assert prompt.kinds == {"point", "box", "mask"}
        assert prompt.xy.tolist() == [[5, 6], [7, 8]]
        assert prompt.foreground.tolist() == [False, True]
        assert prompt.xyxy.tolist() == [1, 2, 30, 35]
        assert prompt.mask_pixels == _mask()

    def test_the_mask_survives_from_either_side(self):
        logits = Prompt.mask(dataclasses.replace(_mask(), logits=np.ones((8, 8), np.float32)))
        for prompt in (logits + Prompt.point(1, 2), Prompt.point(1, 2) + logits):
            assert prompt.logits.shape == (8, 8)
            assert prompt.source_size == SIZE

    def test_combining_leaves_its_parts_alone(self):
        point = Prompt.point(5, 6)
        _ = point + Prompt.point(7, 8)
        assert len(point.xy) == 1

    def test_two_boxes_are_two_prompts(self):
        with pytest.raises(PromptError, match="one box"):
            Prompt.box(1, 2, 3, 4) + Prompt.box(1, 2, 3, 4)

    def test_two_masks_do_not_combine(self):
        with pytest.raises(PromptError, match="one earlier mask"):
            Prompt.mask(_mask()) + Prompt.mask(np.zeros((8, 8), np.float32))

    @pytest.mark.parametrize("other", [Prompt.text("a"), Prompt.everything(), 3, None])
    def test_only_spatial_prompts_combine(self, other):
        with pytest.raises(PromptError, match="combine"):
            Prompt.point(1, 2) + other


class TestOnImage:
    @given(st.floats(-0.5, 59.5), st.floats(-0.5, 39.5))
    def test_every_point_on_a_pixel_is_accepted(self, x, y):
        assert Prompt.point(x, y).on_image(SIZE).xy.tolist() == np.float32([[x, y]]).tolist()

    @pytest.mark.parametrize("point", [(-0.6, 5), (5, -0.6), (59.6, 5), (5, 39.6), (1e6, 5)])
    def test_a_point_outside_is_refused_with_its_place_and_the_image_size(self, point):
        with pytest.raises(PromptError, match=r"lies outside the image, which is 60 wide and 40 high"):
            Prompt.point(*point).on_image(SIZE)

    def test_the_message_names_the_point_that_is_outside(self):
        with pytest.raises(PromptError, match=r"\(61, 2\)"):
            Prompt.points([(1, 2), (61, 2)]).on_image(SIZE)

    def test_a_box_is_cut_to_the_image(self):
        assert Prompt.box(-10, 5, 100, 20).on_image(SIZE).xyxy.tolist() == [0, 5, 60, 20]

    @pytest.mark.parametrize("box", [(60, 5, 90, 20), (-20, 5, 0, 20), (5, 40, 20, 50), (5, -9, 20, 0)])
    def test_a_box_that_only_touches_the_image_is_refused(self, box):
        with pytest.raises(PromptError, match=r"box .* lies outside the image"):
            Prompt.box(*box).on_image(SIZE)

    def test_a_mask_of_another_image_size_is_refused_with_both_sizes(self):
        with_logits = dataclasses.replace(_mask((40, 61)), logits=np.zeros((8, 8), np.float32))
        for prompt in (Prompt.mask(_mask((40, 61))), Prompt.mask(with_logits)):
            with pytest.raises(PromptError, match=r"\(40, 61\).*\(40, 60\)"):
                prompt.on_image(SIZE)

    def test_bare_logits_fit_any_image(self):
        assert Prompt.mask(np.zeros((8, 8), np.float32)).on_image(SIZE).logits is not None

    def test_what_is_not_cut_is_kept(self):
        prompt = (Prompt.box(-1, 2, 3, 4) + Prompt.point(1, 2, foreground=False) + Prompt.mask(_mask())).on_image(SIZE)
        assert prompt.xyxy.tolist() == [0, 2, 3, 4]
        assert prompt.foreground.tolist() == [False]
        assert prompt.mask_pixels == _mask()


class TestSpatial:
    def test_the_prompts_come_back_checked_in_order(self):
        checked = list(spatial([Prompt.point(1, 2), Prompt.box(-5, 0, 9, 9)], SIZE))
        assert [type(prompt) for prompt in checked] == [SpatialPrompt, SpatialPrompt]
        assert checked[1].xyxy[0] == 0

    def test_a_single_prompt_is_refused_with_the_list_to_write(self):
        with pytest.raises(PromptError, match=r"write \[Prompt\.point\(1, 2\)\]"):
            list(spatial(Prompt.point(1, 2), SIZE))

    def test_an_empty_list_is_refused(self):
        with pytest.raises(PromptError, match="at least one prompt"):
            list(spatial([], SIZE))

    def test_a_text_prompt_is_refused_by_its_index_and_told_of_detectors(self):
        with pytest.raises(PromptError, match=r"prompt 1 .*detector"):
            list(spatial([Prompt.point(1, 2), Prompt.text("a")], SIZE))

    def test_an_everything_prompt_is_sent_to_everything(self):
        with pytest.raises(PromptError, match=r"use session\.everything\(prompt\)"):
            list(spatial([Prompt.everything()], SIZE))


def test_the_repr_of_a_prompt_is_the_code_that_makes_it():
    prompt = Prompt.point(1, 2.5) + Prompt.point(3, 4, foreground=False) + Prompt.box(1, 2, 3, 4)
    assert repr(prompt) == "Prompt.point(1, 2.5) + Prompt.point(3, 4, foreground=False) + Prompt.box(1, 2, 3, 4)"
    again = eval(repr(prompt), {"Prompt": Prompt})
    assert again.xy.tolist() == prompt.xy.tolist()
    assert again.foreground.tolist() == prompt.foreground.tolist()
    assert again.xyxy.tolist() == prompt.xyxy.tolist()
    assert repr(Prompt.text("a dog", "it's")) == """Prompt.text('a dog', "it's")"""


def test_the_repr_of_a_mask_prompt_tells_its_size_and_not_its_pixels():
    assert repr(Prompt.mask(_mask())) == "Prompt.mask(40 x 60)"
    assert repr(Prompt.mask(np.zeros((8, 8), np.float32))) == "Prompt.mask(logits 8 x 8)"


NO_NUMBERS = [True, "1", None, 1j, 10**400, [1], float("nan"), float("inf"), 1e300]


class TestHostile:
    @pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
    def test_a_coordinate_that_is_no_finite_number_is_refused(self, value):
        for make in (lambda: Prompt.point(value, 1), lambda: Prompt.points([(1, value)]), lambda: Prompt.box(0, 0, value, 5)):
            with pytest.raises(PromptError, match=r"must be (finite )?numbers, got"):
                make()

    @pytest.mark.parametrize("foreground", ["yes", [[1], [1, 2]], [2], 1.5, [None], 5], ids=repr)
    def test_what_does_not_tell_foreground_is_refused(self, foreground):
        with pytest.raises(PromptError, match="foreground is one boolean per point"):
            Prompt.points([(1, 1)], foreground)

    def test_a_prompt_has_a_limited_number_of_points_also_after_joining(self):
        most = Prompt.points(np.ones((MAX_POINTS, 2)))
        with pytest.raises(PromptError, match="at most 4096 points, got 4097"):
            Prompt.points(np.ones((MAX_POINTS + 1, 2)))
        with pytest.raises(PromptError, match="at most 4096 points, got 4097"):
            most + Prompt.point(1, 1)

    @pytest.mark.parametrize("mask", [[[1, 2], [3]], "mask", None, 5, [[True, None]], [[1j]]], ids=repr)
    def test_what_is_no_mask_prompt_is_refused(self, mask):
        with pytest.raises(PromptError, match="a mask prompt is"):
            Prompt.mask(mask)

    @pytest.mark.parametrize(
        "logits", [np.full((4, 4), np.nan, np.float32), "logits", np.zeros((2, 4, 4), np.float32)], ids=["nan", "text", "3d"]
    )
    def test_logits_of_a_mask_are_checked(self, logits):
        with pytest.raises(PromptError, match="the logits of a mask"):
            Prompt.mask(dataclasses.replace(_mask(), logits=logits))

    def test_phrases_are_limited_in_number_and_length(self):
        assert len(Prompt.text(*["a"] * 10_000).phrases) == 10_000
        assert Prompt.text("a" * 1000).phrases == ("a" * 1000,)
        with pytest.raises(PromptError, match="at most 10000 phrases are taken, got 10001"):
            Prompt.text(*["a"] * 10_001)
        with pytest.raises(PromptError, match="at most 1000 characters, got 1001"):
            Prompt.text("a" * 1001)

    @pytest.mark.parametrize(
        ("setting", "most"),
        [("points_per_side", 1000), ("crop_n_layers", 6), ("crop_n_points_downscale_factor", 1000), ("stability_score_offset", 1e6)],
    )
    def test_a_setting_of_everything_mode_has_an_upper_limit(self, setting, most):
        assert getattr(Prompt.everything(**{setting: most}), setting) == most
        for more in (most + 1, 10**400):
            with pytest.raises(PromptError, match=f"{setting} is a .*from [01] to .*, got "):
                Prompt.everything(**{setting: more})

    @pytest.mark.parametrize("setting", [field.name for field in dataclasses.fields(EverythingPrompt)])
    @pytest.mark.parametrize("value", [True, "1", 1j, [1], float("nan"), -1], ids=repr)
    def test_a_setting_of_everything_mode_that_is_no_number_is_refused(self, setting, value):
        with pytest.raises(PromptError, match=setting):
            Prompt.everything(**{setting: value})

    def test_the_settings_are_checked_whoever_makes_the_prompt(self):
        with pytest.raises(PromptError, match="points_per_side"):
            EverythingPrompt(points_per_side=10**5)

    def test_a_grid_of_points_is_limited(self):
        with pytest.raises(PromptError, match="at most 1000000 points, got 1000001"):
            Prompt.everything(point_grid=np.zeros((1_000_001, 2), np.float32))

    @pytest.mark.parametrize("prompts", [5, None, {}, {Prompt.point(1, 1)}, np.ones(2), b"a"], ids=lambda value: type(value).__name__)
    def test_what_is_no_list_of_prompts_is_refused(self, prompts):
        with pytest.raises(PromptError, match=r"segment\(\) takes a list of prompts"):
            list(spatial(prompts, SIZE))

    @pytest.mark.parametrize("prompts", [[5], [None], [{}], [Masks([_mask()])]], ids=repr)
    def test_a_list_of_something_else_is_refused_with_its_first_element(self, prompts):
        with pytest.raises(PromptError, match=r"prompt 0 is .*make it with Prompt\.point"):
            list(spatial(prompts, SIZE))

    @pytest.mark.parametrize("make", [iter, tuple, lambda prompts: dict(enumerate(prompts)).values()])
    def test_an_iterator_of_prompts_is_read_once(self, make):
        prompts = [Prompt.point(1, 1), Prompt.box(0, 0, 3, 3)]
        assert [repr(prompt) for prompt in spatial(make(prompts), SIZE)] == list(map(repr, prompts))

    def test_an_endless_iterator_is_refused(self):
        with pytest.raises(PromptError, match="at most 100000 prompts at once"):
            next(spatial(itertools.repeat(Prompt.point(1, 1)), SIZE))

    @pytest.mark.parametrize("none", [[], iter([]), ()])
    def test_no_prompt_at_all_is_refused(self, none):
        with pytest.raises(PromptError, match="needs at least one prompt"):
            next(spatial(none, SIZE))

    def test_the_number_of_prompts_is_limited(self):
        with pytest.raises(PromptError, match="at most 100000 prompts at once"):
            next(spatial([Prompt.point(1, 1)] * 100_001, SIZE))

    def test_the_message_about_a_long_prompt_is_short(self):
        with pytest.raises(PromptError) as caught:
            Prompt.points(np.ones((4000, 2))) + Prompt.text("a" * 900)
        assert len(str(caught.value)) < 300
