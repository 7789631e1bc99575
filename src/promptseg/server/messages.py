"""What clients are told of errors: messages without paths of this machine. It needs no package of the server."""

from __future__ import annotations

import re

from ..errors import BackendError, MissingDependencyError, PromptSegError, WeightsError

TELLING = (MissingDependencyError, WeightsError, BackendError)
"""Errors whose messages may tell of this machine. They are kept in the log."""


def message_of(error: PromptSegError) -> str:
    """Return what a client is told of an error.

    Paths of this machine are shortened to their last part. A command that installs something is for the machine of the server, and may name
    the folder of promptseg.
    """
    if isinstance(error, TELLING):
        return "the log of the server says more"
    return without_places(_INSTALL.sub(", which this server does not have", str(error)))[:MAX_MESSAGE]


def without_places(text: str) -> str:
    """Return a message with the paths of this machine shortened to their last part."""
    return _PATH.sub(lambda found: found[0].rpartition("/")[2], text)


MAX_MESSAGE = 1000
_INSTALL = re.compile(r": pip install .*", re.DOTALL)
_PATH = re.compile(r"(?<![\w.:/])/(?:[^\s/'\":,;]+/)+[^\s/'\":,;]*")
