"""Manifest of a weights folder that promptseg wrote: which model it has and how `load` runs it.

`promptseg.export_onnx` writes a manifest beside an encoder and a decoder. It names the model and the backend that reads the files, and has
the SHA-256 of each file. So loading detects a pair that is incomplete, mixed or damaged. `promptseg.finetune_decoder` writes a manifest
beside a decoder, with the files of its base model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PureWindowsPath

from ..errors import InputError, WeightsMismatchError, WeightsNotFoundError, shown
from ..runtime.structured import read_json

NAME = "promptseg.json"
"""File name of a manifest."""

RECORD = "training.json"
"""File name of the training record beside a manifest: what fine-tuned weights were trained on, and how."""

_MAX_BYTES = 1 << 20
_LONGEST = 4096  # Characters of a path on Linux.


@dataclass(frozen=True)
class Manifest:
    """Contents of a weights folder.

    Attributes:
        model: Name of the model.
        backend: Name of the backend that reads the files.
        variant: Architecture or file layout, as the backend names it.
        sha256: Hex digest of each file, by name, which may begin with a folder and ``/``.
        engine: Name of the engine.
        base: Hex digest of each file of the base model that a fine-tuned decoder needs, by name. The files may be in the folder, too.
        base_paths: Path of each of these files, by name, if they are a user's own; empty for published weights.
    """

    model: str
    backend: str
    variant: str
    sha256: Mapping[str, str]
    engine: str = "onnx"
    base: Mapping[str, str] = field(default_factory=dict)
    base_paths: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write the manifest into a folder."""
        (folder / NAME).write_text(json.dumps(asdict(self), indent=1) + "\n", "utf-8")


def read(folder: Path) -> Manifest | None:
    """Return the manifest of a folder, or None if it has none, is absent or is a file.

    Raises:
        WeightsNotFoundError: The manifest exists but cannot be read.
        WeightsMismatchError: The file is not a valid manifest.
    """
    path = folder / NAME
    try:
        values = read_json(path, _MAX_BYTES)
    except InputError as error:
        cause = error.__cause__
        if isinstance(cause, (FileNotFoundError, NotADirectoryError)):
            return None
        kind = WeightsNotFoundError if isinstance(cause, OSError) else WeightsMismatchError
        raise kind(str(error)) from error
    try:
        found = Manifest(**values)
        texts = [found.model, found.backend, found.variant, found.engine]
        for files in (found.sha256, found.base, found.base_paths):
            texts += [*files, *files.values()]
    except (TypeError, AttributeError) as error:
        raise WeightsMismatchError(f"{path} should have model, backend, variant and the sha256 of each file: {error}") from error
    if not all(isinstance(text, str) and len(text) <= _LONGEST and "\0" not in text for text in texts) or any(
        not _is_inside(name) for name in (*found.sha256, *found.base)
    ):
        raise WeightsMismatchError(f"{path} should hold names and digests of files beside it, got {shown(values)}")
    return found


def _is_inside(name: str) -> bool:
    """Return whether a name is that of a file beside a manifest, or in a folder beside it."""
    parts = name.split("/")
    return len(parts) <= 2 and not any(part in ("", ".", "..") or PureWindowsPath(part).name != part for part in parts)
