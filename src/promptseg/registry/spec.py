"""Descriptions of backends, models and engines as data, with `Choice` for a resolved name and `LoadRequest` for a backend's factory."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .._checks import plain
from .._install import install_command
from ..errors import ConfigError, MissingDependencyError, nearest, shown
from ..prompts import PromptKind
from ..results import Provenance
from ..weights.store import ModelWeights, WeightFile
from .manifest import Manifest

BackendKind = Literal["segmenter", "detector", "concept", "features", "matting", "video"]

KIND_NAMES: Mapping[BackendKind, str] = {
    "segmenter": "a segmenter",
    "detector": "a detector",
    "concept": "a concept model",
    "features": "a model of features",
    "matting": "a matting model",
    "video": "a video model",
}
"""What messages call a model of each kind."""


@dataclass(frozen=True)
class FolderSpec:
    """A kind of folder that a backend reads: one that transformers saved, or one with ONNX files in the layout of transformers.js.

    So a model is recognized by its folder, on the Hugging Face hub or here, and needs no entry in the catalog.

    Attributes:
        variant: Variant, as the backend names it.
        types: Values of ``model_type``, or names of classes in ``architectures``, of its ``config.json``. Empty for any folder that has
            the ONNX files.
        where: Values that the configuration has, by the keys on the way to each, joined by dots, such as ``"backbone_config.embed_dim"``.
            The first kind of a backend that fits is taken.
        onnx: Names of the ONNX files without their suffix, such as ``("vision_encoder", "prompt_encoder_mask_decoder")``. Empty for a
            folder of safetensors files.
        engine: Name of the engine of a folder of safetensors files.
    """

    variant: str
    types: frozenset[str] = frozenset()
    where: Mapping[str, Any] = field(default_factory=dict)
    onnx: tuple[str, ...] = ()
    engine: str = "transformers"


@dataclass(frozen=True)
class BackendSpec:
    """A backend, described by strings. Its modules are imported only when a model is loaded.

    Attributes:
        name: Name of the backend. Its entry point has the same name.
        kind: Kind of model that the backend loads.
        factory: ``"module:function"``, called as ``function(request: LoadRequest)``. It returns the model.
        accepts: Kinds of prompt that the models accept.
        options: Options of `promptseg.load`, with their defaults. A detector that drops detections with low scores, or keeps only the best
            ones, declares ``threshold`` and ``max_detections``, so that a pipeline can ask for more detections.
        forwards_options: Whether undeclared options are passed on to another model, which checks them.
        variants: Engine variants of the catalog that the backend can run; None for all.
        requires: Modules that must be importable.
        install: Command that installs the required modules.
        prepare: ``"module:function"``, called as ``function(weights: ModelWeights)`` after weights are fetched; or None.
        recognizes: Suffixes of a model's files, one per file, if the backend recognizes the files by their content. The files of a user's
            folder may then have any names.
        find_weights: ``"module:function"``, called as ``function(path: Path, model: ModelSpec, engine: Engine)``. It returns the
            `ModelWeights` in a user's file or folder. None if the file names must be those of the catalog.
        video: Name of the backend of kind ``"video"`` that tracks with this backend's models and weights, or None.
        torch_module: ``"module:function"``, called as ``function(request: LoadRequest)``. It returns the wrapped package's torch module in
            evaluation mode on the CPU, for fine-tuning and export. None if there is no such module.
        score: What the scores of a segmenter's masks are, in a few words for people.
        export_layouts: ``"module:class"`` of each `promptseg.export.layout.ExportLayout` that exports this torch module to ONNX, by the
            name of the layout: ``"original"`` or ``"transformers-js"``. The first is the default.
        export_variants: Engine variants that can be exported; None for all.
        export_module: ``"module:function"``, called as ``function(request: LoadRequest)``. It returns the torch module that is exported, if
            that is not `torch_module`.
        folders: Kinds of folders that the backend reads without an entry in the catalog.
        models: Models that come with a backend from another package. The models of promptseg are in ``models.toml``.
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
    find_weights: str | None = None
    video: str | None = None
    torch_module: str | None = None
    score: str = "predicted IoU"
    export_layouts: Mapping[str, str] = field(default_factory=dict)
    export_variants: frozenset[str] | None = None
    export_module: str | None = None
    folders: tuple[FolderSpec, ...] = ()
    models: tuple[ModelSpec, ...] = ()

    @property
    def devices(self) -> tuple[str, ...]:
        """Kinds of device on which the models run, by the library that computes."""
        if "torch" in self.requires:
            return ("cpu", "cuda", "mps")
        return ("cpu", "cuda") if "onnxruntime" in self.requires else ("cpu",)

    def missing(self) -> list[str]:
        """Return the required modules that are not installed."""
        return [module for module in self.requires if importlib.util.find_spec(module) is None]

    def check_installed(self, alternative: Callable[[], str] = str) -> None:
        """Raise `MissingDependencyError` if a required module is not installed.

        Args:
            alternative: Returns what else can be done, for the end of the message.
        """
        missing = self.missing()
        if missing:
            what = f"backend {self.name!r} needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed"
            raise MissingDependencyError(f"{what}: {install_command(self.install)}{alternative()}")


@dataclass(frozen=True)
class Engine:
    """One way to run a model: a backend, the variant to build, and weights in the backend's format.

    Attributes:
        name: Name that users write, such as ``"onnx"``.
        backend: Name of the backend.
        variant: Architecture or file layout, as the backend names it, such as ``"vit_b"``.
        files: The published weights.
        checkpoint: Name of a single file that users may give in place of `files`, or None. It is what is fetched of a `repository` for a
            backend that reads no folders.
        memory: Peak memory in MiB to load the model and encode one image in float32, or None if it was not measured.
        seconds: Seconds to encode one image and answer one prompt, or to find what a phrase names, in float32 on two processors of the
            reference machine of ``docs/understand/benchmarks.md``; or None if they were not measured.
        repository: ``owner/name`` of the repository on the Hugging Face hub with the folder of the weights, or None.
        revision: Commit, branch or tag of the repository.
        contents: Paths in the folder of the files that are read; empty if the backend's `find_weights` alone knows them.
        gated: Whether the hub gives this folder only to users who accepted its license there.
    """

    name: str
    backend: str
    variant: str
    files: tuple[WeightFile, ...] = ()
    checkpoint: str | None = None
    memory: int | None = None
    seconds: float | None = None
    repository: str | None = None
    revision: str = "main"
    contents: tuple[str, ...] = ()
    gated: bool = False

    def names_in(self, weights: Path) -> tuple[str, ...]:
        """Return the file names expected in a user's file or folder of weights: those of `files`, or `checkpoint` alone."""
        names = tuple(file.name for file in self.files)
        if self.checkpoint is None:
            return names
        if weights.is_dir():
            alone = (weights / self.checkpoint).is_file() and not (names and all((weights / name).is_file() for name in names))
        else:
            alone = weights.suffix not in {Path(name).suffix for name in names}
        return (self.checkpoint,) if alone else names


@dataclass(frozen=True)
class ModelSpec:
    """A model of the catalog.

    Attributes:
        name: Name that users write.
        summary: Description in one line.
        license: SPDX identifier of the weights' license, or ``"unknown"``.
        engines: Engines that run the model. The first is the default.
    """

    name: str
    summary: str
    license: str
    engines: tuple[Engine, ...]

    def engine(self, name: str | None) -> Engine:
        """Return the engine with a name, or the default engine for None.

        Raises:
            ConfigError: The model has no such engine.
        """
        if name is None:
            return self.engines[0]
        for engine in self.engines:
            if isinstance(name, str) and engine.name == name:
                return engine
        names = [engine.name for engine in self.engines]
        raise ConfigError(f"model {self.name!r} has no engine {shown(name)}: it has {', '.join(names)}.{nearest(name, names)}")


@dataclass(frozen=True)
class Choice:
    """A resolved model name, before anything is fetched or loaded.

    Attributes:
        model: The model.
        engine: The engine that runs the model.
        backend: The backend of the engine.
        weights: Path of the user's own weights, or None for the published weights.
        manifest: Manifest of the weights folder if promptseg wrote it, else None.
    """

    model: ModelSpec
    engine: Engine
    backend: BackendSpec
    weights: Path | None = None
    manifest: Manifest | None = None

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Raise an error for options that the backend does not declare.

        Raises:
            ConfigError: An option is unknown. The message says which engine or tracker has it, or names the nearest known option.
        """
        declared = self.backend.options
        for name in options:
            if name not in declared and not self.backend.forwards_options:
                known = ", ".join(sorted(declared)) or "none"
                hint = self._owner_of(name) or nearest(name, declared)
                raise ConfigError(f"model {self.model.name!r} has no option {shown(name)} (options: {known}).{hint}")

    def _owner_of(self, option: str) -> str:
        """Return a sentence with another engine of the model, or else a tracker, that has an option; empty if none has it."""
        from .catalog import backends  # Here, because the catalog is made of the classes of this module.

        known = backends()
        if self.backend.kind != "video":
            for engine in self.model.engines:
                if engine.name != self.engine.name and engine.backend in known and option in known[engine.backend].options:
                    return f" It is an option of engine {engine.name!r}."
        if self.backend.kind in ("segmenter", "video"):
            for spec in known.values():
                able = spec.kind == "video" and (spec.forwards_options or spec.name == self.backend.video)
                if able and option in spec.options and option != "segmenter":
                    return f" It is an option of tracker {spec.name!r} of load_video."
        return ""

    def request(
        self, weights: ModelWeights, device: str = "auto", options: Mapping[str, Any] | None = None, fallback_from: tuple[str, ...] = ()
    ) -> LoadRequest:
        """Return the request to load this choice, with defaults for options that are not given.

        The options are not checked here: call `check_options` first.
        """
        return LoadRequest(self.model, self.engine, weights, device, {**self.backend.options, **plain(dict(options or {}))}, fallback_from)


@dataclass(frozen=True)
class LoadRequest:
    """Argument of a backend's factory: everything needed to load a model.

    Attributes:
        model: The model.
        engine: The engine that was chosen.
        weights: Local, verified weights of the engine.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``.
        options: Every option that the backend declares, with the user's value or the default. The backend checks the values.
        fallback_from: Models that were tried before this one and did not fit into memory.
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
            device: Device on which the model runs, such as ``"cpu"``.
            dtype: Number type of the computation.
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
