"""The journal of a run: one line a photo, written as soon as the photo is done, from which all outputs are made.

The first line is the header: what the run does. Each further line is a record of one photo, or the models that the records after it name
by number. A line is written by one call to the operating system, so that it survives the end of the process at any moment; once a second,
and at the end, it is also forced to the disk, so that a loss of power costs the photos of about a second. What a write that was cut short
has left is found when the journal is opened again, and removed.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError, InputError, OutputError, PromptSegError

FORMAT = 1
"""Version of the journal's layout."""

SYNC_SECONDS = 1.0
"""How long a record may be without being forced to the disk."""

_ABSENT = "absent"


class Journal:
    """A journal that is open: it knows which photos it has, and where, and appends to them.

    One process writes to a journal at a time; who opens it holds a lock.

    Args:
        path: The file; made where it is absent.
        header: What the run does, as plain values that `json` can write.

    Raises:
        ConfigError: The journal is of a run that does something else; the message has the differences.
        InputError: The file is not a journal.
        OutputError: It cannot be written.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path = path
        self.damaged = 0
        self._offsets: dict[str, int] = {}
        self._failed: set[str] = set()
        self._models: dict[int, list[dict[str, Any]]] = {}
        self._synced = time.monotonic()
        try:
            self._file = path.open("ab+", buffering=0)
            self._end = self._read(header)
            self._file.truncate(self._end)
            if not self._offsets:
                self._models.clear()
                self._write({"journal": FORMAT, **header})
                self.sync()
        except OSError as error:
            raise OutputError(f"cannot open the journal {path}: {error.strerror or error}") from error
        except PromptSegError:
            self._file.close()
            raise

    def __len__(self) -> int:
        """How many photos it has."""
        return len(self._offsets)

    def __contains__(self, name: object) -> bool:
        return name in self._offsets

    def has_done(self, name: str) -> bool:
        """Whether it has a photo that did not fail."""
        return name in self._offsets and name not in self._failed

    @property
    def failed(self) -> frozenset[str]:
        """The names of the photos that failed."""
        return frozenset(self._failed)

    def append(self, record: Mapping[str, Any], models: Sequence[Mapping[str, Any]] = ()) -> None:
        """Adds the record of a photo, in place of an earlier one.

        Args:
            record: Plain values, with ``name`` and ``status``, ``"done"`` or ``"failed"``.
            models: The provenance of the models that took part.

        Raises:
            ConfigError: A model is not the one of that name that made earlier records.
            OutputError: It cannot be written; nothing of it is left in the file.
        """
        number = None
        if models:
            told = [dict(model) for model in models]
            self.check_models(told)
            number = next((number for number, known in self._models.items() if known == told), None)
            if number is None:
                number = max(self._models, default=-1) + 1
                self._write({"models": told, "number": number})
                self._models[number] = told
        self._index(record, self._write({**record, "models": number}))
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self.sync()

    def check_models(self, models: Sequence[Mapping[str, Any]]) -> None:
        """Refuses models with other weights, or on another device or version, than those of the same names that made earlier records.

        Raises:
            ConfigError: There is such a model; the message has the differences.
        """
        known = {model["model"]: model for earlier in self._models.values() for model in earlier}
        for model in models:
            if earlier := known.get(model["model"]):
                ours, theirs = ({k: v for k, v in one.items() if k != "fallback_from"} for one in (model, earlier))
                self._compare({"model": theirs}, {"model": ours})

    def records(self) -> Iterator[dict[str, Any]]:
        """The last record of each photo, in the order of the names, one in memory at a time."""
        with self.path.open("rb") as file:
            for name in sorted(self._offsets):
                file.seek(self._offsets[name])
                yield json.loads(file.readline())

    def models(self) -> list[dict[str, Any]]:
        """The provenance of all models that took part."""
        distinct: list[dict[str, Any]] = []
        for models in self._models.values():
            distinct += [model for model in models if model not in distinct]
        return distinct

    def sync(self) -> None:
        """Forces what was written to the disk."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}") from error
        self._synced = time.monotonic()

    def close(self) -> None:
        """Forces what was written to the disk and closes the file."""
        try:
            self.sync()
        finally:
            self._file.close()

    def _read(self, header: Mapping[str, Any]) -> int:
        """Reads what is there; returns where the last whole line ends."""
        end = 0
        found: dict[str, Any] = {}
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break  # A write that was cut short.
                try:
                    content = json.loads(line)
                except ValueError:
                    content = None
                if end == 0:
                    if not isinstance(content, dict) or "journal" not in content:
                        raise InputError(f"{self.path} is not a journal of promptseg: its first line is {line[:60]!r}")
                    found = content
                elif not isinstance(content, dict):
                    self.damaged += 1  # A loss of power may leave such a line; its photo is done again.
                elif "name" in content:
                    self._index(content, end)
                elif "models" in content:
                    self._models[content["number"]] = content["models"]
                end += len(line)
        if not self._offsets:
            return 0  # A run that did nothing yet, perhaps because its configuration was wrong.
        self._compare(found, json.loads(json.dumps({"journal": FORMAT, **header})))
        return end

    def _compare(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        differences = list(_differences(before, now))
        if differences:
            raise ConfigError(
                f"{self.path} is of a run that does something else; go on as it began, or begin anew with another folder:\n  "
                + "\n  ".join(differences)
            )

    def _index(self, record: Mapping[str, Any], offset: int) -> None:
        name = record["name"]
        self._offsets[name] = offset
        (self._failed.add if record["status"] == "failed" else self._failed.discard)(name)

    def _write(self, content: Mapping[str, Any]) -> int:
        """Appends a line; returns where it begins. A line that cannot be written whole is taken back."""
        line = memoryview(json.dumps(content, separators=(",", ":")).encode("ascii") + b"\n")
        start, written = self._end, 0
        try:
            while written < len(line):
                written += self._file.write(line[written:]) or 0
        except OSError as error:
            self._file.truncate(start)
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}; what is done so far is in it") from error
        self._end += len(line)
        return start


def _differences(before: Any, now: Any, at: str = "") -> Iterator[str]:
    """What differs between two values of plain types, one line each: ``config.segment.model: was "mini-sam", is "sam-vit-b"``."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in [*before, *(key for key in now if key not in before)]:
            yield from _differences(before.get(key, _ABSENT), now.get(key, _ABSENT), f"{at}.{key}" if at else str(key))
    elif before != now:
        was, new = ("absent" if value == _ABSENT else json.dumps(value) for value in (before, now))
        yield f"{at}: was {was}, is {new}"
