"""From a model name to a model that works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Union, cast

from ..errors import BackendError, ConfigError, PromptSegError, nearest
from ..protocols import Detector, Segmenter, VideoSegmenter
from ..weights.store import ModelWeights
from .builtin import DEFAULT_MODEL
from .catalog import backends
from .choice import choose, fallback_chain
from .files import resolve, weights_of
from .spec import BackendKind, BackendSpec, Choice, LoadRequest

Model = Union[Segmenter, Detector, VideoSegmenter]
"""What `load` returns: the model's backend decides which of them."""


def load(
    name: str = DEFAULT_MODEL,
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    engine: str | None = None,
    fallback: Sequence[str] = (),
    **options: Any,
) -> Model:
    """Load a model of any kind: fetch its weights if need be, verify them and build the backend's model.

    `load_segmenter`, `load_detector` and `load_video` do the same and say which protocol the model follows.

    Args:
        name: A model name (see `list_models`), ``"name=path/to/weights"``, or the path of a folder that promptseg wrote.
        weights: A file or folder of your own weights, in place of the published ones.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        engine: Which engine runs it, where the model has several; default: the one that reads the given weights, or else the first.
        fallback: Segmenters to go on with, in this order, where the model does not fit into memory; device and options are the same.
        **options: Options of the backend, listed in its documentation.

    Returns:
        A `Segmenter`, `Detector` or `VideoSegmenter`; with `fallback` a `promptseg.registry.fallback.FallbackSegmenter`.

    Raises:
        UnknownModelError: No such model.
        ConfigError: The engine, device or an option does not exist.
        MissingDependencyError: A package is missing; the message has the command that installs it.
        WeightsError: The weights cannot be had or are not what they should be.
        OutOfMemoryError: Neither the model nor one of `fallback` fits into memory.
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
    """Load a segmenter. Arguments and errors are those of `load`.

    Raises:
        ConfigError: The model is no segmenter, or as for `load`.
    """
    first = _of_kind("segmenter", choose(name, weights=weights, engine=engine))
    return cast("Segmenter", load_chosen(fallback_chain(first, fallback), device, options))


def load_detector(
    name: str, *, weights: str | Path | None = None, device: str = "auto", engine: str | None = None, **options: Any
) -> Detector:
    """Load a detector. Arguments and errors are those of `load`.

    Raises:
        ConfigError: The model is no detector, or as for `load`.
    """
    chosen = _of_kind("detector", choose(name, weights=weights, engine=engine))
    return cast("Detector", load_chosen((chosen,), device, options))


def load_video(
    name: str = DEFAULT_MODEL,
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    engine: str | None = None,
    tracker: str | None = None,
    **options: Any,
) -> VideoSegmenter:
    """Load a model for tracking objects through videos. Arguments and errors are those of `load`, and one more.

    Args:
        name: As for `load`.
        weights: As for `load`; a model tracks with the weights with which it segments.
        device: As for `load`.
        engine: As for `load`.
        tracker: Name of the backend of kind ``"video"`` that tracks; default: the model's own, and ``"propagate"`` for a segmenter that
            has none.
        **options: Options of the model's own tracker, or of the segmenter that another backend tracks with.

    Raises:
        ConfigError: The model cannot track, or as for `load`.
    """
    chosen = choose(name, weights=weights, engine=engine)
    backend = tracker_of(chosen, tracker)
    backend.check_installed()
    chosen.backend.check_installed()
    tracking = Choice(chosen.model, chosen.engine, backend, chosen.weights, chosen.manifest)
    if backend.name in (chosen.backend.name, chosen.backend.video):
        tracking.check_options(options)
        request = tracking.request(weights_of(chosen), device, options)
    else:
        segmenter = load_chosen((_of_kind("segmenter", chosen),), device, options)
        request = tracking.request(ModelWeights({}, {}), device, {"segmenter": segmenter})
    return cast("VideoSegmenter", make(backend.factory, request))


def tracker_of(chosen: Choice, name: str | None = None) -> BackendSpec:
    """Return the backend that tracks with a model.

    Args:
        chosen: The model.
        name: Name of the backend; None for the model's own, and for a segmenter that has none ``"propagate"``.

    Raises:
        ConfigError: The model cannot track, or there is no such backend.
    """
    known, own = backends(), chosen.backend
    wanted = name or (own.name if own.kind == "video" else own.video or ("propagate" if own.kind == "segmenter" else None))
    if wanted is None:
        raise ConfigError(
            f"model {chosen.model.name!r} with engine {chosen.engine.name!r} is a {own.kind}, and cannot track: segmenters can"
        )
    if wanted not in known or known[wanted].kind != "video":
        trackers = [spec.name for spec in known.values() if spec.kind == "video"]
        raise ConfigError(f"{wanted!r} is no backend that tracks; these are: {', '.join(trackers)}.{nearest(wanted, trackers)}")
    return known[wanted]


def load_chosen(chain: Sequence[Choice], device: str = "auto", options: Mapping[str, Any] | None = None) -> Model:
    """Load what was chosen: one model, or a fallback chain of segmenters.

    Raises:
        ConfigError: The device or an option does not exist.
        MissingDependencyError: A package is missing.
        WeightsError: The weights cannot be had or are not what they should be.
        OutOfMemoryError: None of the models fits into memory.
    """
    for choice in chain:
        choice.backend.check_installed()
        choice.check_options(options or {})
    if len(chain) == 1:
        return _load(chain[0], device, options)
    from .fallback import FallbackChain, FallbackSegmenter

    loaders = {choice.model.name: partial(_load_segmenter, choice, device, options) for choice in chain}
    return FallbackSegmenter(FallbackChain(loaders))


def make(factory: str, request: LoadRequest) -> Any:
    """Call a factory, given as ``"module:function"``; an error that is not ours becomes one.

    Raises:
        BackendError: It failed; the original error is the cause.
    """
    try:
        return resolve(factory)(request)
    except PromptSegError:
        raise
    except Exception as error:
        raise BackendError(f"backend {request.engine.backend!r} could not load model {request.model.name!r}: {error}") from error


def _load(choice: Choice, device: str, options: Mapping[str, Any] | None, failed: tuple[str, ...] = ()) -> Model:
    return cast("Model", make(choice.backend.factory, choice.request(weights_of(choice), device, options, failed)))


def _load_segmenter(choice: Choice, device: str, options: Mapping[str, Any] | None, failed: tuple[str, ...]) -> Segmenter:
    return cast("Segmenter", _load(choice, device, options, failed))


def _of_kind(kind: BackendKind, choice: Choice) -> Choice:
    if choice.backend.kind != kind:
        raise ConfigError(f"model {choice.model.name!r} is a {choice.backend.kind}, not a {kind}")
    return choice
