"""`VideoJournal`: the file of a video's dataset folder, which only grows. Each line is whole or counts as never written.

Lines end with a checksum, as those of `promptseg.annotation.journal_lines`. A line that was cut off by the end of the process is removed
when the file is opened again; a damaged one is left aside and counted.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...annotation.journal_lines import MAX_LINE, encode_line, parse_line
from ...errors import InputError, OutputError

FORMAT = 1
"""Version of the file format."""


class VideoJournal:
    """Lines of a file, read by their offsets. The caller holds the lock of the folder.

    Args:
        path: The file. It is created if it does not exist.
        header: What the file is about. Its first line has it.

    Attributes:
        header: The header that the file has.
        damaged: Number of damaged lines.

    Raises:
        InputError: The file is not a journal of a video.
        OutputError: The file cannot be written.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path = path
        self.damaged = 0
        with contextlib.ExitStack() as stack, _opening(path):
            self._file = stack.enter_context(path.open("ab", buffering=0))
            self._reader = stack.enter_context(path.open("rb"))
            self._end = path.stat().st_size
            first = self._reader.readline(MAX_LINE)
            found = parse_line(first) if first.endswith(b"\n") else None
            if found is None and self._end > len(first):
                raise InputError(f"{path} is not a journal of a video, or its beginning is damaged: move it away")
            if found is not None and found.get("video") != FORMAT:
                raise InputError(f"{path} is a journal of format {str(found.get('video'))[:20]!r}, this version reads {FORMAT}")
            if found is None:
                self._file.truncate(0)
                self._end = 0
                self.append({"video": FORMAT, **header})
            self.header = {"video": FORMAT, **header} if found is None else found
            stack.pop_all()

    @property
    def nbytes(self) -> int:
        """Size of the file in bytes."""
        return self._end

    def lines(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the offset and content of each line after the header. An incomplete last line is removed from the file."""
        self._reader.seek(0)
        offset = len(self._reader.readline(MAX_LINE))
        while (line := self._reader.readline(MAX_LINE)).endswith(b"\n"):
            content = parse_line(line)
            if content is None:
                self.damaged += 1
            else:
                yield offset, content
            offset += len(line)
        if len(line) == MAX_LINE:
            raise InputError(f"{self.path} has a line of more than {MAX_LINE} bytes: it is not a journal of promptseg, or badly damaged")
        self._file.truncate(offset)
        self._end = offset

    def append(self, content: Mapping[str, Any]) -> int:
        """Append a line, and return its offset when it is on the disk.

        Raises:
            OutputError: It cannot be written. No part of it is left in the file.
        """
        line = memoryview(encode_line(content))
        start, written = self._end, 0
        try:
            while written < len(line):
                written += self._file.write(line[written:]) or 0
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(start)
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}; what was kept before is in it") from error
        self._end += len(line)
        return start

    def read(self, offset: int) -> dict[str, Any]:
        """Return the content of the line at an offset.

        Raises:
            InputError: It was damaged since the file was opened.
        """
        self._reader.seek(offset)
        content = parse_line(self._reader.readline(MAX_LINE))
        if content is None:
            raise InputError(f"a line of {self.path} was damaged since the file was opened: open the folder again")
        return content

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._reader.close()


@contextlib.contextmanager
def _opening(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot open {path}: {error.strerror or error}") from error
