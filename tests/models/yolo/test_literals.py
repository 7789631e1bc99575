import pytest

from promptseg.models.yolo.literals import MAX_LENGTH, read_literal


@pytest.mark.parametrize(
    "value",
    [
        {0: "dog", 1: "cat's", 2: 'a "b" \\ c', 3: "é\n"},
        [640, 640],
        (1, -2.5, 1e-05, 1e20, -1e-7),
        {"nms": True, "half": False, "fraction": None, "nested": {"a": [(), [], {}]}},
        32,
        "1+1",
        {1, 2},
    ],
    ids=repr,
)
def test_what_repr_writes_is_read(value):
    assert read_literal(repr(value)) == value
    assert read_literal(f"  {value!r}\n") == value


@pytest.mark.parametrize(
    "text",
    [
        "1" + "+1" * 500_000,
        "-" * 500_000 + "1",
        "a" + "()" * 500_000,
        "(" * 100_000,
        "1" + "[0]" * 300_000,
        "1-1",
        "1 -1",
        "open('x')",
        "",
        "[",
        "é",
    ],
    ids=lambda text: text[:9] or "nothing",
)
def test_what_is_no_literal_is_refused(text):
    with pytest.raises(ValueError, match=r".*"):
        read_literal(text)


def test_a_literal_that_is_too_long_is_refused():
    with pytest.raises(ValueError, match=f"more than {MAX_LENGTH} characters"):
        read_literal(repr("x" * MAX_LENGTH))
