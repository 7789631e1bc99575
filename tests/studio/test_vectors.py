"""The page computes run lengths and colors as the library does: its tests compare it with values that are made here.

``python tests/studio/test_vectors.py`` writes them anew.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco

from promptseg.class_colors import COLORS, ClassColors, palette

VECTORS = Path(__file__).resolve().parents[2] / "src" / "promptseg" / "studio" / "web" / "test" / "vectors"


def run_lengths():
    """Return masks as their runs and as compressed by pycocotools: borders, single pixels, noise, and numbers of all sizes."""
    rng = np.random.default_rng(0)
    sizes = [(1, 1), (1, 7), (7, 1), (5, 8), (13, 4), (40, 30)]
    masks = [rng.random(size) < share for size in sizes for share in (0, 0.05, 0.5, 0.95, 1)]
    blob = np.hypot(*np.mgrid[-40:40, -30:30]) < 25
    masks += [blob, ~blob]
    cases = [(list(mask.shape), [int(run) for run in _runs(mask)]) for mask in masks]
    cases += [([4000, 3000], [5_999_999, 1, 6_000_000]), ([30_000, 30_000], [0, 1, 899_999_998, 1])]
    cases += [([1, 1200], [1, 15, 16, 17, 495, 511, 145])]
    return [{"size": size, "runs": runs, "counts": _compressed(size, runs)} for size, runs in cases]


def _compressed(size, runs):
    return coco.frPyObjects({"size": size, "counts": runs}, *size)["counts"].decode()


def _runs(mask):
    flat = np.concatenate([[0], mask.T.reshape(-1).astype(int)])
    return np.diff(np.concatenate([[0], np.flatnonzero(np.diff(flat)), [mask.size]])) if mask.size else []


def colors():
    """Return the palette, and colors of labels that are in a known order and of labels that are not."""
    names = ["person", "car", "Straßenbahn", "árbol", "自行车", "a", "", "🚲", "traffic light"]
    orders = [[], ["person", "car", "car", "dog"], [f"class {number}" for number in range(30)]]
    given = [{"order": order, "name": name, "color": _hex(ClassColors(order).of(name))} for order in orders for name in [*names, *order]]
    return {"palette": [_hex(color) for color in palette(2 * COLORS)], "labels": given}


def _hex(color):
    return "#{:02x}{:02x}{:02x}".format(*color)


def digests():
    """Return SHA-256 digests of texts whose lengths are around those of blocks."""
    texts = ["", "abc", "ä漢🚲", *("x" * size for size in (55, 56, 63, 64, 65, 119, 120, 1000))]
    return [{"text": text, "digest": hashlib.sha256(text.encode()).hexdigest()} for text in texts]


MADE = {"runs.json": run_lengths, "colors.json": colors, "sha256.json": digests}


@pytest.mark.parametrize("name", MADE)
def test_the_vectors_of_the_page_are_what_the_library_computes(name):
    assert json.loads((VECTORS / name).read_text("utf-8")) == MADE[name]()


if __name__ == "__main__":
    for name, make in MADE.items():
        (VECTORS / name).write_text(json.dumps(make(), ensure_ascii=False) + "\n", "utf-8")
