"""Sheets: drawn images of many things that are alike, with the mask of each, for tests and benchmarks of concepts.

A sheet has a known number of things at known places, so that what was found can be counted without labeled data. Its things vary in size,
color and texture, do not overlap, and lie on a ground with noise. The same seed draws the same sheet.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._checks import whole_number
from ..errors import ConfigError, shown
from ..masks import Mask, Masks

SheetKind = Literal["coins", "cells"]
"""Things on a sheet: bright discs with a rim on a dark cloth, or stained ellipses with a nucleus on a bright ground."""


class Sheet(NamedTuple):
    """Drawn image with the masks of its things.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        masks: A mask for each thing.
    """

    image: NDArray[np.uint8]
    masks: Masks


def draw_sheet(kind: SheetKind = "coins", *, seed: int = 0, count: int = 40, side: int = 640) -> Sheet:
    """Draw a sheet of things.

    Args:
        kind: What is drawn.
        seed: Seed of places, sizes, colors and noise.
        count: Number of things that are tried; fewer fit if they are many. At most 1000.
        side: Height and width of the image in pixels, from 64 to 4096.

    Raises:
        ConfigError: The kind is unknown, or a number is out of range.
    """
    if kind not in ("coins", "cells"):
        raise ConfigError(f"a sheet has 'coins' or 'cells', got {shown(kind)}")
    random = np.random.default_rng(whole_number("seed", seed, 0))
    count, side = whole_number("count", count, 1, most=1000), whole_number("side", side, 64, most=4096)
    ground = np.array((52, 60, 74) if kind == "coins" else (232, 222, 230), np.float32)
    image = ground + random.normal(0, 4, (side, side, 1)).astype(np.float32) + _slow_noise(random, side, 10.0)
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    typical = side / (2.6 * np.sqrt(count))
    placed: list[tuple[float, float, float]] = []
    masks = []
    for x, y, radius in _places(random, count, side, typical, placed):
        stretch, angle = (1.0, 0.0) if kind == "coins" else (random.uniform(0.72, 1.0), random.uniform(0, np.pi))
        u = (columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)
        v = ((rows - y) * np.cos(angle) - (columns - x) * np.sin(angle)) / stretch
        distance = np.hypot(u, v) / radius
        inside = distance <= 1
        if kind == "coins":
            metal = np.array((random.uniform(150, 205), random.uniform(130, 170), random.uniform(80, 130)), np.float32)
            shade = 1 + 0.18 * (u - v)[..., None] / radius * (distance < 0.82)[..., None] + 0.22 * ((distance > 0.82) & inside)[..., None]
            image[inside] = (metal * shade + random.normal(0, 5, (side, side, 1)))[inside]
        else:
            stain = np.array((random.uniform(175, 205), random.uniform(125, 160), random.uniform(175, 205)), np.float32)
            image[inside] = (stain + random.normal(0, 6, (side, side, 1)))[inside]
            core = np.hypot(u - 0.15 * radius, v) / radius < random.uniform(0.35, 0.5)
            image[core] = np.array((96, 58, 140), np.float32) + random.normal(0, 6, (int(core.sum()), 1))
        masks.append(Mask.from_array(inside))
    return Sheet(np.clip(image, 0, 255).astype(np.uint8), Masks(masks, (side, side)))


def _places(
    random: np.random.Generator, count: int, side: int, typical: float, placed: list[tuple[float, float, float]]
) -> list[tuple[float, float, float]]:
    """Return centers and radii that do not overlap and lie inside the image."""
    for _ in range(count * 40):
        if len(placed) == count:
            break
        radius = typical * random.uniform(0.7, 1.15)
        x, y = random.uniform(radius + 2, side - radius - 2, 2)
        if all(np.hypot(x - a, y - b) > radius + r + 2 for a, b, r in placed):
            placed.append((float(x), float(y), float(radius)))
    return placed


def _slow_noise(random: np.random.Generator, side: int, strength: float) -> NDArray[np.float32]:
    """Return (side, side, 1) brightness that changes slowly over the image, as uneven light does."""
    import cv2

    coarse = random.normal(0, strength, (5, 5)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)[..., None]
