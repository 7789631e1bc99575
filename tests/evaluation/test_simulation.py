import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from promptseg import Mask
from promptseg.errors import ConfigError, InputError
from promptseg.evaluation.simulation import (
    Box,
    CenterPoint,
    Click,
    Clicks,
    Everything,
    PointGrid,
    RandomPoint,
    Text,
    generator,
    next_click,
    parse_prompt_protocol,
)

pixels = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)).filter(np.any)


def disc(size=(60, 80), center=(40, 30), radius=15):
    y, x = np.ogrid[: size[0], : size[1]]
    return Mask.from_array((x - center[0]) ** 2 + (y - center[1]) ** 2 <= radius**2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("box", Box()),
        ("box:0.1", Box(0.1)),
        ("point", CenterPoint()),
        ("point:center", CenterPoint()),
        ("point:random", RandomPoint()),
        ("grid", PointGrid(3)),
        ("grid:5", PointGrid(5)),
        ("clicks", Clicks(10)),
        ("clicks:4", Clicks(4)),
        ("text", Text()),
        ("text:a dog, red car", Text(("a dog", "red car"))),
    ],
)
def test_a_protocol_is_made_from_its_name_and_says_it(name, expected):
    assert parse_prompt_protocol(name) == expected
    assert parse_prompt_protocol(expected.name) == expected


def test_everything_has_a_density_in_its_name():
    assert parse_prompt_protocol("everything").name == "everything"
    made = parse_prompt_protocol("everything:8")
    assert isinstance(made, Everything)
    assert (made.settings.points_per_side, made.name) == (8, "everything:8")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bx", "no prompt protocol 'bx'. Did you mean 'box'"),
        ("box:0.5", "below 0.5, got 0.5"),
        ("box:wide", "'box:wide': expected a number after the colon, got 'wide'"),
        ("example:x", "'example:x': expected a number after the colon, got 'x'"),
        ("example:0", "number of examples is a whole number from 1 to 256, got 0"),
        ("point:middle", "got 'point:middle'"),
        ("grid:0", "at least 1, got 0"),
        ("clicks:few", "'clicks:few'"),
        ("everything:0", "'everything:0'"),
    ],
)
def test_a_protocol_that_is_none_is_refused(name, message):
    with pytest.raises(ConfigError, match=message):
        parse_prompt_protocol(name)


@given(pixels)
def test_a_tight_box_is_that_of_the_object(array):
    mask = Mask.from_array(array)
    assert Box().prompt(mask, generator(0, "")).xyxy.tolist() == mask.box.tolist()


@given(pixels, st.floats(0.01, 0.49), st.integers(0, 99))
def test_no_side_of_a_jittered_box_moves_further_than_stated_or_out_of_the_image(array, jitter, seed):
    mask = Mask.from_array(array)
    box = Box(jitter).prompt(mask, generator(seed, "a")).xyxy
    sides = np.tile(mask.box[2:] - mask.box[:2], 2)
    assert (np.abs(box - mask.box) <= jitter * sides + 1e-4).all()
    assert (box >= 0).all()
    assert (box <= [array.shape[1], array.shape[0]] * 2).all()


def test_jitter_moves_each_side_by_itself_and_uses_all_of_its_range():
    mask = disc(radius=10)
    moves = np.array([Box(0.2).prompt(mask, generator(seed, "a")).xyxy - mask.box for seed in range(400)]) / 21
    assert np.abs(np.corrcoef(moves.T) - np.eye(4)).max() < 0.2
    assert moves.min() < -0.19
    assert moves.max() > 0.19


def test_the_center_point_is_the_middle_of_a_disc():
    assert CenterPoint().prompt(disc(), generator(0, "")).xy.tolist() == [[40, 30]]


@given(pixels, st.integers(0, 99))
def test_a_random_point_is_on_the_object(array, seed):
    ((x, y),) = RandomPoint().prompt(Mask.from_array(array), generator(seed, "a")).xy.astype(int).tolist()
    assert array[y, x]


def test_every_pixel_of_the_object_may_be_the_random_point():
    array = np.bool_([[0, 1, 0], [1, 0, 1]])
    points = {tuple(RandomPoint().prompt(Mask.from_array(array), generator(seed, "a")).xy[0].tolist()) for seed in range(60)}
    assert points == {(1, 0), (0, 1), (2, 1)}


@given(pixels, st.integers(1, 6))
def test_the_points_of_a_grid_are_on_the_object_or_beside_it_as_they_say(array, per_side):
    prompt = PointGrid(per_side).prompt(Mask.from_array(array), generator(0, ""))
    assert [bool(array[y, x]) for x, y in prompt.xy.astype(int).tolist()] == prompt.foreground.tolist()
    assert prompt.foreground.any()
    assert len({tuple(point) for point in prompt.xy.tolist()}) == len(prompt.xy) <= per_side**2 + 1


def test_a_grid_lies_in_the_middle_of_equal_cells_of_the_box():
    array = np.zeros((12, 12), bool)
    array[2:8, 3:9] = True
    prompt = PointGrid(3).prompt(Mask.from_array(array), generator(0, ""))
    assert sorted(map(tuple, prompt.xy.tolist())) == [(x, y) for x in (4, 6, 8) for y in (3, 5, 7)]


def test_chance_depends_on_the_seed_and_the_name_alone():
    def drawn(seed, name):
        return generator(seed, name).uniform()

    assert drawn(1, "a#1") == drawn(1, "a#1")
    assert len({drawn(1, "a#1"), drawn(2, "a#1"), drawn(1, "a#2"), drawn(1, "b#1")}) == 4


def test_a_click_goes_to_the_middle_of_what_was_missed_or_of_what_is_too_much():
    truth = disc()
    empty = Mask.from_array(np.zeros((60, 80), bool))
    assert next_click(empty, truth) == Click(40, 30, foreground=True)
    assert next_click(truth, empty) == Click(40, 30, foreground=False)


def test_the_deeper_of_two_errors_is_clicked_on_even_where_the_other_has_more_pixels():
    truth = np.zeros((60, 80), bool)
    truth[10:50, 10:30] = True
    given = truth.copy()
    given[20:29, 15:24] = False  # 81 pixels, 5 deep.
    given[:4, :] = True  # 320 pixels, 2 deep.
    assert next_click(Mask.from_array(given), Mask.from_array(truth)) == Click(19, 24, foreground=True)


@given(pixels)
def test_clicks_never_come_back_to_a_pixel_and_end_when_every_error_was_clicked(array):
    truth, empty = Mask.from_array(array), Mask.from_array(array & False)
    taken = []
    while (click := next_click(empty, truth, taken)) is not None:
        assert click not in taken
        assert array[int(click.y), int(click.x)]
        taken.append(click)
    assert len(taken) == array.sum()


def test_where_nothing_is_wrong_there_is_no_click():
    assert next_click(disc(), disc()) is None


def test_clicks_need_masks_of_one_size():
    with pytest.raises(InputError, match="one size"):
        next_click(disc(), Mask.from_array(np.ones((3, 3), bool)))


def test_of_errors_of_one_depth_the_missed_pixels_are_clicked():
    truth, given = np.zeros((20, 40), bool), np.zeros((20, 40), bool)
    truth[5:10, 5:10] = True  # Missed, 3 deep.
    given[5:10, 25:30] = True  # Wrong, 3 deep.
    assert next_click(Mask.from_array(given), Mask.from_array(truth)) == Click(7, 7, foreground=True)
    given[4:11, 24:31] = True  # 4 deep.
    assert next_click(Mask.from_array(given), Mask.from_array(truth)) == Click(27, 7, foreground=False)


def test_of_pixels_of_one_depth_the_upper_left_one_is_clicked():
    truth = np.zeros((20, 40), bool)
    truth[5:8, 5:8] = truth[5:8, 15:18] = truth[12:15, 2:5] = True
    assert next_click(Mask.from_array(np.zeros_like(truth)), Mask.from_array(truth)) == Click(6, 6, foreground=True)
