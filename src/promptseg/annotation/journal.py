"""Journal of an annotation run: a JSON Lines file with one record for each finished image, from which all outputs are written.

The first line is the header with the settings of the run. Every other line is the record of one image, or a numbered list of models to
which records refer. A line is written by one system call, so it survives the end of the process at any moment. Once a second, and at the
end, the file is also synced to the disk, so a loss of power costs the images of about one second. An incomplete last line is removed when
the journal is opened again.
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
"""Version of the file format."""

SYNC_SECONDS = 1.0
"""Maximum seconds between two syncs to the disk."""

_ABSENT = "absent"


class Journal:
    """Open journal, with an index of its records by image name.

    Only one process may write to a journal at a time. The caller must hold a lock.

    Args:
        path: The file. It is created if it does not exist.
        header: Settings of the run, as values that `json` can write.

    Raises:
        ConfigError: When the journal is of a run with other settings. The message lists the differences.
        InputError: When the file is not a journal.
        OutputError: When the file cannot be written.
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
        """Return the number of images in the journal, done or failed."""
        return len(self._offsets)

    def __contains__(self, name: object) -> bool:
        return name in self._offsets

    def has_done(self, name: str) -> bool:
        """Return whether an image is in the journal and did not fail."""
        return name in self._offsets and name not in self._failed

    @property
    def failed(self) -> frozenset[str]:
        """Names of the failed images."""
        return frozenset(self._failed)

    def append(self, record: Mapping[str, Any], models: Sequence[Mapping[str, Any]] = ()) -> None:
        """Append the record of an image. It replaces an earlier record of the same image.

        Args:
            record: JSON values with ``name`` and ``status``, which is ``"done"`` or ``"failed"``.
            models: Provenance of the models that were used.

        Raises:
            ConfigError: When a model differs from the model of that name in earlier records.
            OutputError: When the record cannot be written. No part of it is left in the file.
        """
        number = None
        if models:
            provenance = [dict(model) for model in models]
            self.check_models(provenance)
            number = next((number for number, known in self._models.items() if known == provenance), None)
            if number is None:
                number = max(self._models, default=-1) + 1
                self._write({"models": provenance, "number": number})
                self._models[number] = provenance
        self._index(record, self._write({**record, "models": number}))
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self.sync()

    def check_models(self, models: Sequence[Mapping[str, Any]]) -> None:
        """Check that models have the same weights, device and version as the models of the same names in earlier records.

        Raises:
            ConfigError: When a model differs. The message lists the differences.
        """
        known = {model["model"]: model for earlier in self._models.values() for model in earlier}
        for model in models:
            if earlier := known.get(model["model"]):
                ours, theirs = ({k: v for k, v in one.items() if k != "fallback_from"} for one in (model, earlier))
                self._compare({"model": theirs}, {"model": ours})

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the last record of each image, sorted by name. One record is in memory at a time."""
        with self.path.open("rb") as file:
            for name in sorted(self._offsets):
                file.seek(self._offsets[name])
                yield json.loads(file.readline())

    def models(self) -> list[dict[str, Any]]:
        """Return the provenance of all models that were used, without repetitions."""
        distinct: list[dict[str, Any]] = []
        for models in self._models.values():
            distinct += [model for model in models if model not in distinct]
        return distinct

    def sync(self) -> None:
        """Sync the file to the disk.

        Raises:
            OutputError: When the file cannot be written.
        """
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}") from error
        self._synced = time.monotonic()

    def close(self) -> None:
        """Sync the file to the disk and close it."""
        try:
            self.sync()
        finally:
            self._file.close()

    def _read(self, header: Mapping[str, Any]) -> int:
        """Read the existing file, fill the index and return the byte offset after the last complete line."""
        end = 0
        found: dict[str, Any] = {}
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break  # An incomplete write.
                try:
                    content = json.loads(line)
                except ValueError:
                    content = None
                if end == 0:
                    if not isinstance(content, dict) or "journal" not in content:
                        raise InputError(f"{self.path} is not a journal of promptseg: its first line is {line[:60]!r}")
                    found = content
                elif not isinstance(content, dict):
                    self.damaged += 1  # A loss of power may leave such a line. Its image is annotated again.
                elif "name" in content:
                    self._index(content, end)
                elif "models" in content:
                    self._models[content["number"]] = content["models"]
                end += len(line)
        if not self._offsets:
            return 0  # The run has no record yet, perhaps because its configuration was wrong: any header is accepted.
        self._compare(found, json.loads(json.dumps({"journal": FORMAT, **header})))
        return end

    def _compare(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        differences = list(_differences(before, now))
        if differences:
            raise ConfigError(
                f"{self.path} is of a run with other settings; use the same settings to resume it, or another folder for a new run:\n  "
                + "\n  ".join(differences)
            )

    def _index(self, record: Mapping[str, Any], offset: int) -> None:
        name = record["name"]
        self._offsets[name] = offset
        (self._failed.add if record["status"] == "failed" else self._failed.discard)(name)

    def _write(self, content: Mapping[str, Any]) -> int:
        """Append a line and return its byte offset. A line that cannot be written completely is removed again."""
        line = memoryview(json.dumps(content, separators=(",", ":")).encode("ascii") + b"\n")
        start, written = self._end, 0
        try:
            while written < len(line):
                written += self._file.write(line[written:]) or 0
        except OSError as error:
            self._file.truncate(start)
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}; the finished images are in it") from error
        self._end += len(line)
        return start


def _differences(before: Any, now: Any, at: str = "") -> Iterator[str]:
    """Yield the differences of two JSON values, one line each, such as ``config.segment.model: was "mini-sam", is "sam-vit-b"``."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in [*before, *(key for key in now if key not in before)]:
            yield from _differences(before.get(key, _ABSENT), now.get(key, _ABSENT), f"{at}.{key}" if at else str(key))
    elif before != now:
        was, new = ("absent" if value == _ABSENT else json.dumps(value) for value in (before, now))
        yield f"{at}: was {was}, is {new}"
