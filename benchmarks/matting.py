"""Soft borders of cutouts against hard ones, on composites of which the true alpha and colors are known. No weights are needed."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from composites import Composite, hairy_disc, soft_disc

from promptseg import Mask
from promptseg.matting import make_trimap

GREEN = (0.0, 0.9, 0.1)
"""Color that the cutouts are laid on: one that is neither in the object nor in its background."""

SCENES: dict[str, tuple[Callable[[int], Composite], int]] = {"soft disc": (soft_disc, 14), "disc with hair": (hairy_disc, 10)}
"""Composites by name, with the width of the band in pixels."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=10, help="number of composites of each kind")
    options = arguments.parse_args()
    print("composite | border | error of alpha in the band | error of the colors on green")
    for name, (make, band) in SCENES.items():
        for border in (None, "guided"):
            errors = [_errors(make(seed), border, band) for seed in range(options.seeds)]
            alpha, colors = np.mean(errors, axis=0)
            print(f"{name} | {border or 'hard'} | {alpha:.4f} | {colors:.4f}")


def _errors(scene: Composite, border: str | None, band: int) -> tuple[float, float]:
    """Return the mean error of alpha, and that of the colors on green, in the band."""
    settings = {} if border is None else {"matting": border, "band": band}
    cut = np.asarray(Mask.from_array(scene.inside).cutout(scene.image, crop=False, **settings), np.float32) / 255
    where = make_trimap(scene.inside, band) == 128
    return scene.error(cut[..., 3], where), scene.error_on(GREEN, cut[..., 3], cut[..., :3], where)


if __name__ == "__main__":
    main()
