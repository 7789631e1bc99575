"""Which backends and models there are, and `load`: from a name to a working model.

A backend is data until it is used: a `BackendSpec` of strings. Backends of other packages come in through the entry point group
``promptseg.backends``. Models are data too, in ``models.toml``.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, cast

from .errors import BackendError, ConfigError, MissingDependencyError, PromptSegError, UnknownModelError, nearest
from .prompts import PromptKind
from .weights import ModelWeights, WeightFile, given_weights

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
        given: ``"module:function"``, called as ``function(path: Path, model: ModelSpec, engine: Engine)`` and returning the `ModelWeights`
            in a user's file or folder, where these may have other names than the catalogue's; None where they may not.
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
    given: str | None = None
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
    """

    name: str
    backend: str
    variant: str
    files: tuple[WeightFile, ...] = ()
    checkpoint: str | None = None

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

BUILT_IN = (
    BackendSpec(
        name="onnx_sam",
        kind="segmenter",
        factory="promptseg.backends.onnx_sam:load",
        accepts=_SPATIAL,
        variants=frozenset({"sam"}),
        requires=("onnxruntime", "onnx"),
        install="pip install promptseg",
        prepare="promptseg.backends.onnx_sam:prepare",
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


def backend_of(model: ModelSpec, engine: str | None = None) -> BackendSpec:
    """The backend that runs a model on an engine.

    Raises:
        ConfigError: This version has no such backend, or its backend does not run this variant.
    """
    chosen = model.engine(engine)
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


def load(
    name: str = DEFAULT_MODEL, *, weights: str | Path | None = None, device: str = "auto", engine: str | None = None, **options: Any
) -> Any:
    """Loads a model: fetches its weights if need be, verifies them and builds the backend's model.

    Args:
        name: A model name (see `models`), or ``"name=path/to/weights"``.
        weights: A file or folder of your own weights, in place of the published ones.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        engine: Which engine runs it, where the model has several; default: the one that reads the given weights, or else the first.
        **options: Options of the backend, listed in its documentation.

    Returns:
        A `Segmenter`, `Detector` or `VideoSegmenter`.

    Raises:
        UnknownModelError: No such model.
        ConfigError: The engine, device or an option does not exist.
        MissingDependencyError: A package is missing; the message has the command that installs it.
        WeightsError: The weights cannot be had or are not what they should be.
    """
    name, separator, path = name.partition("=")
    if separator and weights is not None:
        raise ConfigError(f"weights are given twice: {path!r} in the name and {str(weights)!r} as an argument")
    weights = path if separator else weights
    own = None if weights is None else Path(weights).expanduser()
    model = find_model(name)
    if own is not None and engine is None:
        engine = _engine_for(model, own).name
    backend = backend_of(model, engine)
    backend.check_installed()
    chosen = model.engine(engine)
    local = fetch(name, engine) if own is None else _given(backend, model, chosen, own)
    request = LoadRequest(model, chosen, local, device, options)
    try:
        return resolve(backend.factory)(request)
    except PromptSegError:
        raise
    except Exception as error:
        raise BackendError(f"backend {backend.name!r} could not load model {name!r}: {error}") from error


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


def _given(backend: BackendSpec, model: ModelSpec, engine: Engine, path: Path) -> ModelWeights:
    """The weights in a user's file or folder."""
    if backend.given is None:
        return given_weights(path, engine.names_in(path))
    found: ModelWeights = resolve(backend.given)(path, model, engine)
    return found


def _engine_for(model: ModelSpec, weights: Path) -> Engine:
    """The first engine that takes a file of this suffix, or a folder with these files; where none does, the default says what it wants."""
    for engine in model.engines:
        names = engine.names_in(weights)
        takes_file = len(names) == 1 and Path(names[0]).suffix == weights.suffix
        if takes_file or (weights.is_dir() and all((weights / name).is_file() for name in names)):
            return engine
    return model.engines[0]


def resolve(dotted: str) -> Any:
    """The object at ``"module:name"``."""
    module, _, attribute = dotted.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _catalogue() -> dict[str, dict[str, Any]]:
    return cast("dict[str, dict[str, Any]]", tomllib.loads(files("promptseg").joinpath("models.toml").read_text("utf-8")))


def _model(name: str, entry: Mapping[str, Any]) -> ModelSpec:
    engines = tuple(
        Engine(engine, body["backend"], body["variant"], tuple(_weight_file(file) for file in body["files"]), body.get("checkpoint"))
        for engine, body in entry["engines"].items()
    )
    return ModelSpec(name, entry["summary"], entry["licence"], engines)


def _weight_file(entry: Mapping[str, Any]) -> WeightFile:
    return WeightFile(entry["name"], entry["sha256"], tuple(entry["sources"]), entry.get("bytes"))
