"""Loading of models by name."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Union, cast

from ..errors import BackendError, ConfigError, PromptSegError, nearest, one_of, shown
from ..matting.protocol import Matting
from ..protocols import ConceptSegmenter, Detector, FeatureExtractor, Segmenter, VideoSegmenter
from ..runtime.devices import check_device
from ..weights.store import ModelWeights
from .builtin_backends import DEFAULT_CONCEPT_MODEL, DEFAULT_MODEL
from .catalog import backends
from .choice import choose
from .fallback import FallbackChain, FallbackSegmenter, fallback_chain
from .installed import check_installed
from .spec import KIND_NAMES, BackendKind, BackendSpec, Choice, LoadRequest
from .weight_files import resolve, weights_of

_log = logging.getLogger(__name__)

Model = Union[Segmenter, Detector, ConceptSegmenter, FeatureExtractor, Matting, VideoSegmenter]
"""Model that `load` returns. The model's backend determines the kind."""


def load(
    name: str = DEFAULT_MODEL,
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    engine: str | None = None,
    fallback: Sequence[str] = (),
    **options: Any,
) -> Model:
    """Load a model of any kind. Its weights are fetched if they are not cached, and verified.

    `load_segmenter`, `load_detector`, `load_concept`, `load_features`, `load_matting` and `load_video` do the same for one kind of model
    and have a precise return type.

    Args:
        name: A model name (see `list_models`), ``"hf:owner/name"`` or ``"hf:owner/name@revision"`` for a folder on the Hugging Face hub,
            the path of a folder that promptseg or transformers wrote, or ``"name=path/to/weights"``.
        weights: A file or folder of your own weights, in place of the published weights.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``.
        engine: Name of the engine, if the model has several; default: the engine that reads the given weights, or else the first.
        fallback: Segmenters to try in this order if the model does not fit into memory. They get the same device and options.
        **options: Options of the backend, such as ``threads=2``. The reference lists them (Configuration, "Options of backends"), and so
            does the error for a name that is none of them.

    Returns:
        A `Segmenter`, `Detector`, `ConceptSegmenter`, `FeatureExtractor`, `Matting` or `VideoSegmenter`; with `fallback` a
        `promptseg.registry.fallback.FallbackSegmenter`.

    Raises:
        UnknownModelError: There is no such model.
        ConfigError: The engine, the device or an option does not exist.
        MissingDependencyError: A package is missing. The message has the command that installs it.
        WeightsError: The weights are not available or not as expected.
        OutOfMemoryError: Neither the model nor a model of `fallback` fits into memory.
    """
    return load_chosen(fallback_chain(choose(name, weights=weights, engine=engine), fallback), device, options)


def load_segmenter(
    name: str = DEFAULT_MODEL,
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    engine: str | None = None,
    fallback: Sequence[str] = (),
    **options: Any,
) -> Segmenter:
    """Load a segmenter. Its weights are fetched if they are not cached, and verified.

    Args:
        name: A model name (see `list_models`), ``"hf:owner/name"`` or ``"hf:owner/name@revision"`` for a folder on the Hugging Face hub,
            the path of a folder that promptseg or transformers wrote, or ``"name=path/to/weights"``.
        weights: A file or folder of your own weights, in place of the published weights.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``.
        engine: Name of the engine, if the model has several; default: the engine that reads the given weights, or else the first.
        fallback: Segmenters to try in this order if the model does not fit into memory. They get the same device and options.
        **options: Options of the backend, such as ``threads=2``. The reference lists them (Configuration, "Options of backends"), and so
            does the error for a name that is none of them.

    Raises:
        UnknownModelError: There is no such model.
        ConfigError: The model is not a segmenter, or the engine, the device or an option does not exist.
        MissingDependencyError: A package is missing. The message has the command that installs it.
        WeightsError: The weights are not available or not as expected.
        OutOfMemoryError: Neither the model nor a model of `fallback` fits into memory.
    """
    first = _of_kind("segmenter", choose(name, weights=weights, engine=engine, kind="segmenter"))
    return cast("Segmenter", load_chosen(fallback_chain(first, fallback), device, options))


def load_detector(
    name: str, *, weights: str | Path | None = None, device: str = "auto", engine: str | None = None, **options: Any
) -> Detector:
    """Load a detector. Its weights are fetched if they are not cached, and verified.

    Args:
        name: A model name (see `list_models`), ``"hf:owner/name"`` or ``"hf:owner/name@revision"`` for a folder on the Hugging Face hub,
            the path of a folder that promptseg or transformers wrote, or ``"name=path/to/weights"``.
        weights: A file or folder of your own weights, in place of the published weights.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``.
        engine: Name of the engine, if the model has several; default: the engine that reads the given weights, or else the first.
        **options: Options of the backend, such as ``threads=2``. The reference lists them (Configuration, "Options of backends"), and so
            does the error for a name that is none of them.

    Raises:
        UnknownModelError: There is no such model.
        ConfigError: The model is not a detector, or the engine, the device or an option does not exist.
        MissingDependencyError: A package is missing. The message has the command that installs it.
        WeightsError: The weights are not available or not as expected.
        OutOfMemoryError: The model does not fit into memory.
    """
    chosen = _of_kind("detector", choose(name, weights=weights, engine=engine, kind="detector"))
    return cast("Detector", load_chosen((chosen,), device, options))


def load_concept(
    name: str = DEFAULT_CONCEPT_MODEL,
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    engine: str | None = None,
    **options: Any,
) -> ConceptSegmenter:
    """Load a model that finds every instance of what a phrase or examples describe. Its weights are fetched if they are not cached.

    Args:
        name: A model name (see `list_models`), ``"hf:owner/name"`` or ``"hf:owner/name@revision"`` for a folder on the Hugging Face hub,
            the path of a folder that promptseg or transformers wrote, or ``"name=path/to/weights"``.
        weights: A file or folder of your own weights, in place of the published weights.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``.
        engine: Name of the engine, if the model has several; default: the engine that reads the given weights, or else the first.
        **options: Options of the backend, listed in its documentation.

    Raises:
        UnknownModelError: There is no such model.
        ConfigError: The model is not a concept segmenter, or the engine, the device or an option does not exist.
        MissingDependencyError: A package is missing. The message has the command that installs it.
        WeightsError: The weights are not available or not as expected.
        OutOfMemoryError: The model does not fit into memory.
    """
    chosen = _of_kind("concept", choose(name, weights=weights, engine=engine, kind="concept"))
    return cast("ConceptSegmenter", load_chosen((chosen,), device, options))


def load_features(
    name: str, *, weights: str | Path | None = None, device: str = "auto", engine: str | None = None, **options: Any
) -> FeatureExtractor:
    """Load a model that computes features of images. Its weights are fetched if they are not cached.

    Args:
        name: A model name (see `list_models`), ``"hf:owner/name"`` or ``"hf:owner/name@revision"`` for a folder on the Hugging Face hub,
            the path of a folder that promptseg or transformers wrote, or ``"name=path/to/weights"``.
        weights: A file or folder of your own weights, in place of the published weights.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``.
        engine: Name of the engine, if the model has several; default: the engine that reads the given weights, or else the first.
        **options: Options of the backend, listed in its documentation.

    Raises:
        UnknownModelError: There is no such model.
        ConfigError: The model does not compute features, or the engine, the device or an option does not exist.
        MissingDependencyError: A package is missing. The message has the command that installs it.
        WeightsError: The weights are not available or not as expected.
        OutOfMemoryError: The model does not fit into memory.
    """
    chosen = _of_kind("features", choose(name, weights=weights, engine=engine, kind="features"))
    return cast("FeatureExtractor", load_chosen((chosen,), device, options))


def load_matting(
    name: str, *, weights: str | Path | None = None, device: str = "auto", engine: str | None = None, **options: Any
) -> Matting:
    """Load a model that computes the alpha at the border of an object, for cutouts. Its weights are fetched if they are not cached.

    Args:
        name: A model name (see `list_models`), ``"hf:owner/name"`` or ``"hf:owner/name@revision"`` for a folder on the Hugging Face hub,
            the path of a folder that promptseg or transformers wrote, or ``"name=path/to/weights"``.
        weights: A file or folder of your own weights, in place of the published weights.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``.
        engine: Name of the engine, if the model has several; default: the engine that reads the given weights, or else the first.
        **options: Options of the backend, listed in its documentation.

    Raises:
        UnknownModelError: There is no such model.
        ConfigError: The model does not compute alpha, or the engine, the device or an option does not exist.
        MissingDependencyError: A package is missing. The message has the command that installs it.
        WeightsError: The weights are not available or not as expected.
        OutOfMemoryError: The model does not fit into memory.
    """
    chosen = _of_kind("matting", choose(name, weights=weights, engine=engine, kind="matting"))
    return cast("Matting", load_chosen((chosen,), device, options))


def load_video(
    name: str = DEFAULT_MODEL,
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    engine: str | None = None,
    tracker: str | None = None,
    **options: Any,
) -> VideoSegmenter:
    """Load a model that tracks objects through videos.

    Args:
        name: A model name (see `list_models`), ``"hf:owner/name"`` or ``"hf:owner/name@revision"`` for a folder on the Hugging Face hub,
            the path of a folder that promptseg or transformers wrote, or ``"name=path/to/weights"``.
        weights: A file or folder of your own weights, in place of the published weights. Segmentation and tracking use the same weights.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``.
        engine: Name of the engine, if the model has several; default: the engine that reads the given weights, or else the first.
        tracker: Name of the backend of kind ``"video"`` that tracks; default: the model's own tracker, or ``"propagate"`` for a segmenter
            without one.
        **options: Options of the tracker. With another tracker than the model's own, also options of the segmenter that it tracks with.

    Returns:
        A `VideoSegmenter`. A model that finds concepts in videos, such as ``sam3``, is a `ConceptVideoSegmenter` in its place: its sessions
        have ``find`` where those of others have prompts, and `promptseg.pipeline` takes both.

    Raises:
        UnknownModelError: There is no such model.
        ConfigError: The model cannot track, or the engine, the device, the tracker or an option does not exist.
        MissingDependencyError: A package is missing. The message has the command that installs it.
        WeightsError: The weights are not available or not as expected.
        OutOfMemoryError: The model does not fit into memory.
    """
    chosen = choose(name, weights=weights, engine=engine)
    backend = tracker_of(chosen, tracker)
    backend.check_installed()
    check_installed(chosen)
    tracking = Choice(chosen.model, chosen.engine, backend, chosen.weights, chosen.manifest)
    if backend.name in (chosen.backend.name, chosen.backend.video):
        tracking.check_options(options)
        request = tracking.request(weights_of(chosen), device, options)
    else:
        tracking.check_options({"segmenter": None})  # A tracker of other segmenters declares this option.
        own = {name: options.pop(name) for name in [*options] if name in backend.options and name != "segmenter"}
        segmenter = load_chosen((_of_kind("segmenter", chosen),), device, options)
        request = tracking.request(ModelWeights({}, {}), device, {**own, "segmenter": segmenter})
    return cast("VideoSegmenter", make(backend.factory, request))


def tracker_of(chosen: Choice, name: str | None = None) -> BackendSpec:
    """Return the backend that tracks with a model.

    Args:
        chosen: The model.
        name: Name of the backend; None for the model's own tracker, or ``"propagate"`` for a segmenter without one.

    Raises:
        ConfigError: The model cannot track, or there is no such tracker.
    """
    known, own = backends(), chosen.backend
    if name is not None and not isinstance(name, str):
        raise ConfigError(f"a tracker is the name of a backend, got {shown(name)}")
    spec = known.get(own.video or "")
    runs = spec is None or spec.variants is None or chosen.engine.variant in spec.variants
    tracker = own.video if runs else None
    wanted = name or (own.name if own.kind == "video" else tracker or ("propagate" if own.kind == "segmenter" else None))
    if wanted is None:
        raise ConfigError(
            f"model {chosen.model.name!r} with engine {chosen.engine.name!r} is a {own.kind}, and cannot track: segmenters can"
        )
    if wanted not in known or known[wanted].kind != "video":
        trackers = [spec.name for spec in known.values() if spec.kind == "video"]
        raise ConfigError(f"there is no tracker {shown(wanted)}: expected {one_of(trackers)}.{nearest(wanted, trackers)}")
    return known[wanted]


def load_chosen(chain: Sequence[Choice], device: str = "auto", options: Mapping[str, Any] | None = None) -> Model:
    """Load a chain of choices: a single model, or a fallback chain of segmenters.

    Raises:
        ConfigError: The device or an option does not exist.
        MissingDependencyError: A package is missing.
        WeightsError: The weights are not available or not as expected.
        OutOfMemoryError: None of the models fits into memory.
    """
    check_device(device)
    for choice in chain:
        check_installed(choice)
        choice.check_options(options or {})
    if len(chain) == 1:
        return _load(chain[0], device, options)
    loaders = {choice.model.name: partial(_load_segmenter, choice, device, options) for choice in chain}
    return FallbackSegmenter(FallbackChain(loaders))


def make(factory: str, request: LoadRequest) -> Any:
    """Call a factory, given as ``"module:function"``. Errors of other libraries become a `BackendError`.

    Raises:
        BackendError: The factory failed. The original error is the cause.
    """
    try:
        return resolve(factory)(request)
    except PromptSegError:
        raise
    except Exception as error:
        raise BackendError(f"backend {request.engine.backend!r} could not load model {request.model.name!r}: {error}") from error


def _load(choice: Choice, device: str, options: Mapping[str, Any] | None, failed: tuple[str, ...] = ()) -> Model:
    started = time.perf_counter()
    model = cast("Model", make(choice.backend.factory, choice.request(weights_of(choice), device, options, failed)))
    _log.info("loaded %s (engine %s) in %.2f s", choice.model.name, choice.engine.name, time.perf_counter() - started)
    return model


def _load_segmenter(choice: Choice, device: str, options: Mapping[str, Any] | None, failed: tuple[str, ...]) -> Segmenter:
    return cast("Segmenter", _load(choice, device, options, failed))


def _of_kind(kind: BackendKind, choice: Choice) -> Choice:
    if choice.backend.kind != kind:
        own, name = choice.backend.kind, choice.model.name
        instead = f"use load_{own}"
        if (own, kind) == ("segmenter", "concept"):
            instead += f", or load_concept('{DEFAULT_CONCEPT_MODEL}', segmenter={name!r})"
        raise ConfigError(f"model {name!r} is {KIND_NAMES[own]}, not {KIND_NAMES[kind]}: {instead}")
    return choice
