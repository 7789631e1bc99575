"""Errors become messages with an exit status, and output files have names of their own."""

import io
import json
import warnings
from pathlib import Path

import pytest
import typer
from tqdm import tqdm

from promptseg.cli import _quiet_pillow
from promptseg.cli.output import distinct_names, errors_as_messages, say, seconds
from promptseg.errors import ConfigError, InputError, LicenseError, OutputError, PromptError, WeightsError


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


def test_verbose_logs_to_standard_error_and_leaves_standard_output_as_it_is(run_apart, save_image):
    pytest.importorskip("skimage", reason="superpixel needs scikit-image")
    command = ["segment", save_image("a.png"), "--point", "1,1", "--model", "superpixel", "--json"]
    quiet = run_apart(*command)
    loud = run_apart("--verbose", *command)
    louder = run_apart("-vv", *command)
    assert quiet.stderr == ""
    assert "INFO promptseg.registry.loading: loaded superpixel" in loud.stderr
    assert "DEBUG" not in loud.stderr
    assert "DEBUG promptseg.pipeline.stages" in louder.stderr
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


def test_the_terminal_has_warnings_of_others_but_not_those_of_pillow():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        _quiet_pillow()
        for module in ("PIL.TiffImagePlugin", "PILOT", "promptseg.images"):
            warnings.warn_explicit(f"by {module}", UserWarning, "a.py", 1, module)
    assert [str(each.message) for each in told] == ["by PILOT", "by promptseg.images"]
