"""Files are written whole or not at all, and errors become messages with an exit status."""

import errno
import io
import json
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from tqdm import tqdm

from promptseg.cli.output import distinct_names, errors_as_messages, say, seconds, write_image, write_json
from promptseg.errors import ConfigError, InputError, LicenseError, OutputError, PromptError, WeightsError
from promptseg.runtime import files

IMAGE = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))


@pytest.mark.parametrize(("name", "kind"), [("a.png", "PNG"), ("a.PNG", "PNG"), ("a.jpg", "JPEG"), ("a.jpeg", "JPEG"), ("a.bmp", "BMP")])
def test_an_image_is_written_in_the_format_of_its_name(name, kind, tmp_path):
    write_image(IMAGE, tmp_path / "new" / "folder" / name)
    with Image.open(tmp_path / "new" / "folder" / name) as image:
        assert (image.format, image.size) == (kind, (4, 4))


@pytest.mark.parametrize("name", ["a.xyz", "a"])
def test_a_name_that_says_no_format_is_refused(name, tmp_path):
    with pytest.raises(OutputError, match=r"is not an image format that Pillow writes"):
        write_image(IMAGE, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_json_is_written_as_it_is(tmp_path):
    write_json({"name": "濡れた道", "values": [1, 2.5, None]}, tmp_path / "new" / "a.json")
    assert json.loads((tmp_path / "new" / "a.json").read_text("utf-8")) == {"name": "濡れた道", "values": [1, 2.5, None]}


@pytest.mark.parametrize("write", [lambda path: write_image(IMAGE, path), lambda path: write_json([1, 2], path)])
@pytest.mark.parametrize(("owner", "function", "number"), [(files.os, "fsync", errno.ENOSPC), (files.Path, "replace", errno.EACCES)])
@pytest.mark.parametrize("before", [None, b"what stood there"])
def test_nothing_half_written_is_left_and_what_stood_there_is_untouched(write, owner, function, number, before, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    if before is not None:
        path.write_bytes(before)

    def fail(*_):
        raise OSError(number, "the disk says no")

    monkeypatch.setattr(owner, function, fail)
    with pytest.raises(OutputError, match=r"cannot write .*a\.png: the disk says no"):
        write(path)
    assert [entry.read_bytes() for entry in tmp_path.iterdir()] == ([] if before is None else [before])


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write .*file.a\.json"):
        write_json([], tmp_path / "file" / "a.json")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("why"), 2),
        (LicenseError("why"), 2),
        (PromptError("why"), 1),
        (InputError("why"), 1),
        (WeightsError("why"), 1),
        (OutputError("why"), 1),
    ],
)
def test_an_error_of_ours_becomes_a_message_and_a_status(error, status, capsys):
    with pytest.raises(typer.Exit) as caught, errors_as_messages():
        raise error
    assert caught.value.exit_code == status
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "promptseg: why\n")


def test_an_error_that_is_not_ours_is_not_hidden():
    with pytest.raises(ZeroDivisionError), errors_as_messages():
        raise ZeroDivisionError


def test_timings_are_said_in_seconds():
    assert seconds({"encode": 0.5123, "segment": 0.03}) == "encode 0.51 s, segment 0.03 s"


def test_images_of_one_name_get_names_that_differ_and_others_keep_their_own():
    images = [Path(name) for name in ("a/dog.jpg", "b/dog.png", "cat.jpg", "dog-2.jpg", "dog.webp")]
    assert distinct_names(images) == ["dog", "dog-2", "cat", "dog-2-2", "dog-3"]


def test_verbose_logs_to_standard_error_and_leaves_standard_output_as_it_is(run_apart, tmp_path):
    write_image(IMAGE, tmp_path / "a.png")
    command = ["segment", str(tmp_path / "a.png"), "--point", "1,1", "--model", "superpixel", "--json"]
    quiet = run_apart(*command)
    loud = run_apart("--verbose", *command)
    louder = run_apart("-vv", *command)
    assert quiet.stderr == ""
    assert "INFO promptseg.registry.loading: loaded superpixel" in loud.stderr
    assert "DEBUG" not in loud.stderr
    assert "DEBUG promptseg.pipeline.runner" in louder.stderr
    assert json.loads(loud.stdout)["masks"] == json.loads(quiet.stdout)["masks"]


def test_very_many_images_of_one_name_are_numbered(tmp_path):
    assert distinct_names([Path("a.png")] * 4) == ["a", "a-2", "a-3", "a-4"]


def test_a_line_is_printed_above_a_progress_bar_and_not_into_it(monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setattr("sys.stderr", terminal)
    with tqdm(total=2, file=terminal, mininterval=0, ncols=40) as bar:
        bar.update()
        say("a line")
        bar.update()
    before, _, after = terminal.getvalue().partition("a line\n")
    assert before.rpartition("\r")[2] == ""  # The bar was cleared, and the cursor is at the beginning of its line.
    assert before.split("\r")[-2].strip() == ""
    assert "2/2" in after


def test_standard_output_has_no_bar(capsys):
    with tqdm(total=2):
        say("a result")
    assert capsys.readouterr().out == "a result\n"
