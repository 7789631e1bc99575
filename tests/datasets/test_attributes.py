"""Attributes become texts; what cannot is named."""

from __future__ import annotations

import math

import pytest

from promptseg.datasets.attributes import texts_of


def test_numbers_and_truth_values_become_texts():
    given = {"breed": "tabby", "age": 3, "share": 0.5, "occluded": False, "seen": True, "none": None, "": ""}
    assert texts_of(given) == ({"breed": "tabby", "age": "3", "share": "0.5", "occluded": "false", "seen": "true", "": ""}, [])


def test_what_is_no_text_is_named():
    assert texts_of({"a": ["x"], "b": {"name": "x"}, "c": math.nan, "d": "kept"}) == ({"d": "kept"}, ["a", "b", "c"])


@pytest.mark.parametrize(("given", "lost"), [(None, []), ([], []), ("", []), (["x"], [""]), ("text", [""]), (7, [""])])
def test_what_has_no_names_counts_as_one_where_it_is_not_empty(given, lost):
    assert texts_of(given) == ({}, lost)
