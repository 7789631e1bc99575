"""Logistic regression of a share, such as an IoU, with ridge regularization."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from .features import FEATURES

RIDGE = 5.0
"""Weight of the squared weights beside the log-likelihood of all masks. From 1 to 20 it makes no difference on COCO."""

_FARTHEST = 3.0
"""Standard deviations at which a feature is cut, so that a mask unlike all that were fitted gets no extreme score."""

_STEPS = 50
_LARGEST = 1e6


class Regression(BaseModel):
    """Regression that was fitted on `promptseg.calibration.features.FEATURES`.

    Attributes:
        objects: Number of objects that it was fitted on.
        error_before: Mean absolute difference of the model's score and the IoU.
        error_after: The same of the expected IoU, on images that the fit had not seen (five-fold cross-validation).
        mean: Mean of each feature.
        scale: Standard deviation of each feature.
        weights: The constant, and the weight of each feature after mean and scale.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    objects: int = Field(ge=1, le=10**9)
    error_before: FiniteFloat = Field(ge=0)
    error_after: FiniteFloat = Field(ge=0)
    mean: tuple[FiniteFloat, ...] = Field(min_length=len(FEATURES), max_length=len(FEATURES))
    scale: tuple[FiniteFloat, ...] = Field(min_length=len(FEATURES), max_length=len(FEATURES))
    weights: tuple[FiniteFloat, ...] = Field(min_length=len(FEATURES) + 1, max_length=len(FEATURES) + 1)

    @model_validator(mode="after")
    def _in_range(self) -> Regression:
        if min(self.scale) <= 0 or max(map(abs, (*self.mean, *self.scale, *self.weights))) > _LARGEST:
            raise ValueError(f"expected scales above 0 and no number beyond {_LARGEST:g}")
        return self

    def expected(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (N,) expected IoU for (N, F) features, from 0 to 1."""
        return _expected(_standard(features, np.array(self.mean), np.array(self.scale)), np.array(self.weights))


def fit(features: NDArray[np.float64], ious: NDArray[np.float64], images: NDArray[np.int64]) -> Regression:
    """Fit the regression of the IoU on features. The same values give the same weights.

    Args:
        features: (N, F) features; the first is the model's score.
        ious: (N,) IoU of each mask with the truth.
        images: (N,) number of the image of each mask, for cross-validation.
    """
    unseen = np.zeros(len(ious))
    folds = images % 5
    for fold in np.unique(folds):
        held = folds == fold
        mean, scale, weights = _fit(features[~held], ious[~held]) if not held.all() else _fit(features, ious)
        unseen[held] = _expected(_standard(features[held], mean, scale), weights)
    mean, scale, weights = _fit(features, ious)
    return Regression(
        objects=len(ious),
        error_before=round(float(np.abs(features[:, 0] - ious).mean()), 4),
        error_after=round(float(np.abs(unseen - ious).mean()), 4),
        **{name: tuple(np.round(values, 6).tolist()) for name, values in (("mean", mean), ("scale", scale), ("weights", weights))},
    )


def _fit(features: NDArray[np.float64], ious: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return mean, scale and weights: the maximum of the penalized likelihood, by Newton's method."""
    mean, scale = features.mean(0), features.std(0)
    scale = np.where(scale < 1e-6, 1.0, scale)  # A feature that does not vary gets no weight.
    inputs = np.c_[np.ones(len(features)), _standard(features, mean, scale)]
    ridge = np.full(inputs.shape[1], RIDGE)
    ridge[0] = 1e-3  # The constant is free, but finite where all IoUs are 0 or 1.
    weights = np.zeros(inputs.shape[1])
    for _ in range(_STEPS):
        found = _expected(inputs[:, 1:], weights)
        slope = inputs.T @ (ious - found) - ridge * weights
        curve = (inputs * (found * (1 - found))[:, None]).T @ inputs + np.diag(ridge)
        step = np.linalg.solve(curve, slope)
        weights = weights + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            break
    return mean, scale, weights


def _standard(features: NDArray[np.float64], mean: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip((features - mean) / scale, -_FARTHEST, _FARTHEST)


def _expected(standard: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(weights[0] + standard @ weights[1:], -60, 60))))
