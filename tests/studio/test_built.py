"""The built files of the page are those of its sources, are small, and load nothing from elsewhere."""

import hashlib
import json
import re
from pathlib import Path

import pytest

STUDIO = Path(__file__).resolve().parents[2] / "src" / "promptseg" / "studio"
WEB, STATIC = STUDIO / "web", STUDIO / "static"
ALSO_SOURCES = ("build.mjs", "package-lock.json", "package.json", "tsconfig.json", "widget-texts.mjs")
FILES = ["index.html", "studio.css", "studio.js", "widget.css", "widget.js"]
MOST_SCRIPT = 300_000
NAMESPACE = re.compile(rb"https?://www\.w3\.org/[\w/.-]*")


@pytest.fixture(scope="module")
def record():
    return json.loads((STATIC / "build.json").read_text("utf-8"))


def test_the_built_files_are_of_these_sources(record):
    paths = [path for path in (WEB / "src").rglob("*") if path.is_file()] + [WEB / name for name in ALSO_SOURCES]
    names = sorted(path.relative_to(WEB).as_posix() for path in paths)
    lines = [f"{name} {hashlib.sha256((WEB / name).read_bytes()).hexdigest()}\n" for name in names]
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert record["sources"] == digest, 'the page was not built from these sources: run "make studio-page", and commit studio/static'


def test_the_record_lists_the_files_and_their_sizes(record):
    assert sorted(path.name for path in STATIC.iterdir()) == sorted([*FILES, "build.json"])
    assert record["sizes"] == {name: (STATIC / name).stat().st_size for name in FILES}


@pytest.mark.parametrize("name", ["studio.js", "widget.js"])
def test_a_script_is_small(record, name):
    assert 0 < record["sizes"][name] <= MOST_SCRIPT


@pytest.mark.parametrize("name", FILES)
def test_a_built_file_names_no_other_place(name):
    content = NAMESPACE.sub(b"", (STATIC / name).read_bytes())
    assert not re.findall(rb"https?://[^\s\"'`)]*", content)
    assert b"sourceMappingURL" not in content


def test_the_lock_file_names_no_registry():
    lock = json.loads((WEB / "package-lock.json").read_text("utf-8"))
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
