"""Errors become messages with an exit status, and output files have names of their own."""

from pathlib import Path

import pytest
import typer

from promptseg.cli.output import distinct_names, errors_as_messages, seconds
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
