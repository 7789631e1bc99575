"""A folder of weights that promptseg wrote says itself what it holds, so that `load` knows how to run it.

`promptseg.export_onnx` writes a small file beside an encoder and a decoder: which model they are, which backend reads them, and the
SHA-256 of each. A pair that is incomplete, mixed or damaged is thereby found when it is loaded. `promptseg.finetune_decoder` writes the
same file beside a decoder, and in it what that decoder builds on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import WeightsMismatchError, WeightsNotFoundError

NAME = "promptseg.json"
"""Name of the file."""

RECORD = "training.json"
"""Name of the file beside it that says what fine-tuned weights were trained on, and how."""


@dataclass(frozen=True)
class Manifest:
    """What a folder of weights holds.

    Attributes:
        model: Name of the model.
        backend: Name of the backend that reads the files.
        variant: What that backend needs to know of them.
        sha256: Hex digest by name of file.
        engine: Name of the engine.
        base: Hex digest by name of the files, of the same model, that those in the folder build on. They may lie in the folder, too.
        base_paths: Where those files are, by name, if they are a user's own; empty for the published ones.
    """

    model: str
    backend: str
    variant: str
    sha256: Mapping[str, str]
    engine: str = "onnx"
    base: Mapping[str, str] = field(default_factory=dict)
    base_paths: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Writes the file into a folder."""
        (folder / NAME).write_text(json.dumps(asdict(self), indent=1) + "\n", "utf-8")


def read(folder: Path) -> Manifest | None:
    """What a folder says of itself, or None where it says nothing, as where it is absent or a file.

    Raises:
        WeightsNotFoundError: The file is there and cannot be read.
        WeightsMismatchError: It is not such a file.
    """
    path = folder / NAME
    try:
        values = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise WeightsNotFoundError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise WeightsMismatchError(f"{path} is not JSON: {error}") from error
    try:
        found = Manifest(**values)
        texts = [found.model, found.backend, found.variant, found.engine]
        for files in (found.sha256, found.base, found.base_paths):
            texts += [*files, *files.values()]
    except (TypeError, AttributeError) as error:
        raise WeightsMismatchError(f"{path} should say model, backend, variant and sha256 of each file: {error}") from error
    if not all(isinstance(text, str) for text in texts) or any(Path(name).name != name for name in (*found.sha256, *found.base)):
        raise WeightsMismatchError(f"{path} should hold names and digests of files beside it, got {values}")
    return found
