"""Class lists in the files of other tools."""

import json

import pytest

from promptseg.datasets.class_list import MAX_BYTES, classes_of, read_classes
from promptseg.datasets.core import Category
from promptseg.errors import InputError


def read(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_classes(path)


def test_a_text_file_has_one_name_a_line(tmp_path):
    expected = tuple(map(Category, ("person", "traffic light", "größe 猫")))
    assert read(tmp_path, "classes.txt", "person\ntraffic light\ngröße 猫") == expected
    assert read(tmp_path, "obj.names", "\ufeffperson\r\n\r\n  traffic light \r\ngröße 猫\r\n\n") == expected


@pytest.mark.parametrize(
    "text", ["names: [person, no, 7]", "names:\n  0: person\n  1: no\n  2: 7\n", '{"names": ["person", "no", "7"], "nc": 3}']
)
def test_data_yaml_has_numbers_and_its_names_are_text(tmp_path, text):
    assert read(tmp_path, "data.yaml", text) == (Category("person", 0), Category("no", 1), Category("7", 2))


def test_numbers_with_gaps_are_kept(tmp_path):
    assert read(tmp_path, "data.yml", "names: {5: five, 2: two}") == (Category("five", 5), Category("two", 2))


def test_a_coco_file_has_its_categories_with_their_ids(tmp_path):
    categories = [{"id": 44, "name": "bottle"}, {"id": 1, "name": "person"}, {"id": "x", "name": "odd"}, {"id": 3}, 5]
    expected = (Category("bottle", 44), Category("person", 1), Category("odd"))
    assert read(tmp_path, "coco.json", json.dumps({"images": [], "categories": categories})) == expected


def test_a_json_file_may_be_a_list_of_names(tmp_path):
    assert read(tmp_path, "names.json", '["person", "traffic light"]') == (Category("person"), Category("traffic light"))
    with pytest.raises(InputError, match="lists the class 'cat' twice"):
        read(tmp_path, "names.json", '["cat", "cat"]')


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("classes.txt", "\n \n", "has no class list: expected one name a line"),
        ("classes.txt", "cat\ndog\ncat\n", "lists the class 'cat' twice"),
        ("classes.txt", b"caf\xe9\n", "expected UTF-8 text"),
        ("classes.txt", b"x" * (MAX_BYTES + 1), "is larger than 16777216 bytes"),
        ("data.yaml", "train: images\n", "has no class names"),
        ("data.yaml", "names: 3\n", "has no class list"),
        ("data.yaml", "names: {a: b}\n", "has no class names"),
        ("data.yaml", "names: [", "has no class names"),
        ("data.yaml", "names: " + "[" * 20_000, "has no class names"),
        ("data.yaml", BOMB + "names: *i\n", "has no class list"),
        ("coco.json", "[]", 'expected a list of names, or a COCO file with "categories"'),
        ("coco.json", "[1, 2]", 'expected a list of names, or a COCO file with "categories"'),
        ("coco.json", '{"categories": {}}', 'or a COCO file with "categories"'),
        ("coco.json", "{", "is not valid JSON"),
    ],
)
def test_a_file_without_a_class_list_is_refused(tmp_path, name, content, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, name, content)


def test_a_word_is_a_file_or_names(tmp_path):
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    assert classes_of(str(tmp_path / "classes.txt")) == classes_of("cat, dog,") == (Category("cat"), Category("dog"))
    with pytest.raises(InputError, match="cannot read"):
        classes_of(str(tmp_path / "absent.txt"))
