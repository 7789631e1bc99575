"""Classes of a model and their columns, of which some may have no name."""

import pytest

from promptseg.errors import ConfigError, WeightsMismatchError
from promptseg.models.detr.class_columns import ClassColumns


def test_columns_without_a_name_are_no_classes():
    found = ClassColumns.of({3: " cat ", 0: "N/A", 1: "dog", 2: ""}, 5, "the file")
    assert (found.names, found.columns) == (("dog", "cat"), (1, 3))


def test_91_columns_are_counted_by_the_numbers_of_coco():
    with pytest.warns(UserWarning, match=r"a\.onnx does not name its 91 classes: they are taken for those of COCO; option names"):
        found = ClassColumns.of_coco(91, "a.onnx")
    assert dict(zip(found.columns, found.names, strict=True)).items() >= {1: "person", 90: "toothbrush", 44: "bottle"}.items()
    assert len(found.names) == 80


@pytest.mark.parametrize("count", [80, None])
def test_80_columns_and_an_unknown_number_of_them_are_counted_without_gaps(count):
    with pytest.warns(UserWarning, match="taken for those of COCO"):
        found = ClassColumns.of_coco(count, "a.onnx")
    assert (found.columns, found.names[79]) == (tuple(range(80)), "toothbrush")


def test_another_number_of_classes_needs_names():
    with pytest.raises(WeightsMismatchError, match=r"a\.onnx does not name its 7 classes: give them as option names"):
        ClassColumns.of_coco(7, "a.onnx")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({0: "a", 9: "b"}, "the file has a class 9 .'b'., and the model has the classes 0 to 3"),
        ({0: 5}, "the file has 5 for class 0, expected its name"),
        ({0: "n/a"}, "the file names no class"),
    ],
)
def test_names_that_do_not_fit_are_refused(names, message):
    with pytest.raises(ConfigError, match=message):
        ClassColumns.of(names, 4, "the file", ConfigError)
