"""Replacement of written folders: what the user changed is kept, and a kill leaves the old folder or the new."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from promptseg.datasets.output_folder import check_folder, folder_changes, new_folder
from promptseg.errors import OutputError


def put(folder, files):
    for name, text in files.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def write(path, files, **options):
    """Write a folder and return the files that were kept."""
    kept = []
    with new_folder(path, kept, **options) as folder:
        put(folder, files)
    return kept


def content(path):
    return {each.relative_to(path).as_posix(): each.read_text() for each in path.rglob("*") if each.is_file() and each.name != ".promptseg"}


@pytest.fixture
def voc(tmp_path):
    write(tmp_path / "voc", {"a.txt": "a", "sub/b.txt": "b", "old.txt": "old"})
    return tmp_path / "voc"


def test_a_written_folder_is_replaced_as_a_whole(voc):
    assert folder_changes(voc) == ()
    assert write(voc, {"a.txt": "a2"}) == []
    assert content(voc) == {"a.txt": "a2"}
    assert sorted(each.name for each in voc.parent.iterdir()) == ["voc"]


def test_files_that_were_changed_or_added_are_kept_byte_for_byte_and_reported_each_time(voc):
    put(voc, {"sub/b.txt": "by hand", "sub/deep/new.txt": "mine"})
    for _ in range(2):
        assert folder_changes(voc) == ("sub/b.txt", "sub/deep/new.txt")
        assert write(voc, {"a.txt": "a2", "sub/b.txt": "b2"}) == ["sub/b.txt", "sub/deep/new.txt"]
        assert content(voc) == {"a.txt": "a2", "sub/b.txt": "by hand", "sub/deep/new.txt": "mine"}


def test_a_file_changed_into_what_is_written_is_not_the_users(voc):
    put(voc, {"a.txt": "a2"})
    assert write(voc, {"a.txt": "a2"}) == []
    assert folder_changes(voc) == ()


def test_a_change_that_was_taken_back_is_no_change(voc):
    put(voc, {"a.txt": "by hand"})
    write(voc, {"a.txt": "a2"})
    put(voc, {"a.txt": "a2"})
    assert folder_changes(voc) == ()


def test_changes_that_were_taken_in_stay_and_are_reported_only_when_they_change_again(voc):
    put(voc, {"a.txt": "by hand"})
    assert write(voc, {"a.txt": "a2"}, taken_in=True) == []
    assert folder_changes(voc) == ()
    assert write(voc, {"a.txt": "a3"}) == []
    assert content(voc) == {"a.txt": "by hand"}
    put(voc, {"a.txt": "by hand again"})
    assert folder_changes(voc) == ("a.txt",)
    assert write(voc, {"a.txt": "a4"}) == ["a.txt"]
    assert content(voc) == {"a.txt": "by hand again"}


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"files": 3}', '{"files": {"a.txt": 3}}', "[" * 100_000, '{"files": {"a.txt": "00"}}'])
def test_with_a_damaged_manifest_every_file_counts_as_the_users(voc, damage):
    (voc / ".promptseg").write_text(damage)
    assert set(folder_changes(voc)) == {"a.txt", "sub/b.txt", "old.txt"}
    assert set(write(voc, {"a.txt": "a", "sub/b.txt": "b2"})) == {"sub/b.txt", "old.txt"}
    assert content(voc) == {"a.txt": "a", "sub/b.txt": "b", "old.txt": "old"}
    assert set(folder_changes(voc)) == {"sub/b.txt", "old.txt"}


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    put(tmp_path, {"voc/mine.txt": "mine", "file": "mine"})
    (tmp_path / "link").symlink_to(tmp_path / "voc")
    for name in ("voc", "file", "link"):
        with pytest.raises(OutputError, match="move it away"):
            check_folder(tmp_path / name)
        with pytest.raises(OutputError, match="move it away"):
            write(tmp_path / name, {"a.txt": "a"})
    assert content(tmp_path / "voc") == {"mine.txt": "mine"}


def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "voc").mkdir()
    assert write(tmp_path / "voc", {"a.txt": "a"}) == []
    assert content(tmp_path / "voc") == {"a.txt": "a"}


def test_links_are_not_followed(tmp_path):
    put(tmp_path, {"outside/a.txt": "outside"})

    def linked(kept):
        with new_folder(tmp_path / "voc", kept) as folder:
            (folder / "ours").symlink_to(tmp_path / "outside" / "a.txt")

    kept = []
    linked(kept)
    put(tmp_path, {"outside/a.txt": "changed outside"})
    (tmp_path / "voc" / "theirs").symlink_to(tmp_path / "outside")
    (tmp_path / "voc" / "broken").symlink_to(tmp_path / "nowhere")
    linked(kept)
    assert kept == ["broken", "theirs"]
    assert (tmp_path / "voc" / "theirs").is_symlink()
    assert (tmp_path / "voc" / "broken").readlink() == tmp_path / "nowhere"
    assert content(tmp_path / "outside") == {"a.txt": "changed outside"}


def test_a_link_of_ours_that_the_user_replaced_by_a_file_is_kept_and_not_written_through(tmp_path):
    put(tmp_path, {"image.txt": "image"})
    for _ in range(2):
        kept = []
        with new_folder(tmp_path / "yolo", kept) as folder:
            (folder / "a").symlink_to(tmp_path / "image.txt")
        (tmp_path / "yolo" / "a").unlink()
        put(tmp_path, {"yolo/a": "edited"})
    assert kept == ["a"]
    assert content(tmp_path) == {"image.txt": "image", "yolo/a": "edited"}


def test_a_users_file_in_the_place_of_a_folder_is_refused_before_anything_is_replaced(voc):
    put(voc, {"new": "mine"})
    before = content(voc)
    with pytest.raises(OutputError, match=r"cannot keep .*new, which was changed by hand"):
        write(voc, {"new/a.txt": "a"})
    assert content(voc) == before


def test_the_manifest_has_the_hashes_and_the_same_bytes_each_time(voc):
    first = (voc / ".promptseg").read_bytes()
    assert set(json.loads(first)["files"]) == {"a.txt", "sub/b.txt", "old.txt"}
    assert json.loads(first)["files"]["a.txt"] == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    write(voc, {"sub/b.txt": "b", "a.txt": "a", "old.txt": "old"})
    assert (voc / ".promptseg").read_bytes() == first


KILLED = """
import os, pathlib, sys, tempfile
from promptseg.datasets.output_folder import new_folder
rename, calls = pathlib.Path.rename, []
def dies(self, target):
    calls.append(target)
    if len(calls) == int(sys.argv[2]):
        os._exit(9)
    return rename(self, target)
pathlib.Path.rename = dies
with new_folder(pathlib.Path(sys.argv[1]), []) as folder:
    (folder / "a.txt").write_text("new")
print("done")
"""


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_after_a_kill_at_any_rename_the_old_or_the_new_folder_is_complete(voc, call):
    put(voc, {"mine.txt": "mine"})
    old, new = content(voc), {"a.txt": "new", "mine.txt": "mine"}
    killed = subprocess.run([sys.executable, "-c", KILLED, str(voc), str(call)], capture_output=True, check=False)
    assert (killed.returncode, killed.stdout) == (9, b"")
    assert folder_changes(voc) == ("mine.txt",)
    assert content(voc) == (old if call < 3 else new)
    assert write(voc, {"a.txt": "newer"}) == ["mine.txt"]
    assert content(voc) == {"a.txt": "newer", "mine.txt": "mine"}
    left = [each.name for each in voc.parent.iterdir() if not each.name.endswith(".tmp")]
    assert left == ["voc"]
