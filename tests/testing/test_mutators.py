import io
import json
import zipfile
from random import Random
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from promptseg.testing.fuzzing import mutate_bytes, mutate_json, mutate_png, mutate_text, mutate_xml, mutate_zip

VALUE = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [{"id": 5, "segmentation": [[1, 2, 3, 4, 5, 6]]}]}
XML = '<a x="1"><b y="2">text</b><b y="3"/></a>'


def png():
    file = io.BytesIO()
    Image.new("RGB", (20, 10), (1, 2, 3)).save(file, "PNG")
    return file.getvalue()


def archive():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        opened.writestr("a/values.json", "[1]")
        opened.writestr("a/data", bytes(100))
    return file.getvalue()


CASES = [
    (lambda random: mutate_json(VALUE, random), json.dumps(VALUE)),
    (lambda random: mutate_xml(XML, random), XML),
    (lambda random: mutate_text("0 0.1 0.2\n1 0.3 0.4\n", random), "0 0.1 0.2\n1 0.3 0.4\n"),
    (lambda random: mutate_bytes(bytes(range(200)), random), bytes(range(200))),
    (lambda random: mutate_png(png(), random), png()),
    (lambda random: mutate_zip(archive(), random), archive()),
]


@pytest.mark.parametrize(("mutate", "good"), CASES, ids=["json", "xml", "text", "bytes", "png", "zip"])
def test_equal_generators_give_equal_changes_and_most_inputs_differ(mutate, good):
    changed = [mutate(Random(seed)) for seed in range(100)]
    assert changed == [mutate(Random(seed)) for seed in range(100)]
    assert sum(each != good for each in changed) > 80
    assert len(set(changed)) > 60


def test_the_good_value_is_not_changed():
    before = json.dumps(VALUE)
    for seed in range(200):
        mutate_json(VALUE, Random(seed))
    assert json.dumps(VALUE) == before


def test_most_changed_json_and_xml_still_have_their_form():
    def parses(parse, text):
        try:
            parse(text)
        except (ValueError, RecursionError, ET.ParseError):
            return False
        return True

    assert sum(parses(json.loads, mutate_json(VALUE, Random(seed))) for seed in range(200)) > 140
    assert sum(parses(ET.fromstring, mutate_xml(XML, Random(seed))) for seed in range(200)) > 140


def test_checksums_of_a_changed_png_are_right_so_that_its_content_is_read():
    opened = 0
    for seed in range(200):
        try:
            with Image.open(io.BytesIO(mutate_png(png(), Random(seed)))) as image:
                image.load()
            opened += 1
        except Exception:
            pass
    assert opened > 30


def test_a_member_of_an_archive_is_changed_by_its_own_mutator():
    members = {".json": lambda _body, _random: b"CHANGED"}
    assert any(b"CHANGED" in mutate_zip(archive(), Random(seed), members) for seed in range(50))


def test_the_comment_of_an_archive_is_kept():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.comment = b"a digest"
        made.writestr("a", b"content")
    assert sum(b"a digest" in mutate_zip(file.getvalue(), Random(seed)) for seed in range(50)) > 35
