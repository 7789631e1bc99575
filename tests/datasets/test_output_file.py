"""Replacement of single files: what the user changed is kept, and what promptseg did not write is refused."""

import json

import pytest

from promptseg.datasets.output_file import check_file, file_state, new_file
from promptseg.errors import OutputError


def write(path, text, **options):
    kept = []
    with new_file(path, kept, text=True, **options) as file:
        file.write(text)
    return kept


@pytest.fixture
def cvat(tmp_path):
    assert write(tmp_path / "cvat.xml", "first") == []
    return tmp_path / "cvat.xml"


def names(path):
    return sorted(each.name for each in path.parent.iterdir())


def test_a_written_file_is_replaced(cvat):
    assert file_state(cvat) == "ours"
    assert write(cvat, "second") == []
    assert cvat.read_text() == "second"
    assert names(cvat) == [".promptseg.json", "cvat.xml"]


def test_a_changed_file_is_kept_and_reported_each_time(cvat):
    cvat.write_text("by hand")
    for text in ("second", "third"):
        assert file_state(cvat) == "changed"
        assert write(cvat, text) == ["cvat.xml"]
        assert cvat.read_text() == "by hand"
    assert names(cvat) == [".promptseg.json", "cvat.xml"]


def test_a_file_changed_into_what_is_written_is_not_the_users(cvat):
    cvat.write_text("second")
    assert write(cvat, "second") == []
    assert file_state(cvat) == "ours"


def test_a_change_that_was_taken_in_is_saved_beside_with_a_number(cvat):
    for text in ("by hand", "again by hand"):
        cvat.write_text(text)
        assert write(cvat, "new", taken_in=True) == []
        assert cvat.read_text() == "new"
    assert (cvat.parent / "cvat.by-hand-1.xml").read_text() == "by hand"
    assert (cvat.parent / "cvat.by-hand-2.xml").read_text() == "again by hand"
    assert write(cvat, "newer", taken_in=True) == []
    assert names(cvat) == [".promptseg.json", "cvat.by-hand-1.xml", "cvat.by-hand-2.xml", "cvat.xml"]


@pytest.mark.parametrize("manifest", [None, "", "{", "[]", '{"files": []}', '{"files": {"other.json": "00"}}'])
def test_a_file_that_is_in_no_manifest_is_refused(tmp_path, manifest):
    path = tmp_path / "coco.json"
    path.write_text("mine")
    if manifest is not None:
        (tmp_path / ".promptseg.json").write_text(manifest)
    for refused in (lambda: check_file(path), lambda: write(path, "ours"), lambda: write(path, "ours", taken_in=True)):
        with pytest.raises(OutputError, match="promptseg did not write it"):
            refused()
    assert path.read_text() == "mine"


def test_a_folder_or_a_link_in_its_place_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("folder", "link"):
        with pytest.raises(OutputError, match="move it away"):
            check_file(tmp_path / name)


def test_a_link_that_the_user_put_there_is_not_written_through(cvat):
    (cvat.parent / "mine.xml").write_text("mine")
    cvat.unlink()
    cvat.symlink_to(cvat.parent / "mine.xml")
    assert write(cvat, "second") == ["cvat.xml"]
    assert (cvat.parent / "mine.xml").read_text() == "mine"


def test_a_file_that_was_removed_is_written_anew(cvat):
    cvat.unlink()
    assert file_state(cvat) == "absent"
    assert write(cvat, "second") == []
    assert cvat.read_text() == "second"


def test_each_file_of_a_folder_has_its_own_record(cvat):
    write(cvat.parent / "coco.json", "coco")
    assert set(json.loads((cvat.parent / ".promptseg.json").read_text())["files"]) == {"coco.json", "cvat.xml"}
    assert (file_state(cvat), file_state(cvat.parent / "coco.json")) == ("ours", "ours")


@pytest.mark.parametrize("content", ["first", "second"])
def test_after_a_kill_around_the_rename_the_file_is_ours_with_either_content(cvat, content):
    manifest = cvat.parent / ".promptseg.json"
    before = json.loads(manifest.read_text())
    write(cvat, "second")
    digest = json.loads(manifest.read_text())["files"]["cvat.xml"]
    manifest.write_text(json.dumps({**before, "pending": {"cvat.xml": digest}}))
    cvat.write_text(content)
    assert file_state(cvat) == "ours"
    assert write(cvat, "third") == []
    assert "pending" not in json.loads(manifest.read_text())


def test_the_pending_hash_is_recorded_before_the_file_is_there(cvat, monkeypatch):
    from pathlib import Path

    class Killed(BaseException):
        pass

    replace = Path.replace

    def dies(self, target):
        if target == cvat:
            raise Killed
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", dies)
    with pytest.raises(Killed):
        write(cvat, "second")
    assert cvat.read_text() == "first"
    assert set(json.loads((cvat.parent / ".promptseg.json").read_text())["pending"]) == {"cvat.xml"}
