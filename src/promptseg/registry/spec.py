"""Backends, models and engines as data, the choice among them, and the request that a backend loads a model from."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..errors import ConfigError, MissingDependencyError, nearest
from ..prompts import PromptKind
from ..results import Provenance
from ..weights.store import ModelWeights, WeightFile
from .manifest import Manifest

BackendKind = Literal["segmenter", "detector", "video"]


@dataclass(frozen=True)
class BackendSpec:
    """A backend, described by strings. Nothing of it is imported until a model is loaded.

    Attributes:
        name: Name of the backend; an entry point has the same name.
        kind: What it makes.
        factory: ``"module:function"``, called as ``function(request: LoadRequest)`` and returning the model.
        accepts: Kinds of prompt that its models take.
        options: Options of `promptseg.load`, with their defaults. A detector that holds back low scores or all but the best boxes
            declares ``threshold`` and ``max_detections``: a pipeline that asks for more sets them.
        forwards_options: Whether options that it does not declare are handed on to another model, which checks them.
        variants: Engine variants of the catalog that it can run; None for any.
        requires: Modules that must be importable.
        install: The command that installs the required modules.
        prepare: ``"module:function"``, called as ``function(weights: ModelWeights)`` after weights were fetched, or None.
        recognizes: Suffixes of the files that make up a model, where the backend tells them apart by their content: a user's folder with
            just as many of them then needs no particular names.
        given: ``"module:function"``, called as ``function(path: Path, model: ModelSpec, engine: Engine)`` and returning the `ModelWeights`
            in a user's file or folder, where these may have other names than the catalog's; None where they may not.
        video: Name of the backend of kind ``"video"`` that tracks with this backend's models and weights, or None.
        torch_module: ``"module:function"``, called as ``function(request: LoadRequest)`` and returning the package's own torch module in
            evaluation mode on the CPU, for fine-tuning and export; None where there is none.
        export_layout: ``"module:class"`` of the `promptseg.export.layout.Layout` that wraps that module for export to ONNX, or None.
        models: Models that come with a backend from another package. Those of promptseg are in ``models.toml``.
    """

    name: str
    kind: BackendKind
    factory: str
    accepts: frozenset[PromptKind] = frozenset()
    options: Mapping[str, Any] = field(default_factory=dict)
    forwards_options: bool = False
    variants: frozenset[str] | None = None
    requires: tuple[str, ...] = ()
    install: str = ""
    prepare: str | None = None
    recognizes: tuple[str, ...] = ()
    given: str | None = None
    video: str | None = None
    torch_module: str | None = None
    export_layout: str | None = None
    models: tuple[ModelSpec, ...] = ()

    def missing(self) -> list[str]:
        """Return the required modules that are not installed."""
        return [module for module in self.requires if importlib.util.find_spec(module) is None]

    def check_installed(self) -> None:
        """Raise `MissingDependencyError` where a required module is not installed."""
        missing = self.missing()
        if missing:
            raise MissingDependencyError(f"backend {self.name!r} needs {', '.join(missing)}, which is not installed: {self.install}")


@dataclass(frozen=True)
class Engine:
    """One way to run a model: the backend, the variant that the backend builds, and the weights in its format.

    Attributes:
        name: What users write, such as ``"onnx"``.
        backend: Name of the backend.
        variant: What the backend needs to know to build the model.
        files: The published weights.
        checkpoint: Name of one file that users may give in place of all of `files`, or None.
        memory: Peak MiB to load the model and encode one image in float32; None where that was not measured.
    """

    name: str
    backend: str
    variant: str
    files: tuple[WeightFile, ...] = ()
    checkpoint: str | None = None
    memory: int | None = None

    def names_in(self, weights: Path) -> tuple[str, ...]:
        """Return the file names expected in a user's weights, a file or a folder: those of `files`, or `checkpoint` alone."""
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
    """A model of the catalog.

    Attributes:
        name: What users write.
        summary: One line.
        license: SPDX identifier of the weights' license.
        engines: The ways to run it; the first is the default.
    """

    name: str
    summary: str
    license: str
    engines: tuple[Engine, ...]

    def engine(self, name: str | None) -> Engine:
        """Return the engine of a name, or the default one for None.

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
    """What a model name was resolved to, before anything is fetched or loaded.

    Attributes:
        model: The model.
        engine: The engine that runs it.
        backend: The backend of that engine.
        weights: Path of the user's own weights, or None for the published ones.
        manifest: What that folder says of itself, where promptseg wrote it, else None.
    """

    model: ModelSpec
    engine: Engine
    backend: BackendSpec
    weights: Path | None = None
    manifest: Manifest | None = None

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Refuse options that the backend does not declare.

        Raises:
            ConfigError: An option is unknown; the message has the nearest known one.
        """
        declared = self.backend.options
        for name in options:
            if name not in declared and not self.backend.forwards_options:
                known = ", ".join(sorted(declared)) or "none"
                raise ConfigError(f"model {self.model.name!r} has no option {name!r} (options: {known}).{nearest(name, declared)}")

    def request(
        self, weights: ModelWeights, device: str = "auto", options: Mapping[str, Any] | None = None, fallback_from: tuple[str, ...] = ()
    ) -> LoadRequest:
        """Return the request for this choice, with defaults for options that are not given.

        Raises:
            ConfigError: An option is unknown.
        """
        self.check_options(options or {})
        return LoadRequest(self.model, self.engine, weights, device, {**self.backend.options, **(options or {})}, fallback_from)


@dataclass(frozen=True)
class LoadRequest:
    """What a backend's factory is called with.

    Attributes:
        model: The model.
        engine: The engine that was chosen.
        weights: Its verified weights on this machine.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        options: Every option that the backend declares, with the user's value or the default. The backend checks the values.
        fallback_from: The models in whose place this one is loaded because they did not fit into memory.
    """

    model: ModelSpec
    engine: Engine
    weights: ModelWeights
    device: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    fallback_from: tuple[str, ...] = ()

    def provenance(self, version: str, device: str = "cpu", dtype: str = "float32") -> Provenance:
        """Return the provenance of the model that this request loads.

        Args:
            version: Versions of the packages behind the backend, such as ``"onnxruntime 1.32.0"``.
            device: Where the model runs, such as ``"cpu"``.
            dtype: The type in which it computes.
        """
        return Provenance(
            model=self.model.name,
            backend=self.engine.backend,
            version=version,
            weights=self.weights.sha256,
            license=self.model.license,
            device=device,
            dtype=dtype,
            fallback_from=self.fallback_from,
        )
