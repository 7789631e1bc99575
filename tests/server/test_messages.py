"""What a client is told of an error: the words of the error, without places and commands of the server's machine."""

from __future__ import annotations

import pytest

from promptseg.errors import BackendError, InputError, MissingDependencyError, WeightsError
from promptseg.server.messages import message_of


@pytest.mark.parametrize(
    "command",
    [
        "pip install 'promptseg[heif]'",
        "pip install -e '/home/ann/my tools/promptseg[heif]'",
        "pip install '.[heif]' (in your clone of promptseg)",
        "pip install 'promptseg[heif] @ git+https://host/ann/promptseg'",
    ],
)
def test_what_the_server_lacks_is_told_without_the_command_that_installs_it(command):
    error = InputError(f"the image cannot be read as it is: HEIC files are read by package pillow-heif: {command}")
    assert message_of(error).endswith("HEIC files are read by package pillow-heif, which this server does not have")


def test_a_path_is_shortened_to_its_last_part():
    assert message_of(InputError("/srv/images/ann/a.png is damaged")) == "a.png is damaged"


@pytest.mark.parametrize("kind", [BackendError, MissingDependencyError, WeightsError])
def test_what_tells_of_the_machine_is_in_the_log_alone(kind):
    assert message_of(kind("/opt/model.onnx: no memory at 0xdead")) == "the log of the server says more"
