"""`ScoreCalibration`: what turns a model's own score of a mask into the IoU to expect.

A model's predicted IoU is often far from the truth, the more so the less the prompt says: mini-sam expects .92 for one point on an object
of COCO, and reaches .46. A small regression on the score and other features of the mask comes nearer. It is fitted for one model, by its
weights, and for each kind of prompt: see `promptseg.calibrate`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import ConfigError, InputError, shown
from ..images import ImageLike, load_image
from ..masks import Mask, Masks
from ..prompts import SpatialPrompt
from ..results import Provenance
from ..runtime.output_files import write_json
from ..runtime.structured import read_json, shown_path
from .features import FEATURES, MaskFeatures, PromptClass, prompt_class
from .regression import Regression

FORMAT: Literal["promptseg-score-calibration-1"] = "promptseg-score-calibration-1"

_MAX_BYTES = 1 << 20

_SHIPPED = ("mini-sam.json",)


class FittedOn(BaseModel):
    """Truth that a calibration was fitted on.

    Attributes:
        name: Name of the dataset.
        images: Number of images.
        objects: Number of objects.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(max_length=1000)
    images: int = Field(ge=0, le=10**9)
    objects: int = Field(ge=0, le=10**9)


class ScoreCalibration(BaseModel):
    """Calibration of the scores of one model.

    Attributes:
        format: Name and version of the format.
        model: Name of the model.
        weights: SHA-256 of each of its weights files, sorted. The calibration is for these weights alone.
        features: Names of the features.
        prompts: Regression for each kind of prompt.
        fitted_on: The datasets that it was fitted on.
        seed: Seed of the prompts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["promptseg-score-calibration-1"] = FORMAT
    model: str = Field(max_length=1000)
    weights: tuple[str, ...] = Field(max_length=100)
    features: tuple[str, ...] = Field(FEATURES, max_length=100)
    prompts: Mapping[PromptClass, Regression] = Field(min_length=1)
    fitted_on: tuple[FittedOn, ...] = Field(max_length=100)
    seed: int = Field(0, ge=0)

    def fits(self, model: Provenance | None) -> bool:
        """Return whether the calibration is for the weights of a model; for one without weights, for its name."""
        return model is not None and weights_of(model) == self.weights and bool(self.weights or self.model == model.model)

    def apply(self, masks: Masks, prompts: Sequence[SpatialPrompt], image: ImageLike) -> Masks:
        """Return the masks with the IoU to expect as `Mask.score`, and the model's own score as `Mask.predicted_iou`.

        A mask keeps its score if it is empty, has no score or logits, is calibrated already, or its kind of prompt was not fitted. So do
        the masks of everything mode, which have no logits, and which were chosen by their scores.

        Args:
            masks: Masks as `Session.segment` returns them: `Mask.prompt_index` is the index of the prompt.
            prompts: The prompts.
            image: The image, in any form that `promptseg.load_image` takes.
        """
        features = MaskFeatures(load_image(image))
        return Masks([self._calibrated(mask, prompts, features) for mask in masks], masks.size)

    def _calibrated(self, mask: Mask, prompts: Sequence[SpatialPrompt], features: MaskFeatures) -> Mask:
        if mask.predicted_iou is not None or mask.prompt_index is None or not mask.prompt_index < len(prompts):
            return mask
        prompt = prompts[mask.prompt_index]
        regression = self.prompts.get(prompt_class(prompt))
        found = None if regression is None else features.of(mask, prompt)
        if regression is None or found is None:
            return mask
        return replace(mask, score=float(regression.expected(found[None])[0]), predicted_iou=mask.score)

    def to_dict(self) -> dict[str, Any]:
        """Return the calibration as values that `json` can write. `from_dict` reads them."""
        return self.model_dump(mode="json")

    @classmethod
    def from_dict(cls, values: object, origin: str = "these values") -> ScoreCalibration:
        """Return the calibration that `to_dict` has written.

        Args:
            values: The values. They may come from anywhere: all are checked.
            origin: Where they are from, for the message.

        Raises:
            InputError: They are not those of a calibration.
        """
        if not isinstance(values, Mapping) or values.get("format") != FORMAT:
            given = values.get("format") if isinstance(values, Mapping) else values
            raise InputError(f"{origin} is not a calibration of scores: expected format {FORMAT!r}, got {shown(given)}")
        try:
            read = cls.model_validate(values)
        except (ValidationError, RecursionError) as error:
            what = "its values lie in each other too deep"
            if isinstance(error, ValidationError):
                first = error.errors()[0]
                what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            raise InputError(f"{origin} is not a calibration of scores that can be read: {what[:1000]}") from error
        if read.features != FEATURES:
            raise InputError(f"{origin} is a calibration on other features: expected {list(FEATURES)}, got {shown(read.features)}")
        return read

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the calibration as a JSON file, atomically.

        Raises:
            OutputError: The file cannot be written.
        """
        write_json(self.to_dict(), Path(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ScoreCalibration:
        """Return the calibration in a file that `save` or ``promptseg calibrate`` wrote.

        Raises:
            InputError: The file cannot be read or is not a calibration.
        """
        return cls.from_dict(read_json(path, _MAX_BYTES), shown_path(path))


def weights_of(model: Provenance) -> tuple[str, ...]:
    """Return the SHA-256 of the weights of a model, sorted. Engines that read the same files have the same."""
    return tuple(sorted(model.weights.values()))


def shipped(model: Provenance) -> ScoreCalibration | None:
    """Return the calibration that promptseg has for the weights of a model, or None."""
    return next((calibration for calibration in _shipped() if calibration.fits(model)), None)


def calibration_for(model: Provenance, chosen: str | None) -> ScoreCalibration | None:
    """Return the calibration for a model by the setting of a pipeline.

    Args:
        model: The model.
        chosen: ``"auto"`` for the one that promptseg has for these weights, if any; None for none; or the path of a file.

    Raises:
        ConfigError: The file cannot be read, is not a calibration, or is one for other weights.
    """
    if chosen is None:
        return None
    if chosen == "auto":
        return shipped(model)
    try:
        calibration = ScoreCalibration.load(chosen)
    except InputError as error:
        raise ConfigError(str(error)) from error
    if not calibration.fits(model):
        raise ConfigError(
            f"{shown_path(chosen)} calibrates the scores of {calibration.model!r} with other weights than those of {model.model!r} here: "
            "make one for these weights with promptseg calibrate"
        )
    return calibration


@lru_cache(maxsize=1)
def _shipped() -> tuple[ScoreCalibration, ...]:
    folder = files(__package__)
    return tuple(ScoreCalibration.model_validate_json(folder.joinpath(name).read_text("utf-8")) for name in _SHIPPED)
