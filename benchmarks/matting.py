"""Soft borders of cutouts against hard ones, on composites of which the true alpha and colors are known. No weights are needed.

With ``--cost``, also the processor time of both kinds of matting, and the memory of ViTMatte-S with random weights.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from composites import Composite, hairy_disc, soft_disc

from promptseg import Mask, load_matting
from promptseg.matting import make_trimap

GREEN = (0.0, 0.9, 0.1)
"""Color that the cutouts are laid on: one that is neither in the object nor in its background."""

SCENES: dict[str, tuple[Callable[[int], Composite], int]] = {"soft disc": (soft_disc, 14), "disc with hair": (hairy_disc, 10)}
"""Composites by name, with the width of the band in pixels."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cost", action="store_true", help="measure time and memory, too; needs torch and transformers")
    arguments.add_argument("--seeds", type=int, default=10, help="number of composites of each kind")
    options = arguments.parse_args()
    print("composite | border | error of alpha in the band | error of the colors on green")
    for name, (make, band) in SCENES.items():
        for border in (None, "guided"):
            errors = [_errors(make(seed), border, band) for seed in range(options.seeds)]
            alpha, colors = np.mean(errors, axis=0)
            print(f"{name} | {border or 'hard'} | {alpha:.4f} | {colors:.4f}")
    if options.cost:
        _costs()


def _errors(scene: Composite, border: str | None, band: int) -> tuple[float, float]:
    """Return the mean error of alpha, and that of the colors on green, in the band."""
    settings = {} if border is None else {"matting": border, "band": band}
    cut = np.asarray(Mask.from_array(scene.inside).cutout(scene.image, crop=False, **settings), np.float32) / 255
    where = make_trimap(scene.inside, band) == 128
    return scene.error(cut[..., 3], where), scene.error_on(GREEN, cut[..., 3], cut[..., :3], where)


def _costs() -> None:
    """Print the processor time of soft borders, and the peak memory of ViTMatte-S."""
    image = np.random.default_rng(0).integers(0, 256, (4000, 6000, 3), dtype=np.uint8)
    rows, columns = np.mgrid[:4000, :6000]
    mask = Mask.from_array((rows - 2000) ** 2 / 1800**2 + (columns - 3000) ** 2 / 2700**2 < 1)
    for border in (None, "guided"):
        print(f"{border or 'hard'}, 24 megapixels: {_seconds(lambda: mask.cutout(image, crop=False, matting=border)):.2f} s")  # noqa: B023 - It is called at once.
    matting, inside = _vitmatte(), np.zeros((1024, 1024), bool)
    inside[200:800, 200:800] = True
    for side in (512, 1024):
        given = image[:side, :side], inside[:side, :side], make_trimap(inside[:side, :side], 10)
        spent = _seconds(lambda: matting.alpha(*given))  # noqa: B023
        print(f"ViTMatte-S, {side} x {side}: {spent:.2f} s, peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB with torch")


def _vitmatte() -> Any:
    """Return ViTMatte-S with the sizes of its published configuration and random weights."""
    from transformers import VitMatteConfig, VitMatteForImageMatting

    vit = {"model_type": "vitdet", "num_channels": 4, "hidden_size": 384, "num_attention_heads": 6, "image_size": 512, "patch_size": 16}
    blocks = {"window_size": 14, "window_block_indices": [0, 1, 3, 4, 6, 7, 9, 10], "residual_block_indices": [2, 5, 8, 11]}
    backbone = {**vit, **blocks, "pretrain_image_size": 224, "use_relative_position_embeddings": True, "out_features": ["stage12"]}
    sizes = {"convstream_hidden_sizes": [48, 96, 192], "fusion_hidden_sizes": [256, 128, 64, 32]}
    with tempfile.TemporaryDirectory() as folder:
        VitMatteForImageMatting(VitMatteConfig(hidden_size=384, backbone_config=backbone, **sizes)).save_pretrained(folder)
        return load_matting("vitmatte-small-composition-1k", weights=folder, device="cpu")


def _seconds(call: Callable[[], object]) -> float:
    before = time.process_time()
    call()
    return time.process_time() - before


if __name__ == "__main__":
    main()
