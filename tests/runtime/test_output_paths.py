"""Output paths are tried before the work begins, and no input is ever an output."""

import os
from pathlib import Path

import pytest

from promptseg.errors import OutputError
from promptseg.runtime.output_paths import check_output_file, check_output_folder, check_outputs_differ


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def bad_paths():
    """Paths that no file and no folder can be written to, with what the message says."""
    Path("file").write_text("mine")
    return {
        "file/below": "file is a file, and a folder is expected there",
        "/proc/nowhere/x": "cannot write /proc/nowhere/x",
        "n" * 300: "File name too long",
        f"{'n' * 300}/x": "File name too long",
        "null\0character": "null character",
        "surrogate\ud800": "cannot encode this name",
    }


@pytest.mark.parametrize("check", [check_output_file, check_output_folder])
def test_a_path_that_cannot_be_written_is_refused_with_the_reason_and_nothing_is_left(check, tmp_path):
    for path, reason in bad_paths().items():
        with pytest.raises(OutputError, match=reason):
            check(Path(path))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("path", ["new", "new/and/deep", "x" * 250, "ü.json"])
def test_a_check_of_a_path_that_can_be_written_leaves_no_trace(path, tmp_path):
    check_output_file(Path(path))
    check_output_folder(Path(path))
    assert not list(tmp_path.iterdir())


def test_a_folder_in_place_of_a_file_and_a_file_in_place_of_a_folder_are_refused():
    Path("folder").mkdir()
    Path("file").touch()
    with pytest.raises(OutputError, match="folder: this is a folder, and a file is expected"):
        check_output_file(Path("folder"))
    with pytest.raises(OutputError, match="this is a folder, and a file is expected"):
        check_output_file(Path())
    with pytest.raises(OutputError, match="file: this is a file, and a folder is expected"):
        check_output_folder(Path("file"))
    Path("folder/masks.json").mkdir()
    with pytest.raises(OutputError, match="this is a folder, and a file is expected"):
        check_output_folder(Path("folder"), names=["masks.json"])


def test_a_device_is_never_replaced_by_a_file():
    with pytest.raises(OutputError, match="a device or a pipe"):
        check_output_file(Path("/dev/null"))
    os.mkfifo("pipe")
    with pytest.raises(OutputError, match="a device or a pipe"):
        check_output_file(Path("pipe"))


@pytest.mark.parametrize(("name", "said"), [("a.txt", "has the suffix '.txt'"), ("a", "has no suffix"), (".json", "has no suffix")])
def test_a_suffix_that_says_another_format_is_refused(name, said):
    with pytest.raises(OutputError, match=said + r", and the format is chosen by a suffix: \.csv, \.json"):
        check_output_file(Path(name), suffixes=(".json", ".csv"))
    check_output_file(Path("A.JSON"), suffixes=(".json",))


@pytest.mark.parametrize("spelling", ["a.json", "./a.json", "folder/../a.json", "link.json", "hard.json", "folder/link.json"])
def test_an_input_is_never_replaced_however_it_is_spelled(spelling, tmp_path):
    Path("a.json").write_text("mine")
    Path("folder").mkdir()
    Path("link.json").symlink_to("a.json")
    Path("hard.json").hardlink_to("a.json")
    Path("folder/link.json").symlink_to(tmp_path / "a.json")
    with pytest.raises(OutputError, match=r"is the input a\.json, which is never overwritten"):
        check_output_file(Path(spelling), inputs=["absent", None, "a.json"])
    with pytest.raises(OutputError, match="is the input"):
        check_output_folder(Path(spelling).parent, names=[Path(spelling).name], inputs=["a.json"])


def test_in_an_input_folder_only_a_file_that_promptseg_wrote_is_replaced():
    Path("data/labels").mkdir(parents=True)
    Path("data/labels/0.json").write_text('{"shapes": []}')
    Path("data/run.json").write_text('{\n "format": "promptseg-evaluation-1"}')
    with pytest.raises(OutputError, match="in data, which is an input"):
        check_output_file(Path("data/labels/0.json"), inputs=["data"])
    check_output_file(Path("data/run.json"), inputs=["data"])
    check_output_file(Path("data/new.json"), inputs=["data"])
    check_output_file(Path("data/labels/0.json"), inputs=["other"])


def test_an_input_folder_is_no_output_folder_however_it_is_spelled():
    Path("data").mkdir()
    Path("link").symlink_to("data")
    for spelling in ("data", "data/", "link", "data/../link"):
        with pytest.raises(OutputError, match="this folder is an input"):
            check_output_folder(Path(spelling), inputs=["data"])
    check_output_folder(Path("data/out"), inputs=["data"])


def test_two_outputs_are_two_files():
    check_outputs_differ([Path("a"), None, Path("b")])
    with pytest.raises(OutputError, match="twice"):
        check_outputs_differ([Path("a"), None, Path("x/../a")])
