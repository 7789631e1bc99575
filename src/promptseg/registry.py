"""Which backends and models there are, and `load`: from a name to a working model.

A backend is data until it is used: a `BackendSpec` of strings. Backends of other packages come in through the entry point group
``promptseg.backends``. Models are data too, in ``models.toml``.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from importlib.metadata import entry_points
from importlib.resources import files
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, cast

from . import exported
from .errors import (
    BackendError,
    ConfigError,
    IncompatibleStagesError,
    MissingDependencyError,
    PromptSegError,
    UnknownModelError,
    WeightsMismatchError,
    WeightsNotFoundError,
    nearest,
)
from .memory import MemoryNeed
from .prompts import PromptKind
from .protocols import VideoSegmenter
from .weights import ModelWeights, WeightFile, file_sha256, files_of_kinds, given_weights, recognised_weights

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BackendKind = Literal["segmenter", "detector", "video"]
DEFAULT_MODEL = "mini-sam"


@dataclass(frozen=True)
class BackendSpec:
    """A backend, described by strings; nothing of it is imported until a model is loaded.

    Attributes:
        name: Name of the backend; an entry point has the same name.
        kind: What it makes.
        factory: ``"module:function"``, called as ``function(request: LoadRequest)`` and returning the model.
        accepts: Kinds of prompt that it takes.
        variants: Engine variants of the catalogue that it can run; None for any.
        requires: Modules that must be importable.
        install: What to tell a user who lacks one of them to run.
        prepare: ``"module:function"``, called as ``function(weights: ModelWeights)`` when weights were fetched, or None.
        recognises: Suffixes of the files that make up a model, where the backend tells them apart by their content: a user's folder with
            just as many of them then needs no particular names.
        given: ``"module:function"``, called as ``function(path: Path, model: ModelSpec, engine: Engine)`` and returning the `ModelWeights`
            in a user's file or folder, where these may have other names than the catalogue's; None where they may not.
        video: Name of the backend of kind ``"video"`` that tracks with this one's models and weights, where there is one of its own.
        models: Models that come with the backend, for one from another package; ours are in ``models.toml``.
    """

    name: str
    kind: BackendKind
    factory: str
    accepts: frozenset[PromptKind] = frozenset()
    variants: frozenset[str] | None = None
    requires: tuple[str, ...] = ()
    install: str = ""
    prepare: str | None = None
    recognises: tuple[str, ...] = ()
    given: str | None = None
    video: str | None = None
    models: tuple[ModelSpec, ...] = ()

    def missing(self) -> list[str]:
        """The required modules that are not installed."""
        return [module for module in self.requires if importlib.util.find_spec(module) is None]

    def check_installed(self) -> None:
        """Raises `MissingDependencyError` where a required module is not installed."""
        missing = self.missing()
        if missing:
            raise MissingDependencyError(f"backend {self.name!r} needs {', '.join(missing)}, which is not installed: {self.install}")


@dataclass(frozen=True)
class Engine:
    """One way to run a model: the backend, what it needs to know, and the weights in its format.

    Attributes:
        name: What users write.
        backend: Name of the backend.
        variant: Whatever the backend needs to know of the model.
        files: The published weights.
        checkpoint: Name of one file that users may give in place of all of `files`, or None.
        memory: MiB that it takes at its peak to load the model and to encode one photo in float32; None where that was not measured.
        exported: Whether it is of a folder that promptseg wrote, and not of the catalogue.
    """

    name: str
    backend: str
    variant: str
    files: tuple[WeightFile, ...] = ()
    checkpoint: str | None = None
    memory: int | None = None
    exported: bool = False

    def names_in(self, weights: Path) -> tuple[str, ...]:
        """The names of the files that a user's weights, a file or a folder, should be: those of `files`, or `checkpoint` alone."""
        names = tuple(file.name for file in self.files)
        if self.checkpoint is None:
            return names
        if weights.is_dir():
            alone = (weights / self.checkpoint).is_file() and not all((weights / name).is_file() for name in names)
        else:
            alone = weights.suffix not in {Path(name).suffix for name in names}
        return (self.checkpoint,) if alone else names


@dataclass(frozen=True)
class ModelSpec:
    """A model of the catalogue.

    Attributes:
        name: What users write.
        summary: One line.
        licence: SPDX identifier of the weights' licence.
        engines: The ways to run it; the first is the default.
    """

    name: str
    summary: str
    licence: str
    engines: tuple[Engine, ...]

    def engine(self, name: str | None) -> Engine:
        """The engine of that name; the default for None.

        Raises:
            ConfigError: The model has no such engine.
        """
        if name is None:
            return self.engines[0]
        for engine in self.engines:
            if engine.name == name:
                return engine
        raise ConfigError(f"model {self.name!r} has no engine {name!r}: it has {', '.join(e.name for e in self.engines)}")


@dataclass(frozen=True)
class Choice:
    """What a name stands for, before anything is fetched or loaded.

    Attributes:
        model: The model.
        engine: The engine that runs it.
        backend: The backend of that engine.
        weights: Where the user's own weights are, or None for the published ones.
    """

    model: ModelSpec
    engine: Engine
    backend: BackendSpec
    weights: Path | None = None


@dataclass(frozen=True)
class LoadRequest:
    """What a backend's factory is called with.

    Attributes:
        model: The model.
        engine: The engine that was chosen.
        weights: Its verified weights on this machine.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        options: Further keyword arguments of `load`, for the backend to check.
    """

    model: ModelSpec
    engine: Engine
    weights: ModelWeights
    device: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)

    def take(self, **defaults: Any) -> dict[str, Any]:
        """The options, with defaults for those not given.

        Raises:
            ConfigError: An option is given that is not among the defaults.
        """
        for name in self.options:
            if name not in defaults:
                known = ", ".join(sorted(defaults)) or "none"
                raise ConfigError(f"model {self.model.name!r} has no option {name!r} (options: {known}).{nearest(name, defaults)}")
        return {**defaults, **self.options}


_SPATIAL: frozenset[PromptKind] = frozenset({"point", "box", "mask", "everything"})

_INSTALL_SAM2 = "pip install torch torchvision 'setuptools>=77' && SAM2_BUILD_CUDA=0 pip install --no-build-isolation 'sam2>=1.1'"

BUILT_IN = (
    BackendSpec(
        name="onnx_sam",
        kind="segmenter",
        factory="promptseg.backends.onnx_sam:load",
        accepts=_SPATIAL,
        variants=frozenset({"sam", "sam-int8", "sam2", "efficient-sam", "any"}),
        requires=("onnxruntime", "onnx"),
        install="pip install promptseg",
        prepare="promptseg.backends.onnx_sam:prepare",
        recognises=(".onnx", ".onnx"),
    ),
    BackendSpec(
        name="sam",
        kind="segmenter",
        factory="promptseg.backends.sam:load",
        accepts=_SPATIAL,
        requires=("torch", "torchvision", "segment_anything"),
        install="pip install torch torchvision && pip install 'promptseg[sam]' (the two together and first)",
    ),
    BackendSpec(
        name="mobile_sam",
        kind="segmenter",
        factory="promptseg.backends.mobile_sam:load",
        accepts=_SPATIAL,
        requires=("torch", "torchvision", "timm", "mobile_sam"),
        install="pip install torch torchvision && pip install 'promptseg[mobile-sam]' (the two together and first)",
    ),
    BackendSpec(
        name="sam2",
        kind="segmenter",
        factory="promptseg.backends.sam2:load",
        accepts=_SPATIAL,
        requires=("torch", "torchvision", "sam2"),
        install=_INSTALL_SAM2,
        video="sam2_video",
    ),
    BackendSpec(
        name="sam2_video",
        kind="video",
        factory="promptseg.backends.sam2_video:load",
        accepts=frozenset({"point", "box", "mask"}),
        requires=("torch", "torchvision", "sam2"),
        install=_INSTALL_SAM2,
    ),
    BackendSpec(
        name="yolo",
        kind="detector",
        factory="promptseg.backends.yolo:load",
        accepts=frozenset({"text"}),
        requires=("torch", "torchvision", "ultralytics"),
        install="pip install torch torchvision && pip install --no-deps 'ultralytics>=8.3.253' (AGPL-3.0)",
    ),
    BackendSpec(
        name="onnx_yolo",
        kind="detector",
        factory="promptseg.backends.onnx_yolo:load",
        accepts=frozenset({"text"}),
        requires=("onnxruntime",),
        install="pip install promptseg",
    ),
    BackendSpec(
        name="grounding_dino",
        kind="detector",
        factory="promptseg.backends.grounding_dino:load",
        accepts=frozenset({"text"}),
        variants=frozenset({"swin-t", "swin-b"}),
        requires=("torch", "transformers"),
        install="pip install torch && pip install 'promptseg[grounding-dino]' (torch first)",
        given="promptseg.grounding.files:given",
    ),
    BackendSpec(
        name="grounding_dino_original",
        kind="detector",
        factory="promptseg.backends.grounding_dino:load_original",
        accepts=frozenset({"text"}),
        variants=frozenset({"swin-t", "swin-b"}),
        requires=("torch", "torchvision", "transformers", "timm", "addict", "yapf", "matplotlib", "groundingdino"),
        install="pip install torch torchvision && pip install 'promptseg[grounding-dino-original]' "
        "&& pip install --no-deps groundingdino-py (in this order)",
        given="promptseg.grounding.files:given",
    ),
    BackendSpec(
        name="superpixel",
        kind="segmenter",
        factory="promptseg.backends.superpixel:load",
        accepts=frozenset({"point", "box", "everything"}),
        requires=("skimage",),
        install="pip install 'promptseg[superpixel]'",
    ),
    BackendSpec(
        name="propagate",
        kind="video",
        factory="promptseg.backends.propagate:load",
        accepts=frozenset({"point", "box", "mask"}),
        install="pip install promptseg",
    ),
)


@lru_cache(maxsize=1)
def backends() -> Mapping[str, BackendSpec]:
    """All backends by name: ours, then those of installed packages (entry point group ``promptseg.backends``).

    Raises:
        ConfigError: An entry point is not a `BackendSpec`, or takes a name that is taken.
    """
    found = {spec.name: spec for spec in BUILT_IN}
    for point in entry_points(group="promptseg.backends"):
        try:
            spec = point.load()
        except Exception as error:  # Whatever a stranger's module raises, the user must learn which package to mend or remove.
            raise ConfigError(f"the backend entry point {point.name!r} ({point.value}) cannot be loaded: {error}") from error
        if not isinstance(spec, BackendSpec) or spec.name != point.name:
            raise ConfigError(f"the backend entry point {point.name!r} ({point.value}) must be a BackendSpec of that name, got {spec!r}")
        if spec.name in found:
            raise ConfigError(f"two backends are named {spec.name!r}; one comes from the entry point {point.value}: rename or uninstall it")
        found[spec.name] = spec
    return found


@lru_cache(maxsize=1)
def models() -> Mapping[str, ModelSpec]:
    """All models by name: the catalogue, then those that come with other packages' backends.

    Raises:
        ConfigError: Two models have one name.
    """
    found = {name: _model(name, entry) for name, entry in _catalogue().items()}
    for backend in backends().values():
        for model in backend.models:
            if model.name in found:
                raise ConfigError(f"two models are named {model.name!r}; one comes with backend {backend.name!r}")
            found[model.name] = model
    return found


def find_model(name: str) -> ModelSpec:
    """The model of that name.

    Raises:
        UnknownModelError: There is none; the message has the nearest name.
    """
    known = models()
    if name not in known:
        raise UnknownModelError(f"there is no model {name!r}.{nearest(name, known)} Known models: {', '.join(known)}")
    return known[name]


def engine_of(model: ModelSpec, engine: str | None = None, weights: Path | None = None) -> Engine:
    """The engine that runs a model.

    Args:
        model: The model.
        engine: Its name; default: the one that reads the given weights, or else the model's first.
        weights: The user's own weights. A folder that promptseg wrote brings its own engine: ``"onnx"`` for an export, that of the base
            model for a fine-tuned decoder.

    Raises:
        ConfigError: The model has no such engine.
        WeightsMismatchError: The folder holds another model.
    """
    note = exported.read(weights.expanduser()) if weights is not None else None
    if note is None or engine not in (None, note.engine):
        return _engine_for(model, weights) if weights is not None and engine is None else model.engine(engine)
    if note.model != model.name:
        raise WeightsMismatchError(f"{weights} holds {note.model!r} as promptseg wrote it, not {model.name!r}")
    files = tuple(WeightFile(name, digest, ()) for name, digest in {**note.base, **note.sha256}.items())
    return Engine(note.engine, note.backend, note.variant, files, exported=True)


def engine_among(model: ModelSpec, backends: Collection[str], doing: str) -> Engine:
    """A model's first engine that one of some backends runs.

    Args:
        model: The model.
        backends: Their names.
        doing: What they are needed for, such as ``"exported"``, for the message.

    Raises:
        ConfigError: It has none; the message has the models that have one.
    """
    for engine in model.engines:
        if engine.backend in backends:
            return engine
    can = [name for name, other in models().items() if any(engine.backend in backends for engine in other.engines)]
    raise ConfigError(f"model {model.name!r} cannot be {doing}; these can: {', '.join(can)}")


def backend_of(model: ModelSpec, engine: str | None = None) -> BackendSpec:
    """The backend that runs a model on an engine of the catalogue.

    Raises:
        ConfigError: The model has no such engine, this version has no such backend, or its backend does not run this variant.
    """
    return _backend(model, model.engine(engine))


def _backend(model: ModelSpec, chosen: Engine) -> BackendSpec:
    known = backends()
    if chosen.backend not in known:
        raise ConfigError(
            f"model {model.name!r} needs backend {chosen.backend!r}, which this version does not have; it has: {', '.join(known)}"
        )
    backend = known[chosen.backend]
    if backend.variants is not None and chosen.variant not in backend.variants:
        raise ConfigError(
            f"model {model.name!r} with engine {chosen.name!r} is of variant {chosen.variant!r}, "
            f"which backend {backend.name!r} does not run yet; it runs: {', '.join(sorted(backend.variants))}"
        )
    return backend


def choose(name: str, *, weights: str | Path | None = None, engine: str | None = None) -> Choice:
    """Which model, engine and backend a name stands for.

    Args:
        name: A model name, ``"name=path/to/weights"``, or the path of a folder that promptseg wrote, which says itself which model it is.
        weights: A file or folder of your own weights.
        engine: Name of the engine; None for the one that reads the given weights, or else the first.

    Raises:
        UnknownModelError: No such model.
        ConfigError: No such engine, its backend is not there or does not run it, or weights are given twice.
        WeightsMismatchError: The weights are a folder that holds another model, as promptseg wrote it.
    """
    written = _written(name) if name not in models() else None
    name, separator, path = name.partition("=") if written is None else (written.model, "=", name)
    if separator and weights is not None:
        raise ConfigError(f"weights are given twice: {path!r} in the name and {str(weights)!r} as an argument")
    given = path if separator else weights
    own = None if given is None else Path(given).expanduser()
    model = find_model(name)
    chosen = engine_of(model, engine, own)
    return Choice(model, chosen, _backend(model, chosen), own)


def ladder(first: Choice, fallback: Sequence[str]) -> tuple[Choice, ...]:
    """A segmenter and those that take its place, one after the other, where it does not fit into memory.

    Args:
        first: The segmenter; without others, any model.
        fallback: Names of the others, in their order; each may bring weights of its own as ``"name=path"``.

    Raises:
        UnknownModelError: No such model.
        ConfigError: A model is named twice, or is no segmenter.
        WeightsNotFoundError: The weights that a name brings are not there.
    """
    if isinstance(fallback, str):
        raise ConfigError(f"fallback is a list of model names: write [{fallback!r}]")
    if not fallback:
        return (first,)
    rungs = (first, *(choose(name) for name in fallback))
    names = [rung.model.name for rung in rungs]
    for index, rung in enumerate(rungs):
        if names[index] in names[:index]:
            raise ConfigError(f"model {names[index]!r} is in its own fallback: {' → '.join(names)}")
        if rung.backend.kind != "segmenter":
            raise IncompatibleStagesError(f"model {names[index]!r} is a {rung.backend.kind}, and a fallback is from segmenter to segmenter")
        if index and rung.weights is not None and not rung.weights.expanduser().exists():
            raise WeightsNotFoundError(f"there is no weights file {rung.weights} for model {names[index]!r}")
    return rungs


def load(
    name: str = DEFAULT_MODEL,
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    engine: str | None = None,
    fallback: Sequence[str] = (),
    **options: Any,
) -> Any:
    """Loads a model: fetches its weights if need be, verifies them and builds the backend's model.

    Args:
        name: A model name (see `models`), ``"name=path/to/weights"``, or the path of a folder that promptseg wrote.
        weights: A file or folder of your own weights, in place of the published ones.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        engine: Which engine runs it, where the model has several; default: the one that reads the given weights, or else the first.
        fallback: Segmenters to go on with, in this order, where the model does not fit into memory; device and options are the same.
        **options: Options of the backend, listed in its documentation.

    Returns:
        A `Segmenter`, `Detector` or `VideoSegmenter`; with `fallback` a `promptseg.fallback.FallbackSegmenter`.

    Raises:
        UnknownModelError: No such model.
        ConfigError: The engine, device or an option does not exist.
        MissingDependencyError: A package is missing; the message has the command that installs it.
        WeightsError: The weights cannot be had or are not what they should be.
        OutOfMemoryError: Neither the model nor one of `fallback` fits into memory.
    """
    rungs = ladder(choose(name, weights=weights, engine=engine), fallback)
    for rung in rungs:
        rung.backend.check_installed()
    if len(rungs) == 1:
        return _load(rungs[0], device, options)
    from .fallback import FallbackSegmenter

    return FallbackSegmenter({rung.model.name: partial(_load, rung, device, options) for rung in rungs})


def load_video(
    name: str,
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    engine: str | None = None,
    tracker: str | None = None,
    **options: Any,
) -> VideoSegmenter:
    """Loads a model for tracking objects through videos.

    Args:
        name: As for `load`.
        weights: As for `load`; a model tracks with the weights with which it segments.
        device: As for `load`.
        engine: As for `load`.
        tracker: Name of the backend of kind ``"video"`` that tracks; default: the model's own, and ``"propagate"`` for a segmenter that
            has none.
        **options: Options of that backend, listed in its documentation.

    Raises:
        ConfigError: The model cannot track, or as for `load`.
        UnknownModelError: As for `load`.
        MissingDependencyError: As for `load`.
        WeightsError: As for `load`.
        OutOfMemoryError: As for `load`.
    """
    chosen = choose(name, weights=weights, engine=engine)
    spec = _tracker(chosen, tracker)
    spec.check_installed()
    chosen.backend.check_installed()
    made: VideoSegmenter = make(spec.factory, LoadRequest(chosen.model, chosen.engine, weights_of(chosen), device, options))
    return made


def _tracker(chosen: Choice, name: str | None) -> BackendSpec:
    """The backend that tracks with a model."""
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


def make(factory: str, request: LoadRequest) -> Any:
    """Calls a factory, given as ``"module:function"``; an error that is not ours becomes one.

    Raises:
        BackendError: It failed; the original error is the cause.
    """
    try:
        return resolve(factory)(request)
    except PromptSegError:
        raise
    except Exception as error:
        raise BackendError(f"backend {request.engine.backend!r} could not load model {request.model.name!r}: {error}") from error


def memory_need(model: ModelSpec, engine: Engine) -> MemoryNeed:
    """What a model needs of memory, and which segmenters of the same engine need less: its family first, then by size."""
    lighter = []
    for other in models().values():
        default = other.engines[0]
        if default.name == engine.name and default.memory is not None and default.memory < (engine.memory or 0):
            with contextlib.suppress(ConfigError):  # Catalogued, but not for this version.
                if backend_of(other).kind == "segmenter":
                    lighter.append((default.backend != engine.backend, -default.memory, _need(other, default)))
    return _need(model, engine, [need for *_, need in sorted(lighter, key=itemgetter(0, 1))])


def fetch(name: str, engine: str | None = None) -> ModelWeights:
    """Makes sure that a model's weights are on this machine, verified and prepared for its backend.

    Raises:
        WeightsError: They cannot be had.
    """
    from .weights import fetch_weights

    model = find_model(name)
    weights = fetch_weights(model.name, model.engine(engine).files)
    spec = backends().get(model.engine(engine).backend)
    if spec and spec.prepare and not spec.missing():
        with contextlib.suppress(OSError):  # Where the cache cannot be written, the backend prepares in memory at each load.
            resolve(spec.prepare)(weights)
    return weights


def weights_of(chosen: Choice) -> ModelWeights:
    """The weights of a choice on this machine, fetched if need be.

    Raises:
        WeightsError: They cannot be had, or are not those that a folder says it holds.
    """
    if chosen.weights is None:
        return fetch(chosen.model.name, chosen.engine.name)
    if not chosen.engine.exported:
        return _own_weights(chosen, chosen.weights)
    weights = _exported_weights(chosen, chosen.weights)
    _check_exported(weights, chosen.engine)
    return weights


def _load(chosen: Choice, device: str, options: Mapping[str, Any]) -> Any:
    return make(chosen.backend.factory, LoadRequest(chosen.model, chosen.engine, weights_of(chosen), device, options))


def _need(model: ModelSpec, engine: Engine, lighter: Sequence[MemoryNeed] = ()) -> MemoryNeed:
    return MemoryNeed(model.name, engine.memory, sum(file.size or 0 for file in engine.files), tuple(lighter))


def _written(path: str) -> exported.Exported | None:
    """What a folder says of itself, if this is the path of one that promptseg wrote."""
    folder = Path(path)
    try:
        folder = folder.expanduser()
        there = (folder / exported.NAME).is_file()
    except (OSError, ValueError, RuntimeError):  # No path at all: too long, with a null byte, or in the home of nobody.
        return None
    return exported.read(folder) if there else None


def _own_weights(chosen: Choice, path: Path) -> ModelWeights:
    """A user's weights: as the backend reads them, under the names of the catalogue, or under any names where it recognises the files."""
    if chosen.backend.given is not None:
        found: ModelWeights = resolve(chosen.backend.given)(path, chosen.model, chosen.engine)
        return found
    names, recognises = chosen.engine.names_in(path), chosen.backend.recognises
    if path.is_dir() and recognises and not (names and all((path / name).is_file() for name in names)):
        return recognised_weights(path, recognises)
    return given_weights(path, names)


def _exported_weights(chosen: Choice, folder: Path) -> ModelWeights:
    """The files in a folder that promptseg wrote, after those that they build on."""
    note = exported.read(folder)
    names = () if note is None else tuple(note.base)
    own = given_weights(folder, [file.name for file in chosen.engine.files if file.name not in names])
    if note is None or not names:
        return own
    base = _base_weights(chosen.model, note, folder)
    return ModelWeights({**base.files, **own.files}, {**base.sha256, **own.sha256})


def _base_weights(model: ModelSpec, note: exported.Exported, folder: Path) -> ModelWeights:
    """What a fine-tuned decoder builds on: in its folder, where it was at that time, or published."""
    for paths in ({name: folder / name for name in note.base}, {name: Path(path) for name, path in note.base_paths.items()}):
        if paths.keys() == note.base.keys() and all(path.is_file() for path in paths.values()):
            return ModelWeights(paths, {name: file_sha256(path) for name, path in paths.items()})
    published = [engine for engine in model.engines if {file.name: file.sha256 for file in engine.files} == note.base]
    if published:
        return fetch(model.name, published[0].name)
    raise WeightsNotFoundError(
        f"{folder} builds on {', '.join(note.base_paths.values()) or ', '.join(note.base)}, which is not there any more: "
        f"put a copy into {folder}, as {', '.join(note.base)}"
    )


def _engine_for(model: ModelSpec, weights: Path) -> Engine:
    """The first engine that takes a file of this suffix, or a folder with these files or files of these kinds; if none, the default."""
    for engine in model.engines:
        names = engine.names_in(weights)
        takes_file = len(names) == 1 and Path(names[0]).suffix == weights.suffix
        if takes_file or (weights.is_dir() and all((weights / name).is_file() for name in names)):
            return engine
    for engine in model.engines:
        backend = backends().get(engine.backend)
        if backend is not None and weights.is_dir() and files_of_kinds(weights, backend.recognises):
            return engine
    return model.engines[0]


def _check_exported(weights: ModelWeights, engine: Engine) -> None:
    changed = [str(weights.files[file.name]) for file in engine.files if weights.sha256[file.name] != file.sha256]
    if changed:
        raise WeightsMismatchError(f"{', '.join(changed)} changed since the folder was written: export or fine-tune the model again")


def resolve(dotted: str) -> Any:
    """The object at ``"module:name"``."""
    module, _, attribute = dotted.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _catalogue() -> dict[str, dict[str, Any]]:
    return cast("dict[str, dict[str, Any]]", tomllib.loads(files("promptseg").joinpath("models.toml").read_text("utf-8")))


def _model(name: str, entry: Mapping[str, Any]) -> ModelSpec:
    engines = tuple(
        Engine(
            engine,
            body["backend"],
            body["variant"],
            tuple(_weight_file(file) for file in body["files"]),
            checkpoint=body.get("checkpoint"),
            memory=body.get("memory"),
        )
        for engine, body in entry["engines"].items()
    )
    return ModelSpec(name, entry["summary"], entry["licence"], engines)


def _weight_file(entry: Mapping[str, Any]) -> WeightFile:
    return WeightFile(entry["name"], entry["sha256"], tuple(entry["sources"]), entry.get("bytes"))
