"""Names as text and as paths that stay within a folder on every platform."""

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from promptseg.datasets.safe_names import MAX_COMPONENT, OutputNames, safe_name, text_label, text_name, written_names

RESERVED = ["con", "AUX.jpg", "nul.tar.gz", "Com1", "lpt9.png", "COM¹", "con .x", "CONIN$", "prn:x"]
letters = st.characters() | st.sampled_from([*"/\\.: ~%", "\n", "\0", "\x7f", "\udce9", "\u2028"])


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.jpg", "a.jpg"),
        ("sub dir/größe 猫.jpg", "sub dir/größe 猫.jpg"),
        ("10:30:00.jpg", "10:30:00.jpg"),
        ("//etc/p.jpg", "etc/p.jpg"),
        ("/a.jpg", "a.jpg"),
        ("../../a.jpg", "a.jpg"),
        ("a/../../b.jpg", "a/b.jpg"),
        ("..\\..\\a.jpg", "a.jpg"),
        ("C:\\data\\a.jpg", "C_/data/a.jpg"),
        ("C:a.jpg", "C_a.jpg"),
        ("x/d:/a.jpg", "x/d_/a.jpg"),
        ("\\\\server\\share\\a.jpg", "server/share/a.jpg"),
        ("\\\\?\\C:\\a.jpg", "?/C_/a.jpg"),
        ("aux/con.jpg", "_aux/_con.jpg"),
        ("a. ./b.jpg. ", "a/b.jpg"),
        ("./a//b.jpg", "a/b.jpg"),
        (".promptseg", "_.promptseg"),
        ("caf\udce9.jpg", "caf%E9.jpg"),
        ("a\nb\0.jpg", "a%0Ab%00.jpg"),
        ("", "_"),
        ("..", "_"),
        ("/", "_"),
    ],
)
def test_a_name_becomes_a_path_that_stays_in_its_folder(name, safe):
    assert safe_name(name) == safe


@pytest.mark.parametrize("name", RESERVED)
def test_names_of_devices_get_an_underscore(name):
    assert safe_name(name) == f"_{name}"


def test_a_long_name_is_cut_with_a_hash_and_keeps_its_suffix():
    first, second = (safe_name("ä" * 200 + ending) for ending in ("1.jpg", "2.jpg"))
    assert len(first.encode()) == MAX_COMPONENT
    assert first.endswith(".jpg")
    assert first != second


def test_a_path_of_very_many_folders_loses_them():
    assert [len(safe_name("d/" * 900 + f"{name}.jpg").split("/")) for name in "ab"] == [2, 2]


@given(st.text(letters, max_size=30))
@example("x" * 254 + ".\0")
@example("ß" * 127 + " .")
def test_a_safe_name_is_safe_on_every_platform_and_stays_as_it_is(name):
    safe = safe_name(name)
    assert safe_name(safe) == safe
    for path in (PurePosixPath(safe), PureWindowsPath(safe)):
        assert not path.is_absolute()
        assert not path.drive
        assert not path.root
        assert ".." not in path.parts
    for step in safe.split("/"):
        assert 0 < len(step.encode()) <= MAX_COMPONENT
        assert step[-1] not in ". "
        assert step[0] != "."
        assert text_name(step) == step


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a b%20ü.jpg", "a b%20ü.jpg"),
        ("caf\udce9.jpg", "caf%E9.jpg"),
        ("a\tb\x85\u2028.jpg", "a%09b%C2%85%E2%80%A8.jpg"),
        ("\ud800.jpg", "\ufffd.jpg"),
    ],
)
def test_the_text_of_a_name_has_the_bytes_that_are_no_text_in_hexadecimal(name, text):
    assert text_name(name) == text
    assert text_name(text) == text


def test_the_text_of_a_label_keeps_line_ends_and_replaces_what_xml_cannot_hold():
    assert text_label("größe 猫\n\t\r <&>") == "größe 猫\n\t\r <&>"
    assert text_label("a\x00b\udce9c\x1b\ufffe") == "a\ufffdb\ufffdc\ufffd\ufffd"


def paths(names, *endings, **options):
    taken = OutputNames(["objects.csv"])
    return [taken.take(name, endings, **options) for name in names]


def test_files_have_the_name_of_their_image_without_its_suffix():
    assert paths(["a.jpg", "b/a.tar.jpg"], ".txt") == ["a", "b/a.tar"]


@pytest.mark.parametrize(
    "names",
    [
        ["a.jpg", "a.png", "a.jpg", "a.jpg"],
        ["a.jpg", "A.jpg", "a.JPG"],
        ["\u00e4.jpg", "a\u0308.jpg"],
        ["../a.jpg", "a.jpg", "/a.jpg", "x\\..\\a.jpg"],
        ["caf\udce9.jpg", "caf%E9.jpg"],
        ["a.txt/b.jpg", "a.jpg", "A.TXT/B.jpg"],
        ["y" * 251 + ".jpg", "y" * 251 + ".png", "y" * 250 + "z.jpg"],
    ],
)
def test_images_whose_names_would_be_one_stay_apart_where_case_is_not_told_apart(names):
    found = [f"{path}.txt".casefold() for path in paths(names, ".txt")]
    assert len(set(found)) == len(names)
    assert not [one for one in found for other in found if other.startswith(f"{one}/")]
    assert all(len(step.encode()) <= MAX_COMPONENT for path in found for step in path.split("/"))


def test_an_image_in_a_folder_that_has_the_name_of_another_image_gets_a_place_beside_it():
    names = ["a.jpg", "a.jpg/1.png", "objects.csv", "q/r", "q"]
    assert paths(names, "", whole=True) == ["a.jpg", "a.jpg_1.png", "objects.csv-2", "q/r", "q-2"]


def test_the_longest_ending_fits_too():
    (path,) = paths(["y" * 249 + ".jpg"], ".txt", ".geojson")
    assert len(f"{path}.geojson") == MAX_COMPONENT


def test_ten_thousand_images_of_one_name_get_ten_thousand_paths():
    assert len(set(paths(["a.jpg"] * 10_000, ".txt"))) == 10_000


def test_a_reader_finds_each_of_the_names_that_an_image_may_have():
    assert written_names("a.jpg", ".txt") == ["a.jpg.txt", "a.txt", "a.txt"]
    assert written_names("aux.jpg", ".txt") == ["_aux.jpg.txt", "aux.txt", "_aux.txt"]
