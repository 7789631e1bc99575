"""Detectors on ONNX Runtime from exported files: RF-DETR, D-FINE and Grounding DINO. They need neither torch nor transformers.

A file is recognized by its inputs and outputs (`promptseg.models.detr.onnx_layouts`): as the authors export it, or as transformers.js has
it. Files in float16 and quantized ones run as well. A folder may have the file as ``model.onnx`` or ``onnx/model.onnx``, and beside it
``config.json`` with the classes, ``preprocessor_config.json`` with the size of the model input, and ``vocab.txt`` or ``tokenizer.json``
for Grounding DINO.

Options of `promptseg.load` and their defaults:

- ``threshold`` (``0.05``): Score threshold.
- ``max_detections`` (``300``): Maximum number of detections per image, of RF-DETR and D-FINE.
- ``imgsz`` (``None``): Side of the model input in pixels, for a file that takes any. None: the model's own.
- ``masks`` (``True``): Whether an RF-DETR-Seg returns masks.
- ``names`` (``None``): Names of the classes: a list, numbers with names, or a file as `promptseg.datasets.class_list` reads it. None: those
  of ``config.json`` or, with a warning, those of COCO.
- ``thresholds`` (``None``): Minimum scores of single phrases, of Grounding DINO, such as ``{"red car": 0.4}``.
- ``phrases_per_pass`` (``1``): Maximum number of phrases per forward pass, of Grounding DINO. A file that was exported with a caption of
  one phrase gives wrong scores for more. None: as many as the model can read.
- ``threads`` (``None``): Number of threads. None: the number of processors that this process may use.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ..errors import ConfigError, MissingDependencyError, WeightsMismatchError, WeightsNotFoundError, shown
from ..models.detr.detector import DetrDetector, DetrSettings
from ..models.detr.onnx_layouts import Described, OnnxDetr, recognize
from ..models.detr.preprocessing import OF_FAMILY, PREPROCESSOR, Family, ModelInput, read_object, read_preprocessor
from ..models.grounding_dino.captions import WordPieceTokenizer
from ..models.grounding_dino.detector import GroundingDino
from ..models.grounding_dino.files import VOCABULARIES
from ..models.grounding_dino.onnx_model import OnnxGrounding
from ..models.phrases import PhraseSettings
from ..registry import LoadRequest
from ..registry.spec import Engine, ModelSpec
from ..runtime.devices import kind_of
from ..runtime.host import thread_count
from ..runtime.onnx import Runtime, Session, device_of
from ..runtime.onnx_files import ends_in_probabilities, external_files, read_structure
from ..weights.store import ModelWeights, file_sha256
from ._class_names import CONFIG, MAX_CONFIG_BYTES, class_columns
from ._onnx_file import onnx_file, where_from

_BESIDE = (CONFIG, PREPROCESSOR, *VOCABULARIES)
"""Files that are read beside the model, or one folder above it."""

_FAMILIES: dict[str, Family] = {"rf_detr": "rf_detr", "d_fine": "d_fine"}
"""Families by the model type of transformers, and by the variant of the catalog."""


def load(request: LoadRequest) -> DetrDetector | GroundingDino:
    """Return the detector of a load request; the factory of backend ``onnx_detector``.

    Raises:
        ConfigError: An option has an invalid value or is not one of this kind of model, or the device is not available.
        MissingDependencyError: Grounding DINO needs tokenizers, which is not installed.
        WeightsNotFoundError: There are no weights, or a file is missing beside them.
        WeightsMismatchError: The file is damaged, is not a detector that is read here, or is of another family than the model.
    """
    options = request.options
    settings, phrases = DetrSettings.checked(options), PhraseSettings.checked(options)
    threads, device = thread_count(options["threads"]), device_of(request.device)
    files = request.weights.files
    path = next((file for file in files.values() if file.suffix.lower() == ".onnx"), None)
    if path is None:
        raise WeightsNotFoundError(
            f"model {request.model.name!r} runs an ONNX file of your own with this engine: "
            f"'{request.model.name}=PATH' or weights=PATH{where_from(request.engine)}"
        )
    graph = Runtime(device, threads).session(path)
    described = recognize(graph.inputs, graph.outputs, str(path))
    config = read_object(files[CONFIG], MAX_CONFIG_BYTES) if CONFIG in files else {}
    dtype = "float16" if graph.inputs[described.image].kind == "tensor(float16)" else "float32"
    provenance = request.provenance(f"onnxruntime {onnxruntime.__version__}", kind_of(device), dtype)
    run = _runner(graph)
    if described.layout == "grounding_dino":
        _check_family(request, "grounding_dino", str(path))
        _refuse(options, ("names", "imgsz"), "Grounding DINO")
        model = OnnxGrounding(run, graph.inputs, provenance, str(path))
        return GroundingDino(model, _tokenizer(files, path), phrases, model.input_size)
    family = _family(request, described, config, files, path)
    _refuse(options, ("thresholds",), "detectors with a fixed list of classes")
    model_input = _input(files, family, described, settings.imgsz, path)
    count = (
        described.classes
        if described.layout == "d_fine" or described.classes is not None
        else _columns(run, described, graph, model_input, path)
    )
    classes = class_columns(options["names"], count, config, str(files.get(CONFIG)), str(path))
    probabilities = described.layout != "d_fine" and ends_in_probabilities(read_structure(path).graph, described.scores)
    network = OnnxDetr(run, described, graph.inputs, str(path), max(classes.columns) + 1, probabilities=probabilities)
    return DetrDetector(network, classes, model_input, provenance, settings)


def find_weights(path: Path, model: ModelSpec, engine: Engine) -> ModelWeights:
    """Return the files of a detector: an ONNX file or a folder with one, the weights that it has in other files, and what lies beside it.

    Args:
        path: The file or folder.
        model: The model.
        engine: Engine of the model that runs the weights.

    Raises:
        WeightsNotFoundError: The path does not exist, or the folder has no ONNX file, or several of which none is the model's.
        WeightsMismatchError: The file is not an ONNX file, or is damaged.
    """
    file = onnx_file(path, model, engine)
    found = {one.name: one for one in (file, *external_files(file))}
    for name in _BESIDE:
        place = next((folder / name for folder in (file.parent, file.parent.parent) if (folder / name).is_file()), None)
        if place is not None and (
            place.parent == file.parent or file.parent.name == "onnx" or _is_of_detector(file.parent.parent / CONFIG)
        ):
            found[name] = place
    return ModelWeights(found, {name: file_sha256(one) for name, one in found.items()})


def _is_of_detector(config: Path) -> bool:
    """Return whether a configuration one folder above a file can be that of a detector; it could be of anything."""
    return config.is_file() and read_object(config, MAX_CONFIG_BYTES).get("model_type") in (*_FAMILIES, "grounding-dino")


def _runner(graph: Session) -> Any:
    def run(inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return {name: value.numpy() for name, value in zip(graph.outputs, graph(inputs), strict=True)}

    return run


def _check_family(request: LoadRequest, family: str, path: str) -> None:
    if request.engine.variant not in ("any", family):
        raise WeightsMismatchError(f"{path} is of a {family}, and model {request.model.name!r} is of a {request.engine.variant}")


def _family(request: LoadRequest, described: Described, config: Mapping[str, Any], files: Mapping[str, Path], path: Path) -> Family:
    """Return the family of a detector: that of its layout or, in the one that both share, of what lies beside it or of the catalog."""
    if described.layout in _FAMILIES:
        family = _FAMILIES[described.layout]
    else:
        own = config.get("model_type")
        if own is not None and own not in _FAMILIES:
            raise WeightsMismatchError(f"{files[CONFIG]} is of model type {shown(own)}, expected {' or '.join(_FAMILIES)}")
        known = own or request.engine.variant
        if known not in _FAMILIES:
            raise WeightsMismatchError(
                f"{path} may be an RF-DETR or a D-FINE, which take other inputs: put its config.json beside it, "
                f"or load it as 'rf-detr-base={path}' or 'd-fine-m={path}'"
            )
        family = _FAMILIES[known]
    _check_family(request, family, str(path))
    return family


def _input(files: Mapping[str, Path], family: Family, described: Described, imgsz: int | None, path: Path) -> ModelInput:
    found = read_preprocessor(files[PREPROCESSOR], family) if PREPROCESSOR in files else OF_FAMILY[family]
    if described.size is not None:
        if imgsz is not None and (imgsz, imgsz) != described.size:
            height, width = described.size
            raise ConfigError(f"this model has a fixed input size of {height} x {width} pixels, and imgsz={imgsz} asks for another")
        return found.sized(described.size)
    if imgsz is not None:
        return found.sized((imgsz, imgsz))
    if found.size is None:
        raise WeightsNotFoundError(
            f"{path} takes images of any size, and has no {PREPROCESSOR} beside it, which says the right one: get it, or give imgsz"
        )
    return found


def _columns(run: Any, described: Described, graph: Session, model_input: ModelInput, path: Path) -> int:
    """Return the number of columns of the classes, by running the model on a black image."""
    output = OnnxDetr(run, described, graph.inputs, str(path), 0)(model_input(np.zeros((1, 1, 3), np.uint8)))
    return int(output.scores.shape[1])


def _refuse(options: Mapping[str, Any], names: tuple[str, ...], kind: str) -> None:
    for name in names:
        if options[name] is not None:
            other = "detectors with a fixed list of classes" if name != "thresholds" else "Grounding DINO"
            raise ConfigError(f"option {name} is of {other}, and this file is of {kind}: leave it out")


def _tokenizer(files: Mapping[str, Path], path: Path) -> WordPieceTokenizer:
    """Return the tokenizer of a Grounding DINO."""
    vocabulary = next((files[name] for name in VOCABULARIES if name in files), None)
    if vocabulary is None:
        raise WeightsNotFoundError(f"{path} has no vocabulary: expected {' or '.join(VOCABULARIES)} beside it, or one folder above")
    try:
        return WordPieceTokenizer.from_file(vocabulary)
    except ImportError as error:
        raise MissingDependencyError(
            f"Grounding DINO needs tokenizers, which is not installed: pip install tokenizers ({error})"
        ) from error
