import pytest

from promptseg.datasets.class_numbers import Classes
from promptseg.datasets.core import Category


def numbered(*given, new=()):
    classes = Classes(given)
    ids = [classes.id(name) for name in new]
    return classes.names, [classes.id(name) for name in classes.names], ids


def test_names_are_numbered_from_zero_and_have_ids_from_one():
    assert numbered("bird", "cat", new=["dog", None, "cat"]) == (["bird", "cat", "dog", "object"], [1, 2, 3, 4], [3, 4, 2])
    assert [Classes(["bird", "cat"]).number(name) for name in ("cat", "bird", "dog")] == [1, 0, 2]


def test_the_owners_numbers_are_the_ids_and_new_classes_follow_the_highest():
    given = Category("person", 1), Category("bottle", 44), Category("brush", 90)
    assert numbered(*given, new=["dog"]) == (["person", "bottle", "brush", "dog"], [1, 44, 90, 91], [91])


@pytest.mark.parametrize(
    ("categories", "ids"),
    [
        ([("a", 0), ("b", None)], [0, 1]),
        ([("a", 7), ("b", 7), ("c", -3)], [7, 8, 9]),
        ([("a", 7), ("a", 8), ("b", 2)], [7, 2]),
        ([("a", None), ("b", 5)], [6, 5]),
    ],
)
def test_a_number_that_is_absent_or_taken_becomes_the_next(categories, ids):
    assert numbered(*(Category(*each) for each in categories))[1] == ids


def test_categories_numbered_without_gaps_from_zero_are_put_in_that_order():
    assert numbered(Category("b", 1), Category("a", 0))[0] == ["a", "b"]
    assert numbered(Category("b", 2), Category("a", 1))[0] == ["b", "a"]


def test_a_class_is_the_same_as_its_text():
    classes = Classes(["a\udce9"])
    assert classes.names == ["a\ufffd"]
