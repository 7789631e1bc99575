"""Journal of an annotation run: a JSON Lines file with one record for each finished image, from which all outputs are written.

The first line is the header with the settings of the run. Every other line is the record of one image, or a list of models to which records
refer. A line is written by one system call, so it survives the end of the process at any moment. Once a second, and at the end, the file is
also synced to the disk, so a loss of power costs the images of about one second. An incomplete last line is removed when the journal is
opened again.

Each line ends with a checksum of its bytes, and each record names the header and the models that it belongs to by a digest. A line that was
damaged in any way is counted and left aside, as if it had never been written.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError, InputError, OutputError, PromptSegError
from .differences import differences
from .journal_lines import MAX_LINE, digest, encode_line, parse_line

FORMAT = 2
"""Version of the file format."""

SYNC_SECONDS = 1.0
"""Maximum seconds between two syncs to the disk."""

MAX_DIFFERENCES = 20
"""Maximum number of differences that an error lists."""


class Journal:
    """Open journal, with an index of its records by image name.

    Only one process may write to a journal at a time. The caller must hold a lock.

    Args:
        path: The file. It is created if it does not exist.
        header: Settings of the run, as values that `json` can write.
        check: Function that raises `ValueError` for a record that cannot be used. Such a record counts as damaged.

    Attributes:
        path: The file.
        damaged: Number of damaged lines that were found when the journal was opened.

    Raises:
        ConfigError: When the journal is of a run with other settings. The message lists the differences.
        InputError: When the file is not a journal.
        OutputError: When the file cannot be written.
    """

    def __init__(self, path: Path, header: Mapping[str, Any], check: Callable[[Mapping[str, Any]], None] | None = None) -> None:
        self.path = path
        self.damaged = 0
        self._check = check
        self._header = json.loads(json.dumps({"journal": FORMAT, **header}))
        self._run = digest(self._header)
        self._offsets: dict[str, int] = {}
        self._failed: set[str] = set()
        self._left_out: frozenset[str] = frozenset()
        self._models: dict[str, list[dict[str, Any]]] = {}
        self._synced = time.monotonic()
        try:
            self._file = path.open("ab", buffering=0)
            self._reader = path.open("rb")
            self._end, has_header = self._read()
            self._file.truncate(self._end)
            if not has_header:
                self._write(self._header)
                self.sync()
        except OSError as error:
            raise OutputError(f"cannot open the journal {path}: {error.strerror or error}") from error
        except PromptSegError:
            self._file.close()
            self._reader.close()
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
    def names(self) -> list[str]:
        """Names of all images in the journal, sorted."""
        return sorted(self._offsets)

    @property
    def failed(self) -> frozenset[str]:
        """Names of the failed images."""
        return frozenset(self._failed)

    @property
    def left_out(self) -> frozenset[str]:
        """Names of the images that `records` leaves out."""
        return self._left_out

    def leave_out(self, names: frozenset[str]) -> None:
        """Leave images out of `records` from now on. Their records stay in the file."""
        self._left_out = names

    def append(self, record: Mapping[str, Any], models: Sequence[Mapping[str, Any]] = ()) -> None:
        """Append the record of an image. It replaces an earlier record of the same image.

        Args:
            record: JSON values with ``name`` and ``status``, which is ``"done"`` or ``"failed"``.
            models: Provenance of the models that were used. Without it, the record may have ``models``, taken from an earlier record.

        Raises:
            ConfigError: When a model differs from the model of that name and backend in earlier records.
            OutputError: When the record cannot be written. No part of it is left in the file.
        """
        key = record.get("models")
        if models:
            provenance = [dict(model) for model in models]
            self.check_models(provenance)
            key = digest(provenance)
            if key not in self._models:
                self._write({"models": provenance, "key": key})
                self._models[key] = provenance
        self._index(record, self._write({**record, "models": key, "run": self._run}))
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self.sync()

    def check_models(self, models: Sequence[Mapping[str, Any]]) -> None:
        """Check that models have the same weights, device and version as the models of the same names and backends in earlier records.

        Raises:
            ConfigError: When a model differs. The message lists the differences.
        """
        known = {_role(model): model for earlier in self._models.values() for model in earlier}
        for model in models:
            if earlier := known.get(_role(model)):
                ours, theirs = ({k: v for k, v in one.items() if k != "fallback_from"} for one in (model, earlier))
                self._compare({"model": theirs}, {"model": ours})

    def record(self, name: str) -> dict[str, Any]:
        """Return the last record of an image, which must be in the journal.

        Raises:
            InputError: When the record was damaged since the journal was opened.
        """
        self._reader.seek(self._offsets[name])
        content = parse_line(self._reader.readline(MAX_LINE))
        if content is None or content.get("name") != name:
            raise InputError(f"the record of {name} in {self.path} was damaged since the run began: repeat the command to do it again")
        return content

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the last record of each image that is not left out, sorted by name. One record is in memory at a time.

        Raises:
            InputError: When a record was damaged since the journal was opened.
        """
        return (self.record(name) for name in self.names if name not in self._left_out)

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
            self._reader.close()

    def _read(self) -> tuple[int, bool]:
        """Read the existing file and fill the index.

        Returns:
            The byte offset after the last complete line, and whether a header is there.
        """
        lines, end, others = 0, 0, 0
        header = next((content for _, content in self._lines() if content is not None and "journal" in content), None)
        run = self._run if header is None else digest(header)
        for offset, content in self._lines():
            lines, end = lines + 1, self._reader.tell()
            if content is None:
                self.damaged += 1
            elif "journal" in content:
                self.damaged += content != header
            elif "key" in content and self._is_list_of_models(content):
                self._models[content["key"]] = content["models"]
            elif "name" in content and self._is_usable(content):
                if content["run"] == run:
                    self._index(content, offset)
                else:
                    others += 1
            else:
                self.damaged += 1  # Its image is annotated again.
        if lines and header is None and not self._offsets and not others:
            raise InputError(self._not_a_journal())
        if header is None and others:
            raise ConfigError(
                f"{self.path} is of a run with other settings, and its header is damaged, so that the differences cannot be listed; "
                "use the same settings to resume it, or another folder for a new run"
            )
        self.damaged += others  # Lines of another run do not belong to this file.
        if not self._offsets:
            # The run has no record yet, perhaps because its configuration was wrong: any header is accepted.
            self._models.clear()
            return 0, False
        if header is not None:
            self._compare(header, self._header)
        return end, header is not None

    def _lines(self) -> Iterator[tuple[int, dict[str, Any] | None]]:
        """Yield the offset and content of each complete line, from the start of the file. The content of a damaged line is None."""
        self._reader.seek(0)
        offset = 0
        while (line := self._reader.readline(MAX_LINE)).endswith(b"\n"):
            yield offset, parse_line(line)
            offset += len(line)
        if len(line) == MAX_LINE:
            raise InputError(f"{self.path} has a line of more than {MAX_LINE} bytes: it is not a journal of promptseg, or badly damaged")

    def _is_usable(self, record: Mapping[str, Any]) -> bool:
        """Return whether a record is valid and its models are known."""
        key = record.get("models")
        if not (isinstance(record["name"], str) and record.get("status") in ("done", "failed") and isinstance(record.get("run"), str)):
            return False
        if not (key is None or (isinstance(key, str) and key in self._models)):
            return False
        try:
            if self._check is not None:
                self._check(record)
        except ValueError:
            return False
        return True

    def _not_a_journal(self) -> str:
        self._reader.seek(0)
        first = self._reader.readline(MAX_LINE)
        try:
            version = json.loads(first)["journal"]
        except (ValueError, RecursionError, KeyError, TypeError):
            version = None
        if isinstance(version, int) and version != FORMAT:
            return f"{self.path} is a journal of format {version}, this version of promptseg writes format {FORMAT}: use another folder"
        return f"{self.path} is not a journal of promptseg, or all of it is damaged: move it away. It begins with {first[:60]!r}"

    @staticmethod
    def _is_list_of_models(content: Mapping[str, Any]) -> bool:
        """Return whether a line is a list of models under its own digest."""
        models = content.get("models")
        if not isinstance(models, list) or not all(isinstance(model, dict) and isinstance(model.get("model"), str) for model in models):
            return False
        return bool(content["key"] == digest(models))

    def _compare(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        found = list(differences(before, now))
        if found:
            more = [f"and {len(found) - MAX_DIFFERENCES} more"] if len(found) > MAX_DIFFERENCES else []
            raise ConfigError(
                f"{self.path} is of a run with other settings; use the same settings to resume it, or another folder for a new run:\n  "
                + "\n  ".join([*found[:MAX_DIFFERENCES], *more])
            )

    def _index(self, record: Mapping[str, Any], offset: int) -> None:
        name = record["name"]
        self._offsets[name] = offset
        (self._failed.add if record["status"] == "failed" else self._failed.discard)(name)

    def _write(self, content: Mapping[str, Any]) -> int:
        """Append a line and return its byte offset. A line that cannot be written completely is removed again."""
        line = memoryview(encode_line(content))
        start, written = self._end, 0
        try:
            while written < len(line):
                written += self._file.write(line[written:]) or 0
        except OSError as error:
            self._file.truncate(start)
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}; the finished images are in it") from error
        self._end += len(line)
        return start


def _role(model: Mapping[str, Any]) -> tuple[object, object]:
    """Return what tells models of one run apart: a segmenter, and what finds concepts with it, have one name and two backends."""
    return model.get("model"), model.get("backend")
