"""Journal of an annotation run: a JSON Lines file with one record for each finished image, from which all outputs are written.

The first line is the header with the settings of the run. Every other line is the record of one image, or a list of models to which records
refer. A line is written by one system call, so it survives the end of the process at any moment. Once a second, and at the end, the file is
also synced to the disk, so a loss of power costs the images of about one second. An incomplete last line is removed when the journal is
opened again.

Each line ends with a checksum of its bytes, and each record names the header and the models that it belongs to by a digest. A line that was
damaged in any way is counted and left aside, as if it had never been written.

The header has the settings of the run: ``config`` and ``prompts``. A header without these two is open: a run with any settings goes on with
the journal, and keeps its header. The studio makes such journals, and adopts those of runs with their headers.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ConfigError, InputError, OutputError, PromptSegError
from ..runtime.files import output_errors, write_atomically
from .differences import differences
from .journal_lines import MAX_LINE, digest, encode_line, parse_line

FORMAT = 2
"""Version of the file format."""

SYNC_SECONDS = 1.0
"""Maximum seconds between two syncs to the disk."""

MAX_DIFFERENCES = 20
"""Maximum number of differences that an error lists."""

MUCH_SUPERSEDED = 64 << 20
"""Bytes of superseded records from which a journal that mostly consists of them is compacted."""


class _Line(NamedTuple):
    """Place of a record in the file: offset and length in bytes."""

    offset: int
    length: int


class Journal:
    """Open journal, with an index of its records by image name.

    Only one process may write to a journal at a time. The caller must hold a lock.

    Args:
        path: The file. It is created if it does not exist.
        header: Settings of the run, as values that `json` can write.
        check: Function that raises `ValueError` for a record that cannot be used. Such a record counts as damaged.
        adopt: Go on with a journal of any settings. Its header is kept, and `header` is for a new journal alone. Models of records that are
            appended are not compared with earlier ones, and later runs do not compare theirs with them.

    Attributes:
        path: The file.
        damaged: Number of damaged lines that were found when the journal was opened.

    Raises:
        ConfigError: When the journal is of a run with other settings. The message lists the differences.
        InputError: When the file is not a journal.
        OutputError: When the file cannot be written.
    """

    def __init__(
        self, path: Path, header: Mapping[str, Any], check: Callable[[Mapping[str, Any]], None] | None = None, *, adopt: bool = False
    ) -> None:
        self.path = path
        self.damaged = 0
        self._check = check
        self._adopts = adopt
        self._header = json.loads(json.dumps({"journal": FORMAT, **header}))
        self._run = digest(self._header)
        self._places: dict[str, _Line] = {}
        self._superseded = 0
        self._failed: set[str] = set()
        self._left_out: frozenset[str] = frozenset()
        self._models: dict[str, list[dict[str, Any]]] = {}
        self._any: set[str] = set()
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
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def has_done(self, name: str) -> bool:
        """Return whether an image is in the journal and did not fail."""
        return name in self._places and name not in self._failed

    @property
    def names(self) -> list[str]:
        """Names of all images in the journal, sorted."""
        return sorted(self._places)

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

    def append(self, record: Mapping[str, Any], models: Sequence[Mapping[str, Any]] = (), *, durable: bool = False) -> None:
        """Append the record of an image. It replaces an earlier record of the same image.

        Args:
            record: JSON values with ``name`` and ``status``, which is ``"done"`` or ``"failed"``.
            models: Provenance of the models that were used. Without it, the record may have ``models``, taken from an earlier record.
            durable: Sync the file to the disk before this returns. A record that cannot be synced is removed again.

        Raises:
            ConfigError: When a model differs from the model of that name and backend in earlier records.
            OutputError: When the record cannot be written. No part of it is left in the file.
        """
        key = record.get("models")
        if models:
            provenance = [dict(model) for model in models]
            if not self._adopts:
                self.check_models(provenance)
            key = digest(provenance)
            if key not in self._models:
                self._write({"models": provenance, "key": key, **({"any": True} if self._adopts else {})})
                self._models[key] = provenance
                if self._adopts:
                    self._any.add(key)
        line = self._write({**record, "models": key, "run": self._run})
        if durable or time.monotonic() - self._synced >= SYNC_SECONDS:
            try:
                self.sync()
            except OutputError:
                self._cut(line.offset)
                raise
        self._index(record, line)

    def check_models(self, models: Sequence[Mapping[str, Any]]) -> None:
        """Check that models have the same weights, device and version as the models of the same names and backends in earlier records.

        In a journal with an open header, and for models of records that were appended by who adopted the journal, any model is right.

        Raises:
            ConfigError: When a model differs. The message lists the differences.
        """
        if _is_open(self._header):
            return
        known = {_role(model): model for key, earlier in self._models.items() if key not in self._any for model in earlier}
        for model in models:
            if earlier := known.get(_role(model)):
                ours, theirs = ({k: v for k, v in one.items() if k != "fallback_from"} for one in (model, earlier))
                self._compare({"model": theirs}, {"model": ours})

    def record(self, name: str) -> dict[str, Any]:
        """Return the last record of an image, which must be in the journal.

        Raises:
            InputError: When the record was damaged since the journal was opened.
        """
        return self._intact(name)[0]

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

    @property
    def is_wasteful(self) -> bool:
        """Whether superseded records take more than `MUCH_SUPERSEDED` bytes, and more than half of the file."""
        return self._superseded > MUCH_SUPERSEDED and self._superseded > self._end // 2

    def compact(self) -> None:
        """Write the file anew without superseded records. The new file replaces the old one when it is complete and on the disk.

        A journal with damaged lines is left as it is: somebody may want to look at them.

        Raises:
            InputError: When a record was damaged since the journal was opened. The file is unchanged.
            OutputError: When the new file cannot be written. The old one is unchanged.
        """
        if self.damaged:
            return
        places: dict[str, _Line] = {}
        with output_errors(self.path), write_atomically(self.path) as file:
            end = file.write(encode_line(self._header))
            for key, models in self._models.items():
                end += file.write(encode_line({"models": models, "key": key, **({"any": True} if key in self._any else {})}))
            for name, place in sorted(self._places.items(), key=lambda item: item[1].offset):
                file.write(self._intact(name)[1])
                places[name] = _Line(end, place.length)
                end += place.length
        self._file.close()
        self._reader.close()
        with output_errors(self.path):
            self._file = self.path.open("ab", buffering=0)
            self._reader = self.path.open("rb")
        self._places, self._end, self._superseded = places, end, 0

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
        found: dict[str, list[_Line]] = {}
        header = next((content for _, content in self._lines() if content is not None and "journal" in content), None)
        run = self._run if header is None else digest(header)
        for offset, content in self._lines():
            lines, end = lines + 1, self._reader.tell()
            line = _Line(offset, end - offset)
            if content is None:
                self.damaged += 1
            elif "journal" in content:
                self.damaged += content != header
            elif "key" in content and self._is_list_of_models(content):
                self._models[content["key"]] = content["models"]
                if content.get("any"):
                    self._any.add(content["key"])
            elif "name" in content and self._is_record(content):
                if content["run"] == run:
                    found.setdefault(content["name"], []).append(line)
                else:
                    others += 1
            else:
                self.damaged += 1  # Its image is annotated again.
        for places in found.values():
            self._index_last(places)
        if header is None:
            self._check_without_header(lines, others)
        self.damaged += others  # Lines of another run do not belong to this file.
        if not self._places and not (self._adopts and header is not None):
            # The run has no record yet, perhaps because its configuration was wrong: any header is accepted.
            self._models.clear()
            self._any.clear()
            return 0, False
        if header is not None and (self._adopts or _is_open(header)):
            self._header, self._run = header, run
        elif header is not None:
            self._compare(header, self._header)
        return end, header is not None

    def _check_without_header(self, lines: int, others: int) -> None:
        """Check that a file without an intact header is a journal of this run.

        Args:
            lines: Number of its lines.
            others: Number of its records of other runs.

        Raises:
            ConfigError: It is the journal of another run.
            InputError: It is not a journal.
        """
        if others:
            raise ConfigError(
                f"{self.path} is of a run with other settings, and its header is damaged, so that the differences cannot be listed; "
                "use the same settings to resume it, or another folder for a new run"
            )
        if lines and not self._places:
            raise InputError(self._not_a_journal())

    def _lines(self) -> Iterator[tuple[int, dict[str, Any] | None]]:
        """Yield the offset and content of each complete line, from the start of the file. The content of a damaged line is None."""
        self._reader.seek(0)
        offset = 0
        while (line := self._reader.readline(MAX_LINE)).endswith(b"\n"):
            yield offset, parse_line(line)
            offset += len(line)
        if len(line) == MAX_LINE:
            raise InputError(f"{self.path} has a line of more than {MAX_LINE} bytes: it is not a journal of promptseg, or badly damaged")

    def _is_record(self, record: Mapping[str, Any]) -> bool:
        """Return whether a line is a record whose models are known. Its other members are checked if it is the last of its image."""
        key = record.get("models")
        if not (isinstance(record["name"], str) and record.get("status") in ("done", "failed") and isinstance(record.get("run"), str)):
            return False
        return key is None or (isinstance(key, str) and key in self._models)

    def _index_last(self, places: Sequence[_Line]) -> None:
        """Index the last record of an image that can be used. Those after it count as damaged, and those before it as superseded."""
        for number, place in reversed(list(enumerate(places))):
            record = self._at(place)
            try:
                if self._check is not None and record is not None:
                    self._check(record)
            except ValueError:
                record = None
            if record is not None:
                self._superseded += sum(line.length for line in places[:number])
                self._index(record, place)
                return
            self.damaged += 1

    def _intact(self, name: str) -> tuple[dict[str, Any], bytes]:
        """Return the content of an image's last record, and its line."""
        place = self._places[name]
        self._reader.seek(place.offset)
        line = self._reader.read(place.length)
        content = parse_line(line)
        if content is None or content.get("name") != name:
            raise InputError(f"the record of {name} in {self.path} was damaged since the run began: repeat the command to do it again")
        return content, line

    def _at(self, place: _Line) -> dict[str, Any] | None:
        """Return the content of a line, or None if it was damaged."""
        self._reader.seek(place.offset)
        return parse_line(self._reader.read(place.length))

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

    def _index(self, record: Mapping[str, Any], line: _Line) -> None:
        name = record["name"]
        if name in self._places:
            self._superseded += self._places[name].length
        self._places[name] = line
        (self._failed.add if record["status"] == "failed" else self._failed.discard)(name)

    def _write(self, content: Mapping[str, Any]) -> _Line:
        """Append a line and return its place. A line that cannot be written completely is removed again."""
        line = memoryview(encode_line(content))
        if len(line) > MAX_LINE:
            raise OutputError(f"a record of {len(line)} bytes is longer than a journal takes, {MAX_LINE}: {self.path} is unchanged")
        start, written = self._end, 0
        try:
            while written < len(line):
                written += self._file.write(line[written:]) or 0
        except OSError as error:
            self._cut(start)
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}; the finished images are in it") from error
        self._end += len(line)
        return _Line(start, len(line))

    def _cut(self, end: int) -> None:
        """Remove what was written from an offset on."""
        self._file.truncate(end)
        self._end = end


def _is_open(header: Mapping[str, Any]) -> bool:
    """Return whether a header has no settings of a run, so that a run with any settings goes on with the journal."""
    return "config" not in header and "prompts" not in header


def _role(model: Mapping[str, Any]) -> tuple[object, object]:
    """Return what tells models of one run apart: a segmenter, and what finds concepts with it, have one name and two backends."""
    return model.get("model"), model.get("backend")
