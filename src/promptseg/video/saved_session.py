"""`SavedSession`: a video session in a file, as one NumPy archive of plain arrays, one of which is JSON. Nothing in it can be executed."""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..masks import Size
from ..results import Provenance
from ..runtime.files import output_errors, write_atomically

FORMAT = "promptseg video session 1"
_VALUES = "session.json"


@dataclass(frozen=True, eq=False)
class SavedSession:
    """What a session is, without its frames.

    Attributes:
        provenance: The model that tracks.
        size: ``(height, width)`` of the frames.
        values: What of it `json` can write.
        arrays: The rest, by name.
        path: Where it was read from.
    """

    provenance: Provenance
    size: Size
    values: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    path: Path | None = None

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes it to one file, which is either whole or not there.

        Raises:
            OutputError: The file cannot be written.
        """
        header = {"format": FORMAT, "provenance": self.provenance.to_dict(), "size": list(self.size), "values": dict(self.values)}
        text = np.frombuffer(json.dumps(header).encode("utf-8"), np.uint8)
        target = Path(path)
        with output_errors(target), write_atomically(target) as file:
            arrays: dict[str, Any] = {_VALUES: text, **self.arrays}
            np.savez(file, **arrays)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> SavedSession:
        """Reads what `write` wrote.

        Raises:
            InputError: The file is absent, damaged or something else.
        """
        source = Path(path)
        try:
            with source.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            header = json.loads(arrays.pop(_VALUES).tobytes())
            written = header["format"]
            made = header["provenance"]
            provenance = Provenance(**{**made, "fallback_from": tuple(made["fallback_from"])})
            height, width = header["size"]
            read = cls(provenance, (int(height), int(width)), header["values"], arrays, source)
        except OSError as error:
            raise InputError(f"cannot read the session {source}: {error.strerror or error}") from error
        except (KeyError, TypeError, ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{source} is no saved video session, or is damaged: {error}") from error
        if written != FORMAT:
            raise InputError(f"{source} is of format {written!r}; this version reads {FORMAT!r}")
        return read

    def check(self, provenance: Provenance, size: Size) -> None:
        """Whether a model can go on with it.

        Raises:
            InputError: It is of another model or of frames of another size.
        """
        told, here = self.provenance, provenance
        name = self.path or "the saved session"
        if (told.model, told.backend, dict(told.weights)) != (here.model, here.backend, dict(here.weights)):
            other = (
                "other weights" if (told.model, told.backend) == (here.model, here.backend) else f"model {told.model!r} ({told.backend})"
            )
            raise InputError(f"{name} was written by {other}, not by {here.model!r} ({here.backend}) with these weights")
        if self.size != size:
            raise InputError(f"{name} is of frames of size {self.size} (height, width), these have {size}")

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Within the block, values and arrays that are not as expected are an `InputError`."""
        try:
            yield
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{self.path or 'the saved session'} is damaged: {error}") from error
