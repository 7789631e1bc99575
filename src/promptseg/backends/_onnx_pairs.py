"""Files of a pair of ONNX graphs in a user's folder: the two graphs of one precision, weights beside them, and how images are prepared.

transformers.js has each graph in several precisions beside one another, told apart by the end of the name, in a folder ``onnx`` or not.
Which of two graphs is the encoder is told by their inputs (`promptseg.models.sam.onnx.layouts`), not by names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ..errors import ConfigError, WeightsNotFoundError, one_of, shown
from ..models.sam.onnx.preprocessing import PREPROCESSOR
from ..registry.spec import Engine, ModelSpec
from ..runtime.onnx_files import external_files
from ..weights.store import ModelWeights, file_sha256, given_weights

PRECISIONS: Mapping[str, str] = {
    "float32": "",
    "float16": "_fp16",
    "quantized": "_quantized",
    "int8": "_int8",
    "uint8": "_uint8",
    "q4": "_q4",
    "q4f16": "_q4f16",
    "bnb4": "_bnb4",
}
"""Values of option ``precision`` and the ends of the names of their files. Without the option, the first that is there is taken."""

_ONNX = "onnx"
_STEMS = ("vision_encoder", "prompt_encoder_mask_decoder")
"""Names of the graphs in the layout of transformers.js, where a folder holds others, too."""
_MAX_FILES = 200


class _Digests(Mapping[str, str]):
    """SHA-256 of files by name, each computed when it is asked for: a folder may hold gigabytes that are not read."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files
        self._known: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self._known:
            self._known[name] = file_sha256(self._files[name])
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def find_weights(path: Path, _model: ModelSpec, engine: Engine) -> ModelWeights:
    """Return the ONNX graphs in a user's folder, in all precisions, and the file that tells how images are prepared.

    Args:
        path: The folder, or a folder with a folder ``onnx``.
        _model: The model.
        engine: Engine of the model. If the folder has its files by their names, these are taken.

    Raises:
        WeightsNotFoundError: The folder does not exist, or holds no pair.
    """
    names = engine.names_in(path)
    if not path.is_dir() or (names and all((path / name).is_file() for name in names)):
        return given_weights(path, names)
    found = {file.relative_to(path).as_posix(): file for file in _graphs_in(path)}
    if len(found) < 2 or not _pairs(found):
        held = ", ".join(found) or "none"
        raise WeightsNotFoundError(f"{path} should hold 2 files (.onnx, .onnx); of these kinds it holds {held}")
    for folder in (path, *{file.parent for file in found.values()}):
        if (folder / PREPROCESSOR).is_file():
            found[PREPROCESSOR] = folder / PREPROCESSOR
            break
    return ModelWeights(found, _Digests(found))


def chosen_pair(weights: ModelWeights, precision: object) -> ModelWeights:
    """Return the files of one precision: two graphs, the files with their weights, and how images are prepared.

    Args:
        weights: The files that were found or fetched.
        precision: Option ``precision``: one of `PRECISIONS`, or None for the first that is there. A precision that only the encoder has
            goes with the decoder in float32.

    Raises:
        ConfigError: The option has another value, or the files are not there in this precision.
        WeightsMismatchError: A graph is damaged.
    """
    if precision is not None and precision not in PRECISIONS:
        raise ConfigError(f"option precision is one of {', '.join(PRECISIONS)} or None, got {shown(precision)}")
    graphs = {name: path for name, path in weights.files.items() if path.suffix == ".onnx"}
    pairs = _pairs(graphs)
    if precision is None and (len(graphs) <= 2 or not pairs):
        names = list(graphs)
    elif precision is None:
        names = next(iter(pairs.values()))
    elif precision not in pairs:
        raise ConfigError(f"the weights are not there in precision {precision!r}: take {one_of(pairs) if pairs else 'another folder'}")
    else:
        names = pairs[str(precision)]
    files = {name: graphs[name] for name in names}
    beside = {path: f"{name.rpartition('/')[0]}/{path.name}".lstrip("/") for name in names for path in external_files(graphs[name])}
    files |= {name: path for path, name in beside.items()}
    files |= {name: path for name, path in weights.files.items() if path.name == PREPROCESSOR}
    return ModelWeights(
        files, {name: weights.sha256[name] if name in weights.sha256 else file_sha256(path) for name, path in files.items()}
    )


def _graphs_in(folder: Path) -> list[Path]:
    """Return the ONNX files of a folder or, if it has none, of its folder ``onnx``."""
    for place in (folder, folder / _ONNX):
        found = sorted(file for file in place.iterdir() if file.suffix == ".onnx" and file.is_file()) if place.is_dir() else []
        if found:
            return found[:_MAX_FILES]
    return []


def _pairs(graphs: Mapping[str, Path]) -> dict[str, list[str]]:
    """Return the names of the two graphs of each precision, in the order of `PRECISIONS`."""
    by_precision: dict[str, dict[str, str]] = {precision: {} for precision in PRECISIONS}
    for name, path in graphs.items():
        precision = _precision_of(path)
        by_precision[precision][path.stem.removesuffix(PRECISIONS[precision])] = name
    whole = by_precision["float32"]
    pairs = {}
    for precision, stems in by_precision.items():
        both = {stem: name for stem, name in {**whole, **stems}.items() if stem in _STEMS} if _STEMS[0] in stems else stems
        if len(both) == 2:
            pairs[precision] = list(both.values())
    return pairs


def _precision_of(path: Path) -> str:
    ends = sorted(PRECISIONS, key=lambda precision: -len(PRECISIONS[precision]))
    return next(precision for precision in ends if path.stem.endswith(PRECISIONS[precision]))
