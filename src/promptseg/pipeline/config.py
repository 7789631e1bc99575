"""Schema of a pipeline in code and in files (YAML, TOML, JSON), with one class for each stage.

The builder `promptseg.Pipeline` and the files use the same classes, so both have the same settings.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError, field_validator, model_validator
from pydantic.json_schema import GenerateJsonSchema

from .._checks import is_number, is_whole_number, plain
from ..errors import ConfigError, InputError, nearest, one_of, shown
from ..registry.builtin_backends import DEFAULT_CONCEPT_MODEL, DEFAULT_MODEL
from ..registry.catalog import backends
from ..runtime.structured import check_extent, read_json, read_text, read_yaml, shown_path
from ..vocabulary import parse_phrase

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LicensePolicy = Union[Literal["any", "permissive"], tuple[str, ...]]
"""Licenses that the models of a pipeline may have: any, permissive ones, or those with the given SPDX identifiers."""

PERMISSIVE = frozenset({"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "CC0-1.0", "CC-BY-4.0", "Unlicense"})
"""SPDX identifiers that the policy ``"permissive"`` allows."""


_MAX_BYTES = 2 << 20
"""Size of the largest pipeline file that is read."""

_LISTED = 20
"""Maximum number of complaints in one message."""

_LONGEST = 80
"""Maximum number of characters of a key in a message."""


class _Stage(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, values: object) -> object:
        return plain(values)  # NumPy's numbers and flags become Python's, and can be written to a file.


def _no_truth(value: object) -> object:
    if not (value is None or isinstance(value, str) or is_number(value)):  # To pydantic, true is the number 1.
        raise ValueError("expected a number")
    return value


class ModelStage(_Stage):
    """Base class of stages that run a model."""

    model: str = Field(description="Name of the model, as `promptseg models` lists it.")
    weights: str | None = Field(None, description="Path of your own weights, in place of the published ones.")
    engine: str | None = Field(None, description="Engine that runs the model, if it has several.")
    options: dict[str, Any] = Field({}, description="Further options of the backend.")


class DetectStage(ModelStage):
    """Stage that finds boxes, by phrase if the model reads text."""

    threshold: float = Field(0.3, ge=0, le=1, description="Minimum score of a detection.")
    thresholds: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        {}, description="Minimum score by phrase, in place of `threshold`; phrases that no prompt has are ignored."
    )
    nms: float | None = Field(
        0.7, ge=0, le=1, description="Box IoU above which detections of one label are duplicates; null keeps all detections."
    )
    max_detections: int = Field(300, ge=1, description="Maximum number of detections in an image; the best are kept.")
    box_padding: float = Field(0.0, ge=0, le=1, description="Share of its length by which each box is widened on every side.")

    _numbers = field_validator("threshold", "nms", "max_detections", "box_padding", mode="before")(_no_truth)

    @field_validator("thresholds", mode="before")
    @classmethod
    def _shares(cls, thresholds: object) -> object:
        return {phrase: _no_truth(value) for phrase, value in thresholds.items()} if isinstance(thresholds, dict) else thresholds

    @field_validator("thresholds")
    @classmethod
    def _by_label(cls, thresholds: dict[str, float]) -> dict[str, float]:
        written: dict[str, str] = {}
        for phrase in thresholds:
            if (other := written.setdefault(parse_phrase(phrase).label, phrase)) != phrase:
                raise ValueError(f"expected one score a phrase: {shown(other)} and {shown(phrase)} have the same label")
        return {label: thresholds[phrase] for label, phrase in written.items()}

    @property
    def lowest_threshold(self) -> float:
        """Lowest of `threshold` and `thresholds`."""
        return min([self.threshold, *self.thresholds.values()])

    def threshold_of(self, label: str) -> float:
        """Return the threshold for a label, or for a phrase with alternatives such as ``"car|automobile"``."""
        return self.thresholds.get(label.partition("|")[0].strip(), self.threshold)


class SegmentStage(ModelStage):
    """Stage that makes a mask for each prompt and for each box of the detector."""

    model: str = Field(DEFAULT_MODEL, description="Name of the model, as `promptseg models` lists it.")
    fallback: tuple[str, ...] = Field((), description="Models to try, in this order, if the model does not fit into memory.")
    refine: bool = Field(
        False, description="Prompt with each box, the detector's own mask and its innermost point; the detector must make masks."
    )
    score: Literal["product", "detector", "mask"] = Field(
        "product",
        description="Score of a detection's mask: the score of the box (detector), of the mask (mask), or their product.",
    )
    min_mask_score: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Minimum mask score: a detection's mask fails below it, or if it is empty; null for no minimum.",
    )
    failed_mask: Literal["box", "empty", "drop"] = Field(
        "box", description="Mask of a detection whose mask has failed: its filled box, an empty mask, or none (drop)."
    )
    calibration: str | None = Field(
        "auto",
        description="Calibration of the mask scores to the IoU to expect: the one that promptseg has for these weights, if any (auto), the "
        "path of a file that promptseg calibrate made, or null for the model's own scores.",
    )

    _numbers = field_validator("min_mask_score", mode="before")(_no_truth)


class ConceptStage(ModelStage):
    """Stage that finds every instance of what a phrase or examples describe."""

    model: str = Field(DEFAULT_CONCEPT_MODEL, description="Name of the model, as `promptseg models` lists it.")
    min_presence: float = Field(
        0.0, ge=0, le=1, description="Minimum presence of a concept: nothing is returned of one that is less sure to be in the image."
    )

    _numbers = field_validator("min_presence", mode="before")(_no_truth)


class CleanStage(_Stage):
    """Stage that improves masks. The steps run in the order of the fields."""

    fill_holes: Union[bool, NonNegativeInt] = Field(
        False, description="Fill holes: true for all, a number for those of at most so many pixels."
    )
    min_island: int = Field(0, ge=0, description="Remove connected parts of fewer pixels, but never the largest part of a mask.")
    min_area: int = Field(0, ge=0, description="Drop masks of fewer pixels.")
    nms: float | None = Field(None, ge=0, le=1, description="Mask IoU above which masks of one label are duplicates.")
    merge: bool = Field(False, description="Merge all masks of one label into one.")
    max_masks: int | None = Field(None, ge=1, description="Maximum number of masks; the best are kept.")

    _numbers = field_validator("min_island", "min_area", "nms", "max_masks", mode="before")(_no_truth)


class TrackStage(_Stage):
    """Settings of tracking through videos; in Python, arguments of `BuiltPipeline.track`."""

    every: Union[Annotated[int, Field(ge=1)], Literal["auto"]] = Field(
        1,
        description="Ask the segmenter on every n-th frame, with optical flow in between, or where a mask may have gone wrong (auto).",
    )

    @field_validator("every", mode="before")
    @classmethod
    def _frames(cls, every: object) -> object:
        if every != "auto" and not is_whole_number(every, 1):
            raise ValueError("expected a whole number of frames of at least 1, or auto")
        return every


class PipelineConfig(_Stage):
    """Configuration of a whole pipeline."""

    detect: DetectStage | None = Field(None, description="The detector; needed for text prompts, unless the concept segmenter reads words.")
    segment: SegmentStage | None = Field(None, description="The segmenter; without one, the masks of the detector are the result.")
    concept: ConceptStage | None = Field(
        None, description="The model that finds all instances of a concept; without one, examples are found with the segmenter's features."
    )
    clean: CleanStage | None = Field(None, description="Post-processing of the masks.")
    track: TrackStage | None = Field(None, description="Tracking through videos.")
    device: str = Field("auto", description="Device of every model: auto, cpu, cuda, cuda:N or mps.")
    licenses: LicensePolicy = Field("any", description="Licenses that models may have: any, permissive, or a list of SPDX identifiers.")

    @field_validator("licenses", mode="before")
    @classmethod
    def _list_of_licenses(cls, value: object) -> object:
        if isinstance(value, str) and value not in ("any", "permissive"):
            raise ValueError(f"expected any, permissive, or a list of SPDX identifiers such as [{value[:_LONGEST]}]")
        return value


def parse_config(values: Any, origin: str = "the configuration") -> PipelineConfig:
    """Return the configuration that plain values describe.

    Raises:
        ConfigError: A key is unknown, a value is out of range, or the values hold a circle, are too many or lie too deep in each other. The
            message suggests the nearest known key.
    """
    check_extent(values, origin, ConfigError)
    try:
        return PipelineConfig.model_validate(values)
    except UnicodeEncodeError as error:  # A lone surrogate, which pydantic does not read.
        raise ConfigError(f"{origin} is not valid: it has text that is not Unicode, {shown(error.object)}") from error
    except ValidationError as error:
        complaints = [_complaint(detail) for detail in error.errors()[:_LISTED]]
        if error.error_count() > _LISTED:
            complaints.append(f"and {error.error_count() - _LISTED} more")
        raise ConfigError(f"{origin} is not valid:\n  " + "\n  ".join(complaints)) from error


class _WithoutTitles(GenerateJsonSchema):
    """JSON Schema generator without titles.

    Pydantic makes titles from the names, and editors would show them in place of the descriptions.
    """

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - The name is pydantic's.
        return False


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a pipeline file (draft 2020-12), with descriptions and defaults, for editors.

    A file may name its schema under the key ``$schema``. `read_config` ignores that key.
    """
    schema = PipelineConfig.model_json_schema(schema_generator=_WithoutTitles)
    own = {"$schema": {"type": "string", "description": "Location of this schema, for editors."}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "promptseg pipeline",
        "properties": {**own, **schema["properties"]},
    }


def read_config(path: Path) -> PipelineConfig:
    """Return the configuration in a ``.yaml``, ``.yml``, ``.toml`` or ``.json`` file.

    Raises:
        ConfigError: The file cannot be read, is not of its format, or does not fit the schema.
    """
    readers: dict[str, Callable[[Path, int], Any]] = {".yaml": read_yaml, ".yml": read_yaml, ".toml": _read_toml, ".json": read_json}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ConfigError(f"a pipeline file ends in {', '.join(readers)}, got {shown_path(path)}")
    try:
        values = reader(path, _MAX_BYTES)
    except InputError as error:
        raise ConfigError(str(error)) from (error.__cause__ or error)
    if isinstance(values, dict):
        values.pop("$schema", None)
    return parse_config(values if values is not None else {}, str(path))


def _read_toml(path: Path, limit: int) -> Any:
    text = read_text(path, limit)
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise InputError(f"{path} cannot be read: its arrays and tables lie in each other too deep") from error
    except ValueError as error:
        raise InputError(f"{path} is not valid TOML: {str(error)[:1000]}") from error


def _complaint(detail: Any) -> str:
    where = ".".join(str(part)[:_LONGEST] for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        schema: Any = PipelineConfig
        for part in detail["loc"][:-1]:
            schema = _STAGES.get(str(part), schema)
        key, known = str(detail["loc"][-1]), list(schema.model_fields)
        elsewhere = [stage for stage, fields in _STAGES.items() if key in fields.model_fields and fields is not schema]
        if schema is not PipelineConfig and key in PipelineConfig.model_fields:
            hint = f" It is a key of the top level, and in Python an argument of build(): {key}."
        elif elsewhere:
            hint = f" It is a key of {one_of(elsewhere)}."
        elif "options" in known and any(key in backend.options for backend in backends().values()):
            hint = f" An option of the model is given in options: {{{shown(key)}: {shown(detail['input'])}}}."
        else:
            hint = nearest(key, known)
        return f"unknown key {shown(where)}: expected one of {', '.join(known)}.{hint}"
    if detail["type"] in ("model_type", "dict_type"):
        return f"{where or 'top level'}: expected keys with values, such as segment: {{model: mini-sam}}, got {shown(detail['input'])}"
    return f"{where or 'top level'}: {detail['msg'].removeprefix('Value error, ')}, got {shown(detail['input'])}"


_STAGES: dict[str, Any] = {
    "detect": DetectStage,
    "segment": SegmentStage,
    "concept": ConceptStage,
    "clean": CleanStage,
    "track": TrackStage,
}
