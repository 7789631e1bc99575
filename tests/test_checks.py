"""Checks of single values: what counts as a number, and the messages."""

from __future__ import annotations

import numpy as np
import pytest

from promptseg._checks import between, is_number, is_whole_number, number_array, whole_number
from promptseg.errors import ConfigError, PromptError


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_integers_of_python_and_numpy_are_whole_numbers_and_become_int(value):
    assert is_whole_number(value)
    assert whole_number("n", value, 3) == 3
    assert type(whole_number("n", value, 0)) is int


@pytest.mark.parametrize("value", [True, np.True_, 3.0, np.float32(3), "3", None, 2, np.int64(2), float("nan")])
def test_anything_else_or_less_is_refused_with_the_value_and_what_was_expected(value):
    with pytest.raises(ConfigError) as caught:
        whole_number("option n", value, 3)
    assert str(caught.value) == f"option n is a whole number of at least 3, got {value!r}"


def test_the_message_can_name_a_unit_and_the_error_can_be_another():
    with pytest.raises(PromptError, match=r"^lost_pause is a whole number of frames of at least 1, got 0$"):
        whole_number("lost_pause", 0, 1, PromptError, unit="frames")


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.5), np.int64(1)])
def test_numbers_within_the_range_become_float(value):
    assert between("share", value) == float(value)
    assert type(between("share", value)) is float


@pytest.mark.parametrize("value", [True, -0.1, 1.1, float("nan"), np.float32("nan"), "0.5", None])
def test_what_is_no_number_or_out_of_the_range_is_refused(value):
    with pytest.raises(ConfigError) as caught:
        between("share", value)
    assert str(caught.value) == f"share is a number from 0 to 1, got {value!r}"


def test_the_upper_end_can_be_outside():
    assert between("validation", 0.99, below=True) == 0.99
    with pytest.raises(ConfigError, match=r"^validation is a number from 0 to below 1, got 1$"):
        between("validation", 1, below=True)


def test_bool_is_no_number():
    assert not is_number(True)
    assert not is_number(np.True_)


def test_a_number_has_an_upper_limit_where_one_is_given():
    assert whole_number("n", 5, 1, most=5) == 5
    with pytest.raises(ConfigError, match=r"^n is a whole number from 1 to 5, got 6$"):
        whole_number("n", 6, 1, most=5)
    with pytest.raises(ConfigError, match=r"^n is a whole number from 1 to 5, got an integer of about 5001 digits$"):
        whole_number("n", 10**5000, 1, most=5)


@pytest.mark.parametrize("values", [[1, 2.5], ((1, 2), (3, 4)), np.float16([1]), 5, [], [np.int64(1), np.float32(2)]], ids=repr)
def test_numbers_of_any_shape_become_an_array(values):
    assert np.array_equal(number_array(values, "values", PromptError), np.array(values))


@pytest.mark.parametrize(
    "values",
    [[True, 1], [1.5, True], np.ones(3, bool), ["1"], "12", [None, 1], [1j], [[1, 2], [3]], [10**400], np.array(["1"]), [object()], {1}],
)
def test_what_is_no_array_of_numbers_is_refused(values):
    with pytest.raises(PromptError, match=r"^values must be numbers, got "):
        number_array(values, "values", PromptError)
