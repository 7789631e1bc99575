"""Composites of which alpha and the colors of the object are known: a soft disc, and a disc with strands of hair."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

SCALE = 4
"""Strands are drawn larger by this factor and averaged, so that their alpha is exact."""


@dataclass(frozen=True)
class Composite:
    """An image, the alpha and the colors that it was made of, and the mask that a perfect model makes of it."""

    image: np.ndarray
    alpha: np.ndarray
    colors: np.ndarray
    inside: np.ndarray

    def error(self, alpha: np.ndarray, where: np.ndarray) -> float:
        """Return the mean error of an alpha at some pixels."""
        return float(np.abs(alpha - self.alpha)[where].mean())

    def error_on(self, color: tuple[float, float, float], alpha: np.ndarray, colors: np.ndarray, where: np.ndarray) -> float:
        """Return the mean error of the colors at some pixels when a cutout is laid on a color."""
        cut = alpha[..., None] * colors + (1 - alpha[..., None]) * np.array(color)
        true = self.alpha[..., None] * self.colors + (1 - self.alpha[..., None]) * np.array(color)
        return float(np.abs(cut - true)[where].mean())


def soft_disc(seed: int = 0) -> Composite:
    """Return a disc whose border is blurred over 16 pixels."""
    return _composite(cv2.GaussianBlur(_disc(70), (0, 0), 4), seed)


def hairy_disc(seed: int = 0) -> Composite:
    """Return a disc with 160 strands of hair, one or two pixels thick."""
    return _composite(_disc(60, strands=160, seed=seed), seed)


def _disc(radius: int, strands: int = 0, seed: int = 0, size: tuple[int, int] = (240, 320)) -> np.ndarray:
    height, width = (SCALE * side for side in size)
    center = np.array([width / 2, height / 2])
    drawn = np.zeros((height, width), np.uint8)
    cv2.circle(drawn, center.astype(int).tolist(), radius * SCALE, 255, -1)
    rng = np.random.default_rng(seed)
    for _ in range(strands):
        angle = rng.uniform(0, 2 * np.pi)
        bent = angle + rng.normal(0, 0.35)
        root = center + (radius - 2) * SCALE * np.array([np.cos(angle), np.sin(angle)])
        tip = root + rng.uniform(8, 22) * SCALE * np.array([np.cos(bent), np.sin(bent)])
        cv2.line(drawn, root.astype(int).tolist(), tip.astype(int).tolist(), 255, int(rng.integers(3, 8)))
    return cv2.resize(drawn, size[::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _composite(alpha: np.ndarray, seed: int) -> Composite:
    rng = np.random.default_rng(seed)
    colors = _texture(rng, alpha.shape, 6, (0.1, 0.45))
    background = _texture(rng, alpha.shape, 8, (0.55, 0.9))
    mixed = alpha[..., None] * colors + (1 - alpha[..., None]) * background
    noisy = np.clip(mixed * 255 + rng.normal(0, 1.5, mixed.shape), 0, 255)
    return Composite(np.round(noisy).astype(np.uint8), alpha, colors, alpha > 0.5)


def _texture(rng: np.random.Generator, size: tuple[int, ...], sigma: float, span: tuple[float, float]) -> np.ndarray:
    noise = cv2.GaussianBlur(rng.standard_normal((*size, 3)).astype(np.float32), (0, 0), sigma)
    return np.clip(rng.uniform(*span, 3) + 0.08 * noise / noise.std(), 0, 1).astype(np.float32)
