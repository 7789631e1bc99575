import glob
from pathlib import Path

import pytest

from promptseg.image_patterns import Pattern


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("*.jpg", ["a.jpg"], ["a.png", "b/a.jpg", "a.JPG"]),
        ("*/*.jpg", ["b/a.jpg"], ["a.jpg", "b/c/a.jpg"]),
        ("**/*.jpg", ["a.jpg", "b/a.jpg", "b/c/a.jpg"], ["b/a.png"]),
        ("b/**/[0-9].jpg", ["b/1.jpg", "b/c/d/2.jpg"], ["1.jpg", "b/x.jpg", "c/b/1.jpg"]),
        ("**/b/**/a?.jpg", ["b/a1.jpg", "x/b/y/z/a1.jpg"], ["x/a1.jpg", "b/a.jpg"]),
        ("**", ["a.jpg", "b/c/a.txt"], []),
        ("b/**", ["b/a.jpg", "b/c/a.txt"], ["a.jpg", "c/a.jpg"]),
    ],
)
def test_a_pattern_matches_whole_names(pattern, matching, other):
    tried = Pattern(pattern.split("/"))
    assert [name for name in (*matching, *other) if tried.matches(name)] == matching


@pytest.mark.parametrize("pattern", ["*", "*/*", "**/*.jpg", "a/**/*.txt", "**/b/*", "[ab]/?.jpg", "**/**/*.jpg"])
def test_a_pattern_matches_what_the_standard_library_finds(pattern, tmp_path):
    names = ["x.jpg", "y.txt", "a/x.jpg", "a/b/y.txt", "a/b/c/x.jpg", "b/xy.jpg", "b/b/x.jpg"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = {Path(path).as_posix() for path in glob.glob(pattern, root_dir=tmp_path, recursive=True) if (tmp_path / path).is_file()}  # noqa: PTH207
    tried = Pattern(pattern.split("/"))
    assert {name for name in names if tried.matches(name)} == found


def test_a_folder_in_which_nothing_can_match_need_not_be_entered():
    tried = Pattern(["a", "*", "*.jpg"])
    assert [name for name in ("a", "b", "a/c", "a/c/d") if tried.may_hold(name)] == ["a", "a/c"]
    assert Pattern(["**", "*.jpg"]).may_hold("any/folder/of/any/depth")


def test_many_stars_take_no_long_time():
    tried = Pattern(["**", "a*"] * 30)
    assert not tried.matches("/".join(["a" * 40] * 29 + ["b"]))
