"""`SavedSession`: the state of a video session in a file.

The file is a NumPy archive of plain arrays, one of which holds JSON. It is read without pickle, so no code in it can run.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import whole_number
from ..errors import InputError
from ..masks import Mask, Size
from ..results import Provenance
from ..runtime.files import output_errors, write_atomically
from ..runtime.npz import read_npz, write_npz

FORMAT = "promptseg video session 1"
_VALUES = "session.json"


@dataclass(frozen=True, eq=False)
class SavedSession:
    """State of a video session without its frames.

    Attributes:
        provenance: Provenance of the model that tracks.
        size: ``(height, width)`` of the frames.
        values: The part of the state that JSON can hold.
        arrays: The arrays of the state, by name.
        path: Path that it was read from.
    """

    provenance: Provenance
    size: Size
    values: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    path: Path | None = None

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the session to one file, atomically.

        Raises:
            OutputError: The file cannot be written.
        """
        header = {"format": FORMAT, "provenance": self.provenance.to_dict(), "size": list(self.size), "values": dict(self.values)}
        text = np.frombuffer(json.dumps(header).encode("utf-8"), np.uint8)
        target = Path(path)
        with output_errors(target), write_atomically(target) as file:
            write_npz(file, {_VALUES: text, **self.arrays})

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> SavedSession:
        """Read a session that `write` has written.

        Raises:
            InputError: The file is missing, damaged or not a saved session.
        """
        source = Path(path)
        try:
            arrays, _ = read_npz(source)
            header = json.loads(arrays.pop(_VALUES).tobytes())
            written = header["format"]
            provenance = Provenance.from_dict(header["provenance"])
            height, width = header["size"]
            read = cls(provenance, (int(height), int(width)), dict(header["values"]), arrays, source)
        except OSError as error:
            raise InputError(f"cannot read the session {source}: {error.strerror or error}") from error
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise InputError(f"{source} is not a saved video session, or is damaged: {error}") from error
        if written != FORMAT:
            raise InputError(f"{source} has format {written!r}, but this version reads {FORMAT!r}")
        return read

    def check(self, provenance: Provenance, size: Size) -> None:
        """Raise an error if a model and a video do not fit the session.

        Raises:
            InputError: The session was made with another model or other weights, or with frames of another size.
        """
        saved, here = self.provenance, provenance
        name = self.path or "the saved session"
        if (saved.model, saved.backend, dict(saved.weights)) != (here.model, here.backend, dict(here.weights)):
            same_model = (saved.model, saved.backend) == (here.model, here.backend)
            other = "other weights" if same_model else f"model {saved.model!r} ({saved.backend})"
            raise InputError(f"{name} was written by {other}, not by {here.model!r} ({here.backend}) with these weights")
        if self.size != size:
            raise InputError(f"{name} was made with frames of size {self.size} (height, width), but these frames have {size}")

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Raise `InputError`, in the ``with`` block, for values or arrays that are missing or of the wrong form."""
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError, MemoryError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{self.path or 'the saved session'} is damaged: {error}") from error


def saved_number(value: object) -> int:
    """Return an index or id from a saved session: a whole number of at least 0.

    Raises:
        InputError: It is something else.
    """
    return whole_number("a frame or an id in a saved session", value, 0, InputError)


def saved_mask(rle: Mapping[str, Any], size: Size, score: float | None = None) -> Mask:
    """Return a mask from a saved session.

    Args:
        rle: The mask as COCO RLE.
        size: Size ``(height, width)`` that it must have. It is compared before the mask is decoded.
        score: Score of the mask.

    Raises:
        ValueError: The mask has another size, or it is damaged.
    """
    if list(rle["size"]) != list(size):
        raise ValueError(f"it has a mask of size {str(rle['size'])[:40]} for frames of size {size} (height, width)")
    return Mask.from_coco_rle(dict(rle), score=score)
