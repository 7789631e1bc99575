"""The one ONNX file of a model: a file, or the one in a user's folder."""

from __future__ import annotations

from pathlib import Path

from .._checks import absent_hint
from ..errors import WeightsMismatchError, WeightsNotFoundError
from ..registry.spec import Engine, ModelSpec

_SUFFIX = ".onnx"
_MAX_NAMED = 8
"""Maximum number of files that a message names."""


def onnx_file(path: Path, model: ModelSpec, engine: Engine) -> Path:
    """Return the ONNX file at a path.

    Args:
        path: The file, or a folder with it. Of a folder, the file that the engine names, ``model.onnx``, or the only one is taken. It may
            lie in a folder ``onnx``.
        model: The model.
        engine: Engine of the model that runs the file.

    Raises:
        WeightsNotFoundError: The path does not exist, or the folder has no ONNX file, or several of which none is the model's.
        WeightsMismatchError: The file has another suffix.
    """
    if not path.exists():
        raise WeightsNotFoundError(f"there is no weights file {path}{absent_hint(path)}")
    file = _in_folder(path, model, engine) if path.is_dir() else path
    if file.suffix.lower() != _SUFFIX:
        raise WeightsMismatchError(f"{file} is not for engine {engine.name!r}, which runs {_SUFFIX} files")
    return file


def where_from(engine: Engine) -> str:
    """Return how to get the files of an engine, for the end of a message; empty if they are nowhere."""
    return f". Get it with `hf download {engine.repository} --local-dir FOLDER`" if engine.repository else ""


def _in_folder(folder: Path, model: ModelSpec, engine: Engine) -> Path:
    named = [folder / name for name in (*engine.contents, *(file.name for file in engine.files)) if name.endswith(_SUFFIX)]
    for file in (*named, folder / "model.onnx", folder / "onnx" / "model.onnx"):
        if file.is_file():
            return file
    places = [place for place in (folder, folder / "onnx") if place.is_dir()]
    found = sorted(one for place in places for one in place.iterdir() if one.suffix.lower() == _SUFFIX)
    if len(found) == 1:
        return found[0]
    if found:
        some = ", ".join(str(one) for one in found[:_MAX_NAMED])
        raise WeightsNotFoundError(
            f"{folder} has {len(found)} ONNX files, and none is model.onnx: give one of them as {model.name}=PATH: {some}"
        )
    raise WeightsNotFoundError(f"{folder} has no ONNX file: expected model.onnx or onnx/model.onnx{where_from(engine)}")
