"""`Pipeline`, the builder of pipelines, and `segment`, which segments one image with one call."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..calibration.scores import calibration_for
from ..errors import ConfigError, IncompatibleStagesError, LicenseError, shown
from ..images import ImageLike
from ..prompts import Prompt, PromptKind
from ..protocols import ConceptSegmenter, Detector, Segmenter
from ..registry.builtin_backends import DEFAULT_CONCEPT_MODEL, DEFAULT_MODEL
from ..registry.choice import choose
from ..registry.fallback import fallback_chain
from ..registry.installed import check_installed
from ..registry.loading import load_chosen
from ..registry.model_card import UNKNOWN
from ..registry.spec import KIND_NAMES, BackendKind, Choice, ModelSpec
from ..results import Result
from ..runtime.home import as_path
from ..runtime.single_flight import SingleFlight
from .checks import EXAMPLES, check_image, check_prompts, nothing_to_segment
from .config import (
    PERMISSIVE,
    DetectStage,
    LicensePolicy,
    ModelStage,
    PipelineConfig,
    SegmentStage,
    parse_config,
    read_config,
)
from .runner import BuiltPipeline

if TYPE_CHECKING:
    from .plan import Plan


class _UnbuiltPipelineError(ConfigError, AttributeError):
    """A pipeline that is used before its models are loaded."""

    def __init__(self, used: str) -> None:
        super().__init__(
            f"this pipeline has no models yet, and is {used}: call .build() at the end of its stages, as in "
            "pipeline = ps.Pipeline().segment().build(), and use what it returns"
        )


@dataclass(frozen=True, repr=False)
class Pipeline:
    """Immutable builder of a pipeline of the stages detect, segment, concept and clean.

    Each method returns a new builder. `build` checks the stages and returns a pipeline with loaded models.

    Example:
        ```python
        pipeline = ps.Pipeline().segment("mini-sam").clean(min_area=64, fill_holes=True).build()
        result = pipeline("street.jpg", ps.Prompt.box(10, 20, 200, 300))
        ```
    """

    config: PipelineConfig = PipelineConfig()

    def __post_init__(self) -> None:
        """Check that the configuration is one.

        Raises:
            ConfigError: It is something else, such as the name of a model.
        """
        if not isinstance(self.config, PipelineConfig):
            raise ConfigError(f"a pipeline is made of stages, such as Pipeline().segment('mini-sam'), got {shown(self.config)}")

    if not TYPE_CHECKING:  # To a type checker, an unbuilt pipeline has none of these.

        def __call__(self, *args, **kwargs):  # noqa: ANN002, ANN003, ANN204, ARG002
            """Say that the pipeline must be built first."""
            raise _UnbuiltPipelineError("called")

        def __getattr__(self, name):  # noqa: ANN001, ANN204
            """Say so for what a built pipeline has."""
            if (not name.startswith("_") and hasattr(BuiltPipeline, name)) or name in BuiltPipeline.__dataclass_fields__:
                raise _UnbuiltPipelineError(f"asked for .{name}")
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    @classmethod
    def from_config(cls, source: str | os.PathLike[str] | Mapping[str, Any]) -> Pipeline:
        """Return the pipeline that a YAML, TOML or JSON file or a mapping of plain values describes.

        Raises:
            ConfigError: The file cannot be read, or a value is not valid. For an unknown key, the message suggests the nearest known one.
        """
        if isinstance(source, Mapping):
            return cls(parse_config(dict(source)))
        if not isinstance(source, (str, os.PathLike)):
            raise ConfigError(f"a pipeline is described by a path or a mapping, got {shown(source)}")
        return cls(read_config(Path(source)))

    def to_config(self) -> dict[str, Any]:
        """Return the configuration as plain values, from which `from_config` makes the same pipeline."""
        return self.config.model_dump(mode="json", exclude_defaults=True)

    @staticmethod
    def plan(budget: str = "", task: str = "segment") -> Plan:
        """Return the best models of the catalog for a task within a budget, and why.

        ``Pipeline.plan("4 GB, permissive", "text").pipeline()`` is a pipeline for phrases. The first models of an order fit or are
        passed over with a reason; the first that fits is taken. Nothing is loaded or fetched.

        Args:
            budget: Memory (``2 GB``), seconds for one image with one prompt (``1 s``), ``permissive`` or SPDX identifiers of licenses,
                ``no torch`` and ``installed``, separated by commas. Empty: whatever is best.
            task: ``"segment"`` (points and boxes), ``"text"`` (any phrase), ``"classes"`` (those of COCO), ``"example"``, ``"video"`` or
                ``"salient"`` (what stands out).

        Raises:
            ConfigError: A part of the budget or the task is unknown, or no model fits. The message has the reason for each.
        """
        from .plan import plan

        return plan(budget, task)

    def detect(self, model: str, **settings: Any) -> Pipeline:
        """Return a pipeline with a detector. `settings` are the fields of `promptseg.pipeline.config.DetectStage`.

        Raises:
            ConfigError: A setting is unknown or out of range.
        """
        return self._with(detect={"model": model, **settings})

    def segment(self, model: str = DEFAULT_MODEL, **settings: Any) -> Pipeline:
        """Return a pipeline with a segmenter. `settings` are the fields of `promptseg.pipeline.config.SegmentStage`."""
        return self._with(segment={"model": model, **settings})

    def concept(self, model: str = DEFAULT_CONCEPT_MODEL, **settings: Any) -> Pipeline:
        """Return a pipeline with a concept segmenter. `settings` are the fields of `promptseg.pipeline.config.ConceptStage`."""
        return self._with(concept={"model": model, **settings})

    def clean(self, **settings: Any) -> Pipeline:
        """Return a pipeline with post-processing. `settings` are the fields of `promptseg.pipeline.config.CleanStage`."""
        return self._with(clean=settings)

    def build(self, device: str | None = None, licenses: LicensePolicy | None = None) -> BuiltPipeline:
        """Check that the stages fit together, load the models and return a pipeline that runs.

        Args:
            device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``. Default: the device of
                the configuration.
            licenses: ``"any"``, ``"permissive"``, or the SPDX identifiers that models may have. Default: the policy of the configuration.

        Raises:
            IncompatibleStagesError: No stage makes masks, a stage names a model of the wrong kind, or two stages would take the phrases.
            LicenseError: The policy does not allow the license of a model.
            UnknownModelError: A model name is unknown.
            OutOfMemoryError: Neither a model nor any model of its fallback chain fits into memory.
        """
        changes = {"device": device, "licenses": licenses}
        config = self._with(**{key: value for key, value in changes.items() if value is not None}).config
        detectors, segmenters, finders = _checked(config)
        detector = segmenter = concept = None
        if config.detect is not None:
            options = {**_more_detections(config.detect, detectors[0]), **config.detect.options}
            detector = cast("Detector", load_chosen(detectors, config.device, options))
        if config.segment is not None:
            segmenter = cast("Segmenter", load_chosen(segmenters, config.device, config.segment.options))
            _check_refining(config, segmenter.provenance.model, segmenter.accepts)  # It may take less than its backend's other models.
        chosen = None if config.segment is None else config.segment.calibration
        calibration = None if segmenter is None else calibration_for(segmenter.provenance, chosen)
        if config.concept is not None:
            options = config.concept.options
            if segmenter is not None and _uses_segmenter(finders[0]):
                options = {"segmenter": segmenter, **options}
            concept = cast("ConceptSegmenter", load_chosen(finders, config.device, options))
        return BuiltPipeline(config, detector, segmenter, concept, calibration)

    def check(self) -> None:
        """Check, as `build` does first, that the stages fit together, the models exist and their packages are installed. Load nothing.

        Raises:
            ConfigError: As for `build`.
            MissingDependencyError: A package of a model is not installed.
        """
        _checked(self.config)

    def __repr__(self) -> str:
        stages = []
        for name, settings in self.to_config().items():
            if name in ("detect", "segment", "concept", "clean"):
                given = dict(settings)
                first = [repr(given.pop("model"))] if "model" in given else []
                stages.append(f".{name}({', '.join([*first, *(f'{key}={shown(value)}' for key, value in given.items())])})")
        return "Pipeline()" + "".join(stages)

    def _with(self, **changes: Any) -> Pipeline:
        return Pipeline(parse_config({**self.config.model_dump(exclude_defaults=True), **changes}))


def segment(
    image: ImageLike,
    *prompts: Prompt,
    model: str = DEFAULT_MODEL,
    weights: str | os.PathLike[str] | None = None,
    device: str = "auto",
    engine: str | None = None,
    candidates: bool = False,
) -> Result:
    """Segment one image with one model. The model stays loaded for the next call.

    Args:
        image: A path, bytes, open file, PIL image, or (H, W, 3) uint8 RGB array.
        *prompts: Points, boxes, masks, examples or everything. Each spatial prompt is for one object.
        model: Name of a segmenter, as `promptseg models` lists it.
        weights: Path of your own weights.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``.
        engine: Engine that runs the model, if it has several.
        candidates: Whether to return all masks that the model proposes for a spatial prompt, not only the best.

    Raises:
        InputError: The image cannot be read.
        PromptError: There is no prompt, or a prompt does not fit the image or the model.
        ConfigError: The model, engine or device is unknown.
        WeightsError: The weights cannot be downloaded or read.
    """
    for name, value in {"model": model, "device": device, "engine": engine}.items():  # They are kept in a table, which takes hashable ones.
        if not isinstance(value, str) and not (name == "engine" and value is None):
            raise ConfigError(f"{name} is text, got {shown(value)}")
    check_image(image)  # Before the model is loaded, which takes long the first time.
    check_prompts(prompts, detector=False, segmenter=True, concepts=EXAMPLES)
    if not prompts:
        raise nothing_to_segment()
    return shared(model, weights, device, engine)(image, *prompts, candidates=candidates)


def shared(model: str, weights: str | os.PathLike[str] | None = None, device: str = "auto", engine: str | None = None) -> BuiltPipeline:
    """Return the pipeline of one model that all calls of `segment` share. It is loaded at its first use, and the latest two stay loaded.

    Args:
        model: Name of a segmenter.
        weights: Path of your own weights.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``.
        engine: Engine that runs the model, if it has several.

    Raises:
        ConfigError: The model, engine or device is unknown.
        WeightsError: The weights cannot be downloaded or read.
    """
    asked = (model, None if weights is None else str(as_path(weights, "weights")), device, engine)
    return _loading.get([asked], lambda keys: {key: _single(*key) for key in keys})[asked]


_loading: SingleFlight[tuple[str, str | None, str, str | None], BuiltPipeline] = SingleFlight()
"""Pipelines that `shared` is building now: threads that ask for the same model at once load it once."""


@lru_cache(maxsize=2)
def _single(model: str, weights: str | None, device: str, engine: str | None) -> BuiltPipeline:
    return Pipeline().segment(model, weights=weights, engine=engine).build(device)


def _checked(config: PipelineConfig) -> tuple[tuple[Choice, ...], ...]:
    """Return the models of a checked configuration with those of their fallback chains: detectors, segmenters, concept segmenters."""
    if config.detect is None and config.segment is None and config.concept is None:
        raise IncompatibleStagesError(
            "the pipeline has no stage: add .segment(…), in a file segment: {model: mini-sam}, or a detector that makes masks"
        )
    detectors = _chain(config.detect, "detector", config.licenses)
    segmenters = _chain(config.segment, "segmenter", config.licenses)
    finders = _chain(config.concept, "concept", config.licenses)
    _check_concept_stage(config, finders)
    for choice in segmenters:
        _check_refining(config, choice.model.name, choice.backend.accepts)
    return detectors, segmenters, finders


_STAGE: Mapping[BackendKind, str] = {
    "detector": "stage detect (--detector)",
    "segmenter": "stage segment (--model)",
    "concept": "stage concept (--concept)",
}
"""Stage for each kind of model, as a configuration and the command line name it."""


def _chain(stage: ModelStage | None, kind: BackendKind, licenses: LicensePolicy) -> tuple[Choice, ...]:
    """Return the resolved and checked models of a stage: the named one and those of its fallback chain. Load nothing."""
    if stage is None:
        return ()
    first = choose(stage.model, weights=stage.weights, engine=stage.engine, kind=kind)
    if first.backend.kind != kind:
        own, wanted = KIND_NAMES[first.backend.kind], KIND_NAMES[kind]
        place = f": {own} is for {_STAGE[first.backend.kind]}" if first.backend.kind in _STAGE else ": no stage takes it"
        raise IncompatibleStagesError(f"{_STAGE[kind]} takes {wanted}, and model {first.model.name!r} is {own}{place}")
    chain = fallback_chain(first, stage.fallback if isinstance(stage, SegmentStage) else ())
    for choice in chain:
        _check_license(choice.model, licenses)
    for choice in chain:
        check_installed(choice)
    if "device" in stage.options:
        raise ConfigError("device is a setting of the whole pipeline, not an option of a model: give it to build() or at the top level")
    for name in {"weights", "engine", "fallback"} & set(stage.options):
        raise ConfigError(f"{name} is a setting of the stage, not an option of its backend: take it out of options")
    for choice in chain:
        choice.check_options(stage.options)
    return chain


def _check_license(model: ModelSpec, licenses: LicensePolicy) -> None:
    """Raise an error if the policy does not allow the license of a model."""
    allowed = PERMISSIVE if licenses == "permissive" else licenses
    if allowed != "any" and not _allows(allowed, model.license):
        looked_up = ", or look up the license of its weights and allow 'unknown'" if model.license == UNKNOWN else ""
        raise LicenseError(
            f"model {model.name!r} is licensed under {model.license}, and the policy allows only {', '.join(sorted(allowed))}: "
            f"choose another model (promptseg models lists the licenses) or another policy{looked_up}"
        )


def _allows(allowed: Iterable[str], spdx: str) -> bool:
    """Return whether a license is among the allowed ones; of several that apply together, whether each is."""
    known = {each.casefold() for each in allowed}  # SPDX compares without case.
    return spdx.casefold() in known or all(each.casefold() in known for each in spdx.split(" AND "))


def _uses_segmenter(finder: Choice) -> bool:
    """Return whether a concept segmenter works with any segmenter: it declares the option."""
    return "segmenter" in finder.backend.options


def _check_concept_stage(config: PipelineConfig, finders: tuple[Choice, ...]) -> None:
    """Check the concept stage against the others, and the licenses of models that are named in its options. Load nothing."""
    if config.concept is None:
        return
    (finder,) = finders
    if config.detect is not None and "text" in finder.backend.accepts:
        raise IncompatibleStagesError(
            f"phrases would be for two stages: the detector and model {finder.model.name!r}. "
            f"Leave out {_STAGE['detector']} or {_STAGE['concept']}"
        )
    if _uses_segmenter(finder) and "segmenter" in config.concept.options and config.segment is not None:
        raise IncompatibleStagesError(
            f"model {finder.model.name!r} has two segmenters: the one of the pipeline and option segmenter. Leave one out"
        )
    own = {**finder.backend.options, **config.concept.options}
    named = [own.get("features"), own.get("segmenter") if config.segment is None else None]
    for name in named:
        if isinstance(name, str):
            _check_license(choose(name).model, config.licenses)


def _check_refining(config: PipelineConfig, model: str, accepts: frozenset[PromptKind]) -> None:
    """Raise an error if `SegmentStage.refine` is set and a model that accepts these prompts cannot do it."""
    if config.segment is None or not config.segment.refine:
        return
    if config.detect is None:
        raise IncompatibleStagesError("segment.refine needs the masks of a detector: add .detect(model), or leave refine out")
    if missing := {"point", "box", "mask"} - accepts:
        raise IncompatibleStagesError(
            f"segment.refine needs a segmenter that takes points, boxes and masks; model {model!r} takes no {' or '.join(sorted(missing))}"
        )


def _more_detections(stage: DetectStage, detector: Choice) -> dict[str, Any]:
    """Return the options that lower a detector's own limits, if by default it drops detections that the stage keeps."""
    declared = detector.backend.options
    options: dict[str, Any] = {}
    if stage.lowest_threshold < declared.get("threshold", 0.0):
        options["threshold"] = stage.lowest_threshold
    if stage.max_detections > declared.get("max_detections", stage.max_detections):
        options["max_detections"] = stage.max_detections
    return options
