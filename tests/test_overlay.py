"""Masks drawn on an image: which pixels change, and to what."""

import colorsys
import itertools
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from promptseg.detections import Detections
from promptseg.errors import InputError
from promptseg.masks import Mask, Masks
from promptseg.overlay import BACKGROUND, BOX, FOREGROUND, draw, palette
from promptseg.prompts import Prompt

SIZE = (60, 90)
RED, BLUE = (255, 0, 0), (0, 0, 255)


def grey():
    return np.full((*SIZE, 3), 100, np.uint8)


def rectangle(x0, y0, x1, y1, **about):
    pixels = np.zeros(SIZE, bool)
    pixels[y0:y1, x0:x1] = True
    return Mask.from_array(pixels, **about)


def drawn(*masks, image=None, **style):
    picture = draw(grey() if image is None else image, Masks(masks, SIZE), **style)
    assert picture.mode == "RGB"
    return np.asarray(picture)


def changed(picture, image=None):
    return (picture != (grey() if image is None else image)).any(axis=-1)


class TestMasks:
    def test_the_fill_is_a_blend_of_image_and_colour_and_outside_nothing_changes(self, photo):
        image, mask = photo(*SIZE), rectangle(10, 20, 50, 45)
        picture = drawn(mask, image=image, colours=[RED], opacity=0.25, outline=False)
        assert np.array_equal(changed(picture, image), mask.array)
        expected = image[mask.array] * 0.75 + np.array(RED) * 0.25
        assert np.abs(picture[mask.array] - expected).max() <= 1

    def test_the_outline_follows_the_border_in_the_full_colour(self):
        mask = rectangle(10, 20, 50, 45)
        picture = drawn(mask, colours=[RED])
        solid = (picture == RED).all(axis=-1)
        border = mask.array & ~rectangle(11, 21, 49, 44).array
        assert np.array_equal(solid, border)
        assert np.array_equal(changed(picture), mask.array)

    def test_a_hole_is_outlined_and_not_filled(self):
        pixels = rectangle(10, 10, 50, 50).array
        pixels[20:40, 20:40] = False
        picture = drawn(Mask.from_array(pixels), colours=[RED])
        assert (picture[20, 19] == RED).all()
        assert not changed(picture)[22:38, 22:38].any()

    def test_an_opacity_of_zero_leaves_the_outline_alone(self):
        picture = drawn(rectangle(10, 20, 50, 45), colours=[RED], opacity=0)
        assert changed(picture).sum() == 2 * 40 + 2 * 23

    def test_an_opacity_of_one_hides_the_image(self, photo):
        mask = rectangle(10, 20, 50, 45)
        assert (drawn(mask, image=photo(*SIZE), colours=[RED], opacity=1)[mask.array] == RED).all()

    def test_a_small_mask_is_drawn_on_a_large_one_in_whatever_order_they_come(self):
        large, small = rectangle(0, 0, 90, 60), rectangle(30, 20, 40, 30)
        one = drawn(large, small, colours=[RED, BLUE], opacity=1)
        other = drawn(small, large, colours=[BLUE, RED], opacity=1)
        assert np.array_equal(one, other)
        assert (one[25, 35] == BLUE).all()

    def test_empty_masks_and_no_masks_change_nothing(self):
        assert not changed(drawn()).any()
        assert not changed(drawn(rectangle(5, 5, 5, 5))).any()
        assert changed(drawn(rectangle(5, 5, 5, 5), rectangle(1, 1, 4, 4))).sum() == 9

    def test_a_mask_at_the_edge_of_the_image_is_drawn_whole(self):
        mask = rectangle(70, 40, 90, 60)
        assert np.array_equal(changed(drawn(mask, colours=[RED])), mask.array)

    def test_the_image_that_was_given_is_not_touched(self):
        image = grey()
        drawn(rectangle(10, 20, 50, 45, label="a"), image=image, prompts=[Prompt.point(3, 3)])
        assert np.array_equal(image, grey())

    def test_a_read_only_image_can_be_drawn_on(self):
        image = grey()
        image.setflags(write=False)
        assert changed(drawn(rectangle(10, 20, 50, 45), image=image)).any()

    def test_a_pil_image_is_drawn_on_and_stays_as_it_was(self):
        image = Image.fromarray(grey())
        assert changed(np.asarray(draw(image, Masks([rectangle(10, 20, 50, 45)])))).any()
        assert np.array_equal(np.asarray(image), grey())

    def test_an_image_that_cannot_be_used_is_refused(self):
        with pytest.raises(InputError):
            draw(np.zeros((2, 2, 7), np.uint8), Masks([], (2, 2)))


class TestColours:
    def test_the_first_colours_do_not_depend_on_how_many_there_are(self):
        assert palette(0) == []
        assert palette(40)[:7] == palette(7)

    def test_they_are_colours(self):
        assert all(len(colour) == 3 and all(0 <= value <= 255 for value in colour) for colour in palette(200))

    def test_neighbours_differ_in_hue(self):
        hues = [colorsys.rgb_to_hsv(*(value / 255 for value in colour))[0] for colour in palette(50)]
        apart = [min(abs(a - b), 1 - abs(a - b)) for a, b in itertools.pairwise(hues)]
        assert min(apart) > 0.3

    def test_each_mask_without_a_label_has_a_colour_of_its_own(self):
        picture = drawn(*(rectangle(10 * i, 5, 10 * i + 8, 13) for i in range(8)), opacity=1)
        assert len({tuple(picture[8, 10 * i + 4].tolist()) for i in range(8)}) == 8

    def test_masks_of_one_label_have_shades_of_one_colour(self):
        labels = ["dog", "cat", "dog", "dog", "dog"]
        masks = [rectangle(18 * i, 30, 18 * i + 14, 50, label=label) for i, label in enumerate(labels)]
        picture = drawn(*masks, opacity=1, labels=False)
        dog, cat, second, third, fourth = (tuple(picture[40, 18 * i + 7].tolist()) for i in range(5))
        assert dog == palette(2)[0] == fourth
        assert cat == palette(2)[1]
        assert len({dog, second, third}) == 3
        hues = [colorsys.rgb_to_hsv(*(value / 255 for value in colour))[0] for colour in (dog, second, third)]
        assert np.ptp(hues) < 0.01

    def test_a_picture_is_the_same_every_time(self, photo):
        masks = [rectangle(0, 0, 20, 20, label="dog", score=0.5), rectangle(40, 10, 60, 40, label="cat")]
        assert np.array_equal(drawn(*masks, image=photo(*SIZE)), drawn(*masks, image=photo(*SIZE)))


class TestLabels:
    def where(self, *masks, **style):
        """Rows and columns, from and to, in which the labels of masks are."""
        there = np.argwhere((drawn(*masks, **style) != drawn(*masks, labels=False, **style)).any(axis=-1))
        assert len(there) > 20
        return there.min(axis=0).tolist(), (there.max(axis=0) + 1).tolist()

    def test_a_label_is_written_above_the_mask(self):
        (top, left), (bottom, right) = self.where(rectangle(10, 20, 80, 55, label="dog"), colours=[RED])
        assert (left, bottom) == (10, 20)
        assert top > 5
        assert right < 50

    def test_where_there_is_no_room_above_it_is_written_inside(self):
        (top, _), (bottom, _) = self.where(rectangle(10, 4, 80, 55, label="dog"), colours=[RED])
        assert 4 <= top < bottom < 20

    @pytest.mark.parametrize("corner", [(85, 30), (85, 55), (85, 0)])
    def test_a_label_at_the_edge_of_the_image_is_moved_into_it(self, corner):
        x, y = corner
        wide = self.where(rectangle(10, 20, 20, 30, label="dog", score=0.5), colours=[RED])
        (top, left), (bottom, right) = self.where(rectangle(x, y, x + 4, y + 4, label="dog", score=0.5), colours=[RED])
        assert right - left >= wide[1][1] - wide[0][1]
        assert bottom - top >= wide[1][0] - wide[0][0] - 4  # What of it lies on the mask itself may have its colour.

    def test_labels_of_two_masks_at_one_place_are_written_below_one_another(self):
        masks = [rectangle(10, 20, 80, 55, label=label) for label in ("car", "red car")]
        (one, _), (end, _) = self.where(masks[0], colours=[RED])
        (top, _), (bottom, _) = self.where(*masks, colours=[RED, BLUE])
        assert top == one
        assert bottom - top >= 2 * (end - one) - 4
        blue = (drawn(*masks, colours=[RED, BLUE], opacity=0, outline=False) == BLUE).all(axis=-1)
        assert np.flatnonzero(blue.any(axis=1)).min() >= end

    def test_a_label_stands_at_the_box_of_the_detection_that_the_mask_is_of(self):
        found = Detections(SIZE, [[0, 0, 5, 5], [30, 30, 70, 55]], [0.9, 0.8], ["cat", "dog"])
        mask = replace(rectangle(40, 35, 60, 50, label="dog"), detection_index=1)
        (_, left), (bottom, _) = self.where(mask, detections=found, colours=[RED])
        assert (left, bottom) == (30, 30)

    def test_the_score_is_written_beside_it(self):
        width = {}
        for score in (None, 0.875):
            mask = rectangle(10, 20, 80, 55, label="dog", score=score)
            difference = (drawn(mask, colours=[RED]) != drawn(mask, colours=[RED], labels=False)).any(axis=(0, 2))
            width[score] = np.ptp(np.flatnonzero(difference))
        assert width[0.875] > width[None] + 10

    def test_of_an_empty_mask_no_label_is_written(self):
        assert not changed(drawn(rectangle(0, 0, 0, 0, label="dog", score=0.9))).any()

    def test_a_mask_without_a_label_has_none_written(self):
        mask = rectangle(10, 20, 80, 55, score=0.9)
        assert np.array_equal(drawn(mask), drawn(mask, labels=False))

    def test_a_label_of_any_script_is_written(self):
        mask = rectangle(10, 20, 80, 55, label="wet road – 濡れた道 🐕")
        assert not np.array_equal(drawn(mask), drawn(mask, labels=False))


class TestPrompts:
    def test_points_are_green_on_the_object_and_red_beside_it(self):
        picture = drawn(prompts=[Prompt.point(20, 30) + Prompt.point(60, 30, foreground=False)])
        assert tuple(picture[30, 20]) == FOREGROUND
        assert tuple(picture[30, 60]) == BACKGROUND
        assert changed(picture)[:, 30:50].sum() == 0

    def test_a_box_is_drawn_along_its_edge_and_not_filled(self):
        picture = drawn(prompts=[Prompt.box(20, 10, 70, 50)])
        assert all(tuple(picture[y, x]) == BOX for x, y in ((20, 10), (69, 10), (20, 49), (69, 49), (45, 10)))
        assert not changed(picture)[14:46, 24:66].any()
        assert not changed(picture)[50:].any()

    def test_a_box_that_reaches_beyond_the_image_is_drawn_within_it(self):
        picture = drawn(prompts=[Prompt.box(-30, -30, 500, 500)])
        assert all(tuple(picture[y, x]) == BOX for x, y in ((0, 0), (89, 0), (0, 59), (89, 59)))

    @pytest.mark.parametrize("box", [(89.5, 59.5, 95, 95), (-5, -5, 0.4, 0.4), (30, 30, 30.2, 30.2)])
    def test_a_sliver_of_a_box_is_drawn_in_its_corner_alone(self, box):
        touched = changed(drawn(prompts=[Prompt.box(*box)]))
        assert 1 <= touched.sum() <= 16

    def test_prompts_without_a_place_draw_nothing(self):
        assert not changed(drawn(prompts=[Prompt.text("dog"), Prompt.everything(), Prompt.mask(np.ones(SIZE, bool))])).any()

    def test_detections_are_drawn_as_boxes(self):
        found = Detections(SIZE, [[20, 10, 70, 50]], [0.9], ["dog"])
        picture = drawn(detections=found)
        assert (picture[changed(picture)] == BOX).all()
        assert changed(picture).sum() == 2 * 50 + 2 * 38

    def test_the_box_of_a_detection_has_the_colour_of_its_mask(self):
        found = Detections(SIZE, [[20, 10, 70, 50], [2, 2, 9, 9]], [0.9, 0.8], ["dog", "cat"])
        mask = replace(rectangle(30, 20, 60, 40), detection_index=0)
        picture = drawn(mask, detections=found, colours=[RED])
        assert tuple(picture[10, 45]) == RED
        assert tuple(picture[2, 5]) == BOX
