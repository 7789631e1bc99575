"""Overlays: which pixels change, and to what colors."""

import itertools
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from promptseg.class_colors import HUES, NO_CLASS, OBJECT_SHADES, ClassColors, palette, shade
from promptseg.detections import Detections
from promptseg.errors import InputError
from promptseg.masks import Mask, Masks
from promptseg.overlay import BACKGROUND, BLACK, BOX, FEW, FOREGROUND, WHITE, draw, line_width, text_color
from promptseg.prompts import Prompt

SIZE = (60, 90)
RED, BLUE = (255, 0, 0), (0, 0, 255)


def gray():
    return np.full((*SIZE, 3), 100, np.uint8)


def rectangle(x0, y0, x1, y1, **about):
    pixels = np.zeros(SIZE, bool)
    pixels[y0:y1, x0:x1] = True
    return Mask.from_array(pixels, **about)


def drawn(*masks, image=None, **style):
    overlay = draw(gray() if image is None else image, Masks(masks, SIZE), **style)
    assert overlay.mode == "RGB"
    return np.asarray(overlay)


def changed(overlay, image=None):
    return (overlay != (gray() if image is None else image)).any(axis=-1)


def near(pixels, reach=2):
    """Return the pixels at most `reach` away from those given."""
    return cv2.dilate(pixels.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)).astype(bool)


def like(overlay, color, distance=40):
    """Return where an overlay has a color, or nearly."""
    return np.abs(overlay.astype(int) - color).max(axis=-1) <= distance


class TestMasks:
    def test_the_fill_is_a_blend_of_image_and_color_and_outside_nothing_changes(self, photo):
        image, mask = photo(*SIZE), rectangle(10, 20, 50, 45)
        overlay = drawn(mask, image=image, colors=[RED], opacity=0.25, outline=False)
        assert np.array_equal(changed(overlay, image), mask.array)
        expected = image[mask.array] * 0.75 + np.array(RED) * 0.25
        assert np.abs(overlay[mask.array] - expected).max() <= 1

    def test_where_masks_overlap_the_image_is_tinted_once(self):
        small = rectangle(20, 25, 40, 40)
        once = drawn(small, colors=[RED], outline=False)
        over = drawn(rectangle(0, 0, 80, 55), rectangle(10, 20, 50, 45), small, colors=[BLUE, BLUE, RED], outline=False)
        assert np.array_equal(over[small.array], once[small.array])

    def test_the_fill_is_light_and_lighter_where_there_are_many_masks(self):
        many = [rectangle(8 * i, 20, 8 * i + 6, 45) for i in range(FEW + 1)]
        few_change, many_change = (
            np.abs(drawn(*masks, colors=[BLUE] * len(masks), outline=False)[30, 3] - 100.0).max() for masks in (many[:1], many)
        )
        assert 20 < many_change < few_change < 50

    def test_the_outline_follows_the_border_in_the_color_of_the_mask(self):
        mask = rectangle(10, 20, 50, 45)
        border = mask.array & ~rectangle(11, 21, 49, 44).array
        overlay = drawn(mask, colors=[RED], opacity=0)
        assert like(overlay[30, [10, 49]], RED).all()
        assert like(overlay[[20, 44], 30], RED).all()
        assert (like(overlay, RED, 60) & border).sum() > 0.9 * border.sum()
        assert not changed(overlay)[~near(border, 3)].any()

    @pytest.mark.parametrize("ground", [(255, 255, 255), RED])
    def test_the_outline_is_seen_on_a_light_ground_and_on_one_of_its_color(self, ground):
        image = np.full((*SIZE, 3), ground, np.uint8)
        overlay = drawn(rectangle(10, 20, 50, 45), image=image, colors=[RED], opacity=0)
        darker = image.astype(int).sum(axis=-1) - overlay.astype(int).sum(axis=-1)
        assert (darker[30, [9, 50]] > 25).all()

    def test_the_outline_of_a_dark_color_has_a_light_line_beside_it_on_a_dark_ground(self):
        image = np.full((*SIZE, 3), 20, np.uint8)
        overlay = drawn(rectangle(10, 20, 50, 45), image=image, colors=[(0, 95, 69)], opacity=0)
        assert (overlay[30, [8, 51]].astype(int) > 50).all()
        assert not changed(overlay, image)[:, 56:].any()

    def test_an_outline_is_smooth(self):
        y, x = np.mgrid[: SIZE[0], : SIZE[1]]
        disc = Mask.from_array((x - 45) ** 2 + (y - 30) ** 2 < 400)
        tones = np.unique(drawn(disc, colors=[RED], opacity=0).reshape(-1, 3), axis=0)
        assert len(tones) > 20

    def test_an_outline_is_wider_on_a_larger_image(self):
        widths = []
        for scale in (1, 40):
            pixels = np.kron(rectangle(10, 20, 50, 45).array, np.ones((scale, scale), bool))
            overlay = draw(np.full((*pixels.shape, 3), 100, np.uint8), Masks([Mask.from_array(pixels)]), colors=[RED], opacity=0)
            widths.append(int(like(np.asarray(overlay)[30 * scale, : 30 * scale], RED).sum()))
        assert widths[0] <= 2
        assert 5 <= widths[1] <= 10

    def test_a_hole_is_outlined_and_not_filled(self):
        pixels = rectangle(10, 10, 50, 50).array
        pixels[20:40, 20:40] = False
        overlay = drawn(Mask.from_array(pixels), colors=[RED])
        assert like(overlay[30, 19], RED)
        assert not changed(overlay)[23:37, 23:37].any()

    def test_along_the_edge_of_the_image_there_is_no_outline(self):
        mask = rectangle(0, 0, 50, 60)
        assert np.flatnonzero(changed(drawn(mask, colors=[RED], opacity=0)).any(axis=0)).min() > 40

    @pytest.mark.parametrize(("count", "opacity"), [(8, 0.28), (9, 0.16)])
    def test_up_to_eight_masks_are_filled_with_more_color_than_nine(self, count, opacity):
        squares = [rectangle(10 * (i % 5), 15 * (i // 5), 10 * (i % 5) + 8, 15 * (i // 5) + 8) for i in range(count)]
        overlay = drawn(*squares, colors=[RED] * count, outline=False)
        assert overlay[4, 4].tolist() == pytest.approx([100 + opacity * 155, 100 * (1 - opacity), 100 * (1 - opacity)], abs=1)

    def test_lines_are_a_five_hundredth_of_the_longer_side_and_never_none(self):
        assert [line_width(size) for size in ((1, 1), (60, 90), (500, 100), (100, 2000), (3000, 100))] == [1, 1, 1, 4, 6]

    def test_an_opacity_of_one_hides_the_image(self, photo):
        mask = rectangle(10, 20, 50, 45)
        assert (drawn(mask, image=photo(*SIZE), colors=[RED], opacity=1, outline=False)[mask.array] == RED).all()

    def test_a_small_mask_is_drawn_on_a_large_one_in_whatever_order_they_come(self):
        large, small = rectangle(0, 0, 90, 60), rectangle(30, 20, 40, 30)
        one = drawn(large, small, colors=[RED, BLUE], opacity=1)
        other = drawn(small, large, colors=[BLUE, RED], opacity=1)
        assert np.array_equal(one, other)
        assert (one[25, 35] == BLUE).all()

    def test_empty_masks_and_no_masks_change_nothing(self):
        assert not changed(drawn()).any()
        assert not changed(drawn(rectangle(5, 5, 5, 5))).any()
        assert changed(drawn(rectangle(5, 5, 5, 5), rectangle(1, 1, 4, 4), outline=False)).sum() == 9

    def test_a_mask_at_the_edge_of_the_image_is_drawn_whole(self):
        mask = rectangle(70, 40, 90, 60)
        assert changed(drawn(mask, colors=[RED]))[mask.array].all()

    def test_the_image_that_was_given_is_not_touched(self):
        image = gray()
        drawn(rectangle(10, 20, 50, 45, label="a"), image=image, prompts=[Prompt.point(3, 3)])
        assert np.array_equal(image, gray())

    def test_a_read_only_image_can_be_drawn_on(self):
        image = gray()
        image.setflags(write=False)
        assert changed(drawn(rectangle(10, 20, 50, 45), image=image)).any()

    def test_a_pil_image_is_drawn_on_and_stays_as_it_was(self):
        image = Image.fromarray(gray())
        assert changed(np.asarray(draw(image, Masks([rectangle(10, 20, 50, 45)])))).any()
        assert np.array_equal(np.asarray(image), gray())

    def test_an_image_that_cannot_be_used_is_refused(self):
        with pytest.raises(InputError):
            draw(np.zeros((2, 2, 7), np.uint8), Masks([], (2, 2)))

    def test_masks_of_another_size_are_refused(self):
        with pytest.raises(InputError, match=r"size \(60, 90\) do not fit an image of size \(90, 60\)"):
            draw(np.zeros((90, 60, 3), np.uint8), Masks([rectangle(10, 20, 50, 45)]))

    def test_another_number_of_colors_than_of_masks_is_refused(self):
        with pytest.raises(InputError, match="each of 1 masks, got 2"):
            drawn(rectangle(10, 20, 50, 45), colors=[RED, BLUE])


class TestColors:
    def tint(self, overlay, *place):
        return tuple(overlay[place].tolist())

    def test_masks_have_the_colors_of_the_palette_in_their_order(self):
        overlay = drawn(*(rectangle(14 * i, 5, 14 * i + 8, 13) for i in range(6)), opacity=1, outline=False)
        assert [self.tint(overlay, 8, 14 * i + 4) for i in range(6)] == palette(6)

    @pytest.mark.parametrize("gap", [0, 2])
    def test_many_masks_have_few_colors_and_no_two_that_touch_the_same(self, gap):
        masks = [rectangle(10 * (i % 9), 10 * (i // 9), 10 * (i % 9) + 10 - gap, 10 * (i // 9) + 10 - gap) for i in range(54)]
        overlay = drawn(*masks, opacity=1, outline=False)
        tints = np.array([[self.tint(overlay, 10 * row + 4, 10 * column + 4) for column in range(9)] for row in range(6)])
        assert (tints[1:] != tints[:-1]).any(axis=-1).all()
        assert (tints[:, 1:] != tints[:, :-1]).any(axis=-1).all()
        assert {tuple(color) for color in tints.reshape(-1, 3).tolist()} == set(HUES)

    def test_a_mask_within_another_differs_from_it(self):
        inner = [rectangle(4 + 12 * i, 20, 10 + 12 * i, 30) for i in range(7)]
        overlay = drawn(rectangle(0, 0, 90, 60), *inner, opacity=1, outline=False)
        assert all(self.tint(overlay, 25, 7 + 12 * i) != self.tint(overlay, 5, 5) for i in range(7))

    def test_a_class_has_one_color_whatever_else_is_in_the_image_and_in_whatever_order(self):
        classes = ["dog", "cat", "bird"]
        places = [(18 * i, 30, 18 * i + 12, 50) for i in range(4)]
        for labels in (["bird"], ["bird", "dog"], ["dog", "bird", "bird"], ["cat", "bird", "dog", "cat"]):
            masks = [rectangle(*place, label=label) for place, label in zip(places, labels, strict=False)]
            overlay = drawn(*masks, classes=classes, opacity=1, labels=False, outline=False)
            expected = [palette(3)[classes.index(label)] for label in labels]
            assert [self.tint(overlay, 40, 18 * i + 7) for i in range(len(labels))] == expected

    def test_without_a_known_order_the_name_of_a_class_decides(self):
        overlay = drawn(rectangle(10, 30, 30, 50, label="heron"), opacity=1, labels=False, outline=False)
        assert self.tint(overlay, 40, 20) == ClassColors().of("heron")

    def test_masks_of_one_class_that_touch_differ_in_shade(self):
        masks = [rectangle(10 + 18 * i, 30, 28 + 18 * i, 50, label="dog") for i in range(4)]
        overlay = drawn(*masks, classes=["dog"], opacity=1, labels=False, outline=False)
        dog = palette(1)[0]
        tints = [self.tint(overlay, 40, 18 * i + 19) for i in range(4)]
        assert tints[0] == dog
        assert all(one != other for one, other in itertools.pairwise(tints))
        assert set(tints) <= {shade(dog, share) for share in OBJECT_SHADES}

    def test_a_mask_without_a_class_among_others_is_white(self):
        overlay = drawn(rectangle(0, 30, 20, 50, label="dog"), rectangle(40, 30, 60, 50), opacity=1, labels=False, outline=False)
        assert self.tint(overlay, 40, 50) == NO_CLASS

    def test_an_overlay_is_the_same_every_time(self, photo):
        masks = [rectangle(0, 0, 20, 20, label="dog", score=0.5), rectangle(40, 10, 60, 40, label="cat")]
        assert np.array_equal(drawn(*masks, image=photo(*SIZE)), drawn(*masks, image=photo(*SIZE)))


class TestLabels:
    def where(self, *masks, **style):
        """Return the first and last rows and columns that the labels of masks cover."""
        there = np.argwhere((drawn(*masks, **style) != drawn(*masks, labels=False, **style)).any(axis=-1))
        assert len(there) > 20
        return there.min(axis=0).tolist(), (there.max(axis=0) + 1).tolist()

    def test_a_label_is_written_above_the_mask(self):
        (top, left), (bottom, right) = self.where(rectangle(10, 20, 80, 55, label="dog"), colors=[RED])
        assert (left, bottom) == (10, 20)
        assert 0 < top < 10
        assert right < 50

    def test_where_there_is_no_room_above_it_is_written_inside(self):
        (top, _), (bottom, _) = self.where(rectangle(10, 4, 80, 55, label="dog"), colors=[RED])
        assert 4 <= top < bottom < 22

    @pytest.mark.parametrize("corner", [(85, 30), (85, 55), (85, 0)])
    def test_a_label_at_the_edge_of_the_image_is_moved_into_it(self, corner):
        x, y = corner
        wide = self.where(rectangle(10, 20, 20, 30, label="dog", score=0.5), colors=[RED])
        (top, left), (bottom, right) = self.where(rectangle(x, y, x + 4, y + 4, label="dog", score=0.5), colors=[RED])
        assert right - left >= wide[1][1] - wide[0][1]
        assert bottom - top >= wide[1][0] - wide[0][0] - 4  # The part that lies on the mask may have its color.

    def test_labels_of_two_masks_at_one_place_are_written_below_one_another(self):
        masks = [rectangle(10, 20, 80, 55, label=label) for label in ("car", "red car")]
        (one, _), (end, _) = self.where(masks[0], colors=[RED])
        (top, _), (bottom, _) = self.where(*masks, colors=[RED, BLUE])
        assert top == one
        assert bottom - top >= 2 * (end - one) - 4
        blue = (drawn(*masks, colors=[RED, BLUE], opacity=0, outline=False) == BLUE).all(axis=-1)
        assert np.flatnonzero(blue.any(axis=1)).min() >= end

    def test_a_label_is_at_the_box_of_the_detection_of_the_mask(self):
        found = Detections(SIZE, [[0, 0, 5, 5], [30, 30, 70, 55]], [0.9, 0.8], ["cat", "dog"])
        mask = replace(rectangle(40, 35, 60, 50, label="dog"), detection_index=1)
        (_, left), (bottom, _) = self.where(mask, detections=found, colors=[RED])
        assert (left, bottom) == (30, 30)

    def test_without_masks_each_detection_has_its_label(self):
        found = Detections(SIZE, [[0, 0, 15, 40], [0, 40, 15, 60]], [0.9, 0.8], ["cat", "dog"])
        written = (drawn(detections=found) != drawn(detections=found, labels=False)).any(axis=(1, 2))
        assert written[:30].any()
        assert written[30:].any()

    def test_the_score_is_written_beside_it(self):
        width = {}
        for score in (None, 0.875):
            mask = rectangle(10, 20, 80, 55, label="dog", score=score)
            difference = (drawn(mask, colors=[RED]) != drawn(mask, colors=[RED], labels=False)).any(axis=(0, 2))
            width[score] = np.ptp(np.flatnonzero(difference))
        assert width[0.875] > width[None] + 10

    def test_of_an_empty_mask_no_label_is_written(self):
        assert not changed(drawn(rectangle(0, 0, 0, 0, label="dog", score=0.9))).any()

    def test_a_mask_without_a_label_has_none_written(self):
        mask = rectangle(10, 20, 80, 55, score=0.9)
        assert np.array_equal(drawn(mask), drawn(mask, labels=False))

    def test_a_label_does_not_hide_a_small_mask(self):
        small = rectangle(12, 8, 24, 18)
        labeled = rectangle(10, 20, 80, 55, label="dog")
        (top, _), _ = self.where(labeled, colors=[RED])
        assert top < 18  # Alone, the label is above its mask, where the small mask would be.
        beside = [labeled, small]
        with_labels, without = (drawn(*beside, colors=[RED, BLUE], labels=labels) for labels in (True, False))
        assert np.array_equal(with_labels[small.array], without[small.array])

    def test_labels_of_many_masks_do_not_lie_over_one_another(self):
        masks = [rectangle(8 * i, 20, 8 * i + 6, 45, label=f"dog {i}") for i in range(FEW + 2)]
        colors = palette(len(masks))
        overlay = drawn(*masks, colors=colors, opacity=0, outline=False)
        grounds = [(overlay == color).all(axis=-1) for color in colors]
        shown = [ground for ground in grounds if ground.any()]
        assert 2 <= len(shown) < len(masks)  # Those for which there is no room are left out.
        for ground in shown:
            y, x = np.nonzero(ground)
            inside = overlay[y.min() : y.max() + 1, x.min() : x.max() + 1]
            others = [color for color in colors if (inside == color).all(axis=-1).any()]
            assert len(others) == 1

    def test_a_label_of_any_script_is_written(self):
        mask = rectangle(10, 20, 80, 55, label="wet road – 濡れた道 🐕")
        assert not np.array_equal(drawn(mask), drawn(mask, labels=False))

    @pytest.mark.parametrize("ground", [*palette(18), BLACK, WHITE])
    def test_text_has_a_contrast_of_at_least_four_and_a_half_to_one(self, ground):
        values = np.array([ground, text_color(ground)]) / 255
        linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
        dark, light = sorted(linear @ [0.2126, 0.7152, 0.0722])
        assert (light + 0.05) / (dark + 0.05) >= 4.5


class TestPrompts:
    def test_points_are_green_with_a_plus_on_the_object_and_red_with_a_minus_on_the_background(self):
        overlay = drawn(prompts=[Prompt.point(20, 30) + Prompt.point(60, 30, foreground=False)])
        assert tuple(overlay[35, 20]) == FOREGROUND
        assert tuple(overlay[35, 60]) == BACKGROUND
        assert like(overlay[30, [18, 22, 58, 62]], WHITE, 80).all()
        assert like(overlay[[28, 32], 20], WHITE, 80).all()
        assert not like(overlay[[27, 33], 60], WHITE, 80).any()
        assert changed(overlay)[:, 30:50].sum() == 0

    def test_a_point_outside_the_image_is_not_drawn(self):
        assert not changed(drawn(prompts=[Prompt.point(1e12, 30), Prompt.point(20, -30)])).any()

    def test_a_box_is_drawn_along_its_edge_and_not_filled(self):
        overlay = drawn(prompts=[Prompt.box(20, 10, 70, 50)])
        assert all(tuple(overlay[y, x]) == BOX for x, y in ((20, 10), (69, 10), (20, 49), (69, 49), (45, 10)))
        assert not changed(overlay)[14:46, 24:66].any()
        assert not changed(overlay)[51:].any()
        assert (overlay[[9, 50], 45] < 100).all()  # The dark line around it.

    def test_a_box_that_reaches_beyond_the_image_is_drawn_within_it(self):
        overlay = drawn(prompts=[Prompt.box(-30, -30, 500, 500)])
        assert all(tuple(overlay[y, x]) == BOX for x, y in ((0, 0), (89, 0), (0, 59), (89, 59)))

    @pytest.mark.parametrize("box", [(89.5, 59.5, 95, 95), (-5, -5, 0.4, 0.4), (30, 30, 30.2, 30.2)])
    def test_a_sliver_of_a_box_is_drawn_in_its_corner_alone(self, box):
        touched = changed(drawn(prompts=[Prompt.box(*box)]))
        assert 1 <= touched.sum() <= 16

    def test_prompts_without_a_place_draw_nothing(self):
        assert not changed(drawn(prompts=[Prompt.text("dog"), Prompt.everything(), Prompt.mask(np.ones(SIZE, bool))])).any()

    def test_detections_are_drawn_as_boxes(self):
        found = Detections(SIZE, [[20, 10, 70, 50]], [0.9], ["dog"])
        overlay = drawn(detections=found, labels=False)
        assert (overlay == BOX).all(axis=-1).sum() == 2 * 50 + 2 * 38
        assert not changed(overlay)[13:47, 23:67].any()

    def test_the_box_of_a_detection_has_the_color_of_its_mask(self):
        found = Detections(SIZE, [[20, 10, 70, 50], [2, 2, 9, 9]], [0.9, 0.8], ["dog", "cat"])
        mask = replace(rectangle(30, 20, 60, 40), detection_index=0)
        overlay = drawn(mask, detections=found, colors=[RED])
        assert tuple(overlay[10, 45]) == RED
        assert tuple(overlay[2, 5]) == BOX


@pytest.mark.parametrize(
    "arguments",
    [
        {"classes": "dog"},
        {"classes": 5},
        {"classes": [5]},
        {"masks": 5},
        {"masks": []},
        {"detections": 5},
        {"prompts": 5},
        {"opacity": 2},
        {"opacity": "1"},
        {"opacity": float("nan")},
    ]
    + [{"colors": colors} for colors in (5, [5], [(1, 2)], [(1, 2, 300)], [(1, 2, "3")], [(1, 2, 3.5)], ["abc"])],
    ids=repr,
)
def test_an_argument_of_another_kind_is_refused(arguments):
    image, masks = np.zeros((*SIZE, 3), np.uint8), Masks([Mask.from_array(np.ones(SIZE, bool))])
    with pytest.raises(InputError, match=r" (are|is) "):
        draw(image, **{"masks": masks, **arguments})


def test_a_label_of_several_lines_is_written_on_one():
    mask = Mask.from_crop(np.ones((30, 40), bool), (10, 20), (60, 80))
    image = np.zeros((60, 80, 3), np.uint8)
    one, two = (draw(image, Masks([replace(mask, label=label)]), classes=[label]) for label in ("a b", "a\nb"))
    assert np.array_equal(one, two)
