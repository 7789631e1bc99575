"""Colors of classes: the rule that decides them, and whether people of every color vision can tell them apart."""

import itertools

import cv2
import numpy as np
import pytest

from promptseg.class_colors import COLORS, HUES, OBJECT_SHADES, ClassColors, palette, shade
from promptseg.overlay import BOX

# Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color vision deficiency" (2009), severity 1, linear RGB.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}
FILL = 0.28


def seen(colors, vision):
    """Return colors in CIELAB as people with a kind of color vision see them."""
    values = np.array(colors) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ VISIONS[vision].T, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return cv2.cvtColor(encoded.astype(np.float32)[None], cv2.COLOR_RGB2LAB)[0]


def least_distance(colors, vision):
    return min(np.linalg.norm(one - other) for one, other in itertools.combinations(seen(colors, vision), 2))


class TestPalette:
    def test_the_first_colors_do_not_depend_on_how_many_there_are(self):
        assert palette(0) == []
        assert palette(40)[:7] == palette(7)

    def test_they_are_colors(self):
        assert all(len(color) == 3 and all(0 <= value <= 255 for value in color) for color in palette(200))

    def test_no_two_are_the_same_until_they_begin_again(self):
        assert len(set(palette(COLORS))) == COLORS == 18
        assert palette(2 * COLORS)[COLORS:] == palette(COLORS)

    def test_the_hues_come_back_lighter_and_then_darker(self):
        count = len(HUES)
        first, lighter, darker = (palette(3 * count)[turn * count : (turn + 1) * count] for turn in range(3))
        assert first == list(HUES)
        for base, light, dark in zip(first, lighter, darker, strict=True):
            assert sum(dark) < sum(base) < sum(light)

    # What is just noticeable is a distance of 2.3. Random colors come below it.
    @pytest.mark.parametrize("vision", VISIONS)
    def test_people_of_every_color_vision_tell_the_hues_and_the_color_of_boxes_apart(self, vision):
        assert least_distance([*HUES, BOX], vision) > 15

    @pytest.mark.parametrize("vision", VISIONS)
    def test_people_of_every_color_vision_tell_all_eighteen_colors_apart(self, vision):
        assert least_distance(palette(COLORS), vision) > 6

    @pytest.mark.parametrize("vision", VISIONS)
    def test_people_of_every_color_vision_tell_touching_objects_of_a_class_apart(self, vision):
        assert min(least_distance([shade(hue, share) for share in OBJECT_SHADES], vision) for hue in HUES) > 9

    @pytest.mark.parametrize("vision", VISIONS)
    @pytest.mark.parametrize("ground", [255, 0], ids=["white", "black"])
    def test_people_of_every_color_vision_tell_all_colors_from_white_and_from_black(self, vision, ground):
        own = seen([(ground, ground, ground)], vision)[0]
        assert min(np.linalg.norm(color - own) for color in seen(palette(COLORS), vision)) > 15

    @pytest.mark.parametrize("vision", VISIONS)
    @pytest.mark.parametrize("ground", [230, 30], ids=["light", "dark"])
    def test_people_of_every_color_vision_tell_fills_of_the_hues_apart_on_light_and_dark_ground(self, vision, ground):
        fills = [tuple((1 - FILL) * ground + FILL * part for part in hue) for hue in HUES]
        assert least_distance(fills, vision) > 2.3

    @pytest.mark.parametrize("vision", ["protanopia", "deuteranopia"])
    def test_red_and_green_of_one_lightness_are_what_the_simulation_makes_alike(self, vision):
        red_and_green = [(176, 112, 64), (112, 140, 64)]
        assert least_distance(red_and_green, vision) < 0.4 * least_distance(red_and_green, "normal")


NAMES = [f"class {number}" for number in range(60)]


class TestKnownOrder:
    def test_a_class_has_the_color_of_its_place(self):
        assert [ClassColors(NAMES[:5]).of(name) for name in NAMES[:5]] == palette(5)

    def test_repeated_names_have_one_place(self):
        assert ClassColors(["a", "b", "a", "c"]).of("c") == palette(3)[2]

    def test_after_the_last_color_they_begin_again(self):
        assert ClassColors(NAMES).of(NAMES[18]) == palette(1)[0]

    def test_a_class_beyond_the_order_has_none_of_its_colors(self):
        colors = ClassColors(NAMES[:12])
        assert not {colors.of(name) for name in NAMES[12:]} & set(palette(12))

    def test_the_first_of_two_classes_of_one_color_keeps_it(self):
        colors = ClassColors(NAMES)
        assert colors.of_image([NAMES[18], NAMES[0]]) == {NAMES[0]: palette(1)[0], NAMES[18]: palette(2)[1]}
        assert colors.of_image([NAMES[18]]) == {NAMES[18]: palette(1)[0]}


class TestNoKnownOrder:
    def test_the_name_alone_decides(self):
        assert ClassColors().of("cat") == ClassColors().of("cat")
        assert [ClassColors().index(name) for name in ("cat", "dog", "wet road", "")] == [9, 4, 7, 16]

    def test_the_colors_are_used_evenly(self):
        counts = np.bincount([ClassColors().index(f"name {number}") for number in range(1800)], minlength=COLORS)
        assert counts.min() > 60
        assert counts.max() < 140

    def test_the_order_in_the_image_does_not_matter(self):
        for labels in itertools.permutations(["dog", "cat", "wet road"]):
            assert ClassColors().of_image(labels) == ClassColors().of_image(["cat", "dog", "wet road"])

    def test_up_to_eighteen_classes_of_one_image_have_different_colors(self):
        assert len(set(ClassColors().of_image(NAMES[:18]).values())) == 18

    def test_more_classes_than_colors_all_have_one(self):
        assert set(ClassColors().of_image(NAMES)) == set(NAMES)

    def test_a_class_keeps_its_color_in_most_images(self):
        own = ClassColors().of_image(NAMES[:4])
        kept = sum(own_color == ClassColors().of(name) for name, own_color in own.items())
        assert kept >= 3

    def test_labels_that_are_none_have_no_color(self):
        assert ClassColors().of_image([None, "", "cat"]).keys() == {"cat"}

    def test_a_name_that_is_not_text_for_files_has_a_color(self):
        assert ClassColors().of("caf\udce9") in palette(COLORS)
