"""Zoomed views: what part of the image they show, and how truth and prediction are told apart."""

import numpy as np
import pytest

from promptseg.evaluation.zoomed_view import LEAST, MOST, PREDICTION_COLOR, TRUTH_COLOR, window_of, zoomed_view
from promptseg.masks import Mask
from promptseg.prompts import Prompt

SIZE = (400, 600)


def rectangle(x0, y0, x1, y1):
    pixels = np.zeros(SIZE, bool)
    pixels[y0:y1, x0:x1] = True
    return Mask.from_array(pixels)


def contains(window, box):
    return window[0] <= box[0] and window[1] <= box[1] and window[2] >= box[2] and window[3] >= box[3]


def like(view, color, distance=40):
    return np.abs(np.asarray(view, int) - color).max(axis=-1) <= distance


EMPTY = Mask.from_array(np.zeros(SIZE, bool))


class TestWindow:
    def test_it_holds_the_object_and_the_error_with_context(self):
        window = window_of(rectangle(200, 100, 260, 140), rectangle(220, 90, 300, 150), None)
        assert contains(window, (190, 80, 310, 160))
        assert window[2] - window[0] < 200

    def test_a_small_object_beside_a_large_error_is_still_seen(self):
        window = window_of(rectangle(300, 200, 320, 210), rectangle(0, 0, 600, 400), None)
        assert contains(window, (300, 200, 320, 210))
        assert window[2] - window[0] == MOST * 20

    def test_an_object_at_the_edge_of_a_large_error_lies_within(self):
        window = window_of(rectangle(5, 5, 25, 25), rectangle(0, 0, 600, 400), None)
        assert contains(window, (5, 5, 25, 25))

    def test_a_tiny_object_has_context(self):
        window = window_of(rectangle(300, 200, 302, 202), EMPTY, None)
        assert window[2] - window[0] == LEAST

    def test_it_holds_the_box_of_the_prompt(self):
        assert contains(window_of(rectangle(300, 200, 330, 220), EMPTY, Prompt.box(280, 190, 350, 240)), (280, 190, 350, 240))

    @pytest.mark.parametrize("box", [(0, 0, 10, 10), (590, 390, 600, 400), (0, 0, 600, 400), (0, 0, 600, 1), (599, 0, 600, 400)])
    def test_it_lies_within_the_image(self, box):
        window = window_of(rectangle(*box), EMPTY, None)
        assert contains((0, 0, 600, 400), window)
        assert contains(window, box)

    def test_without_any_pixel_it_is_the_whole_image(self):
        assert window_of(EMPTY, EMPTY, None) == (0, 0, 600, 400)


class TestView:
    def view(self, truth, prediction, prompt=None, longest=300):
        return zoomed_view(np.full((*SIZE, 3), 128, np.uint8), truth, prediction, prompt, 0.5, longest)

    def test_a_small_object_is_enlarged(self):
        view = np.asarray(self.view(rectangle(300, 200, 320, 220), EMPTY))
        assert like(view[:, :300], TRUTH_COLOR).any(axis=0).sum() > 80

    def test_the_outline_of_the_truth_is_solid_and_that_of_the_prediction_is_dashed(self):
        mask = rectangle(250, 150, 350, 250)
        shares = []
        for pair, color in (((mask, EMPTY), TRUTH_COLOR), ((EMPTY, mask), PREDICTION_COLOR)):
            zoomed = np.asarray(self.view(*pair))[:300, :300]
            row = np.flatnonzero(like(zoomed, color).sum(axis=1) > 60)[0]
            across = like(zoomed, color)[row : row + 2, 60:240].any(axis=0)
            shares.append(across.mean())
        assert shares[0] > 0.95
        assert 0.35 < shares[1] < 0.8

    def test_pixels_that_are_too_much_are_hatched_and_missed_ones_are_plain(self):
        mask = rectangle(250, 150, 350, 250)
        missed, extra = (np.asarray(self.view(*pair))[120:180, 120:180] for pair in ((mask, EMPTY), (EMPTY, mask)))
        assert len(np.unique(missed.reshape(-1, 3), axis=0)) == 1
        assert len(np.unique(extra.reshape(-1, 3), axis=0)) == 2

    def test_correct_pixels_keep_the_look_of_the_image(self):
        mask = rectangle(250, 150, 350, 250)
        assert (np.asarray(self.view(mask, mask))[120:180, 120:180] == 128).all()

    def test_prompts_are_where_they_are_in_the_image(self):
        view = np.asarray(self.view(rectangle(250, 150, 350, 250), EMPTY, Prompt.point(300, 200)))[:300, :300]
        y, x = np.nonzero(like(view, TRUTH_COLOR, 2)[100:200, 100:200])
        assert abs(y.mean() + 100 - 150) < 4
        assert abs(x.mean() + 100 - 150) < 4

    def test_beside_it_a_frame_on_the_whole_image_shows_where_it_is(self):
        left, right = (np.asarray(self.view(rectangle(x, 200, x + 20, 220), EMPTY))[:, 310:] for x in (50, 550))
        columns = [np.flatnonzero(like(side, (240, 228, 66), 5).any(axis=0)).mean() for side in (left, right)]
        assert columns[0] + 100 < columns[1]

    @pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (3, 2000)])
    def test_images_of_any_shape_have_a_view(self, size):
        mask = Mask.from_array(np.ones(size, bool))
        assert zoomed_view(np.zeros((*size, 3), np.uint8), mask, mask, None, 1.0, 100).mode == "RGB"
