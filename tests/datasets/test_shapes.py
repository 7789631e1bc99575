import numpy as np
import pytest

from promptseg import Mask
from promptseg.datasets.shapes import ellipse, rotated_rectangle
from promptseg.errors import InputError


def test_a_quarter_turn_clockwise_about_the_center_swaps_the_sides():
    corners = rotated_rectangle((0, 10, 8, 14), 90)
    np.testing.assert_allclose(corners, [[6, 8], [6, 16], [2, 16], [2, 8]], atol=1e-9)


def test_a_rectangle_turns_about_the_given_point():
    # The right end of the upper edge goes down: clockwise as one looks at the image.
    np.testing.assert_allclose(rotated_rectangle((2, 3, 6, 4), 90, about=(2, 3))[1], [2, 7], atol=1e-9)


def test_an_ellipse_has_the_pixels_whose_centers_lie_within():
    y, x = np.mgrid[:30, :50] + 0.5
    expected = ((x - 20) / 12) ** 2 + ((y - 14) / 5) ** 2 <= 1
    assert (ellipse((20, 14), (12, 5), (30, 50)).array == expected).all()


@pytest.mark.parametrize("degrees", [90, -90, 270])
def test_a_quarter_turn_swaps_the_radii(degrees):
    assert ellipse((20, 14), (12.3, 5), (30, 50), degrees).iou(ellipse((20, 14), (5, 12.3), (30, 50))) == 1


def test_an_ellipse_turns_clockwise():
    # A long ellipse from the center down to the right.
    pixels = ellipse((25, 25), (20, 2), (50, 50), 45).array
    assert pixels[35, 35]
    assert not pixels[15, 35]


def test_a_turned_ellipse_agrees_with_a_turned_polygon():
    angles = np.linspace(0, 2 * np.pi, 721)[:-1]
    ring = np.stack([15 * np.cos(angles), 6 * np.sin(angles)], axis=1)
    cosine, sine = np.cos(np.radians(30)), np.sin(np.radians(30))
    turned = ring @ np.array([[cosine, sine], [-sine, cosine]]) + [32, 20]
    assert ellipse((32, 20), (15, 6), (40, 64), 30).iou(Mask.from_polygons([turned], (40, 64))) > 0.97


def test_what_lies_outside_the_image_is_cut_off():
    assert ellipse((0, 0), (1000, 1000), (4, 6)).area == 24
    assert ellipse((-50, 3), (10, 10), (4, 6)).area == 0
    assert ellipse((1e300, 3), (10, 10), (4, 6)).area == 0


@pytest.mark.parametrize(("center", "radii"), [((float("nan"), 0), (1, 1)), ((0, 0), (float("inf"), 1)), ((0, 0), (-1, 1))])
def test_values_that_are_no_ellipse_are_refused(center, radii):
    with pytest.raises(InputError):
        ellipse(center, radii, (4, 6))


def test_a_rectangle_that_is_not_finite_is_refused():
    with pytest.raises(InputError):
        rotated_rectangle((0, 0, float("inf"), 1), 5)
