"""Files of a pair of ONNX graphs in a user's folder: the two graphs, files with their weights, and how images are prepared.

Which of the two is the encoder is told by their inputs (`promptseg.models.sam.onnx.layouts`), not by names.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import WeightsNotFoundError
from ..models.sam.onnx.preprocessing import PREPROCESSOR
from ..registry.spec import Engine, ModelSpec
from ..runtime.onnx_files import external_files
from ..weights.store import ModelWeights, file_sha256, given_weights

SUFFIX = ".onnx"
_FOLDER = "onnx"
"""Folder of the graphs in the layout of transformers.js."""
_MAX_NAMED = 20
"""Maximum number of files that a message names."""


def find_weights(path: Path, _model: ModelSpec, engine: Engine) -> ModelWeights:
    """Return the files of a pair in a user's folder.

    Args:
        path: The folder, or a folder with a folder ``onnx``.
        _model: The model.
        engine: Engine of the model. If it names the files that it reads of a folder, or if the folder has the files of the catalog, these
            are taken. Otherwise the graphs are those that are there, which must be two.

    Raises:
        WeightsNotFoundError: The folder does not exist, or does not hold two graphs.
        WeightsMismatchError: A graph is damaged.
    """
    names = engine.names_in(path)
    if engine.contents:
        graphs = [path / name for name in engine.contents if name.endswith(SUFFIX)]
    elif path.is_dir() and not (names and all((path / name).is_file() for name in names)):
        graphs = _graphs_in(path)
    else:
        return given_weights(path, names)
    beside = [file for graph in graphs for file in external_files(graph)]
    told = [folder / PREPROCESSOR for folder in (path, graphs[0].parent) if (folder / PREPROCESSOR).is_file()]
    files = {file.relative_to(path).as_posix(): file for file in (*graphs, *beside, *told[:1])}
    return ModelWeights(files, {name: file_sha256(file) for name, file in files.items()})


def _graphs_in(folder: Path) -> list[Path]:
    """Return the two ONNX files of a folder or, if it has none, of its folder ``onnx``."""
    found: list[Path] = []
    for place in (folder, folder / _FOLDER):
        if not found and place.is_dir():
            found = sorted(file for file in place.iterdir() if file.suffix == SUFFIX and file.is_file())
    if len(found) != 2:
        held = ", ".join(file.name for file in found[:_MAX_NAMED]) or "none"
        raise WeightsNotFoundError(f"{folder} should hold 2 files ({SUFFIX}, {SUFFIX}); of these kinds it holds {held}")
    return found
