"""Projects of Label Studio that have connected. They are kept in a file, so that a server that is started again knows them.

Label Studio connects once, when its user saves the form. Its access token is not in the file: whoever reads the file could use it, and
there is no place for a key that another would not read as well. The token can be given to the server at each start.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, ValidationError

from ...errors import InputError, PromptSegError
from ...runtime.files import output_errors, write_atomically
from ...runtime.structured import read_text
from ..settings import ServerSettings
from ._label_studio_bodies import Options
from ._label_studio_images import Source

_log = logging.getLogger(__name__)

MAX_NAME = 200
"""Number of characters of the name of a project that count."""
MAX_CONNECTIONS = 1000
"""Number of connections that are remembered. The one that was made first is forgotten."""
MAX_BYTES = 8 << 20


@dataclass(frozen=True)
class Connection:
    """A project that has connected.

    Attributes:
        source: The Label Studio, from which its images are fetched.
        options: Its extra parameters.
        address: The address that it has stated; empty for none.
    """

    source: Source
    options: Options = field(default_factory=Options)
    address: str = ""


class _Kept(BaseModel):
    """A connection as the file has it."""

    model: Annotated[str, Field(max_length=1000)]
    project: Annotated[str, Field(max_length=MAX_NAME)]
    address: Annotated[str, Field(max_length=2048)]
    options: Options


class _Content(BaseModel):
    """What the file has."""

    connections: Annotated[list[_Kept], Field(max_length=MAX_CONNECTIONS)]


class Connections:
    """The projects that have connected, by the model in their address and their name. Threads may share it.

    Args:
        settings: The settings of the server, with the file. What is in it is read; a file that cannot be read is left out, and replaced at
            the next connection.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._settings, self._file = settings, settings.connections_file
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str], Connection] = OrderedDict()
        for each in _read(self._file):
            source = Source.of(settings, each.address, "")
            self._known[each.model, each.project] = Connection(source, each.options, each.address)

    def add(self, model: str, project: object, address: str, token: str, options: Options) -> None:
        """Remember a connection. If it cannot be written to the file, it is remembered until the server ends.

        Args:
            model: The model in the address of the connection; empty for none.
            project: The project, as Label Studio names it.
            address: The address that Label Studio states.
            token: The access token that it sends.
            options: The extra parameters.
        """
        connection = Connection(Source.of(self._settings, address, token), options, address if _is_plain(address) else "")
        with self._lock:
            key = model, str(project)[:MAX_NAME]
            self._known[key] = connection
            self._known.move_to_end(key)
            while len(self._known) > MAX_CONNECTIONS:
                self._known.popitem(last=False)
            if self._file is not None:
                try:
                    self._write(self._file)
                except PromptSegError as error:
                    _log.warning("the connection of Label Studio is forgotten when the server ends: %s", error)

    def get(self, model: str, project: object) -> Connection:
        """Return the connection of a project; one without an address and a token if it has never connected here."""
        with self._lock:
            found = self._known.get((model, str(project)[:MAX_NAME]))
        return found or Connection(Source.of(self._settings, "", ""))

    def _write(self, file: Path) -> None:
        kept = [
            _Kept(model=model, project=project, address=each.address, options=each.options)
            for (model, project), each in self._known.items()
        ]
        with output_errors(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            with write_atomically(file, text=True, private=True) as written:
                written.write(_Content(connections=kept).model_dump_json())


def _read(file: Path | None) -> list[_Kept]:
    if file is None or not file.exists():
        return []
    try:
        return _Content.model_validate_json(read_text(file, MAX_BYTES)).connections
    except (InputError, ValidationError) as error:
        _log.warning("the connections of Label Studio in %s cannot be read, and are forgotten: %s", file, str(error)[:500])
        return []


def _is_plain(address: str) -> bool:
    """Return whether an address holds no password."""
    try:
        return "@" not in urlsplit(address).netloc
    except ValueError:
        return False
