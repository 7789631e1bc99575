import os
import sys

import pytest

from promptseg.datasets.image_lookup import ImageLookup


@pytest.fixture
def lookup(save, tmp_path):
    for name in ("im/a.png", "im/train/b.png", "im/train/Ünïcode.PNG", "im/x/same.png", "im/y/Same.png"):
        save(name)
    return ImageLookup(tmp_path / "im")


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("a.png", "a.png"),
        ("train/b.png", "train/b.png"),
        ("train\\b.png", "train/b.png"),
        ("./train/b.png", "train/b.png"),
        ("im/train/b.png", "train/b.png"),
        ("C:\\data\\train\\b.png", "train/b.png"),
        ("/home/someone/im/a.png", "a.png"),
        ("//server/share/a.png", "a.png"),
        ("../a.png", "a.png"),
        ("A.PNG", "a.png"),
        ("train/u\u0308ni\u0308code.png", "train/Ünïcode.PNG"),
        ("b.png", "train/b.png"),
        ("a", "a.png"),
        ("train/b", "train/b.png"),
    ],
)
def test_a_stated_name_means_the_one_file_that_fits(lookup, stated, name):
    assert lookup.find(stated) == name


@pytest.mark.parametrize("stated", ["", "/", "..", "c.png", "a.jpg", "a\x00.png", "a" * 5000 + ".png", "train", "train/"])
def test_a_name_that_no_image_fits_means_none(lookup, stated):
    assert lookup.find(stated) is None
    assert lookup.missing(stated, "c.json").kind == "unpaired"


def test_a_name_that_fits_two_images_means_neither(lookup):
    assert lookup.find("SAME.png") is None
    finding = lookup.missing("SAME.png", "c.json")
    assert finding.kind == "ambiguous"
    assert "x/same.png or y/Same.png" in finding.message


def test_two_stated_names_never_mean_one_file(lookup):
    assert lookup.find("old/a.png") == "a.png"
    assert lookup.find("new/a.png") is None
    assert lookup.missing("new/a.png", "c.json").kind == "ambiguous"
    assert lookup.find("old/a.png") == "a.png"


def test_names_that_are_not_exact_paths_are_counted_with_an_example(lookup):
    for stated in ("a.png", "im/train/b.png", "C:\\x\\y\\Same.png"):
        lookup.find(stated)
    (finding,) = lookup.findings()
    assert finding.kind == "converted"
    assert finding.message == "2 images are found by the end of the path, such as train/b.png for im/train/b.png"


@pytest.mark.skipif(sys.platform != "linux", reason="this system refuses names that are not UTF-8")
def test_a_name_that_is_not_utf_8_is_found_by_its_text(save, tmp_path):
    os.rename(save("im/x.png"), os.fsencode(tmp_path / "im") + b"/caf\xe9.png")  # noqa: PTH104 - Path cannot hold these bytes.
    assert ImageLookup(tmp_path / "im").find("caf\ufffd.png") == "caf\udce9.png"
