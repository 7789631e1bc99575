"""Fixtures of the fine-tuning tests: images with masks, and a tiny model that trains on them in seconds."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw


@pytest.fixture(scope="session")
def toy_in():
    """Write images of an ellipse on a dark ground, with masks: ``toy_in(folder, count)`` returns the two folders."""

    def make(folder, count=6, size=(48, 64), seed=0):
        random = np.random.default_rng(seed)
        images, masks = folder / "images", folder / "masks"
        for each in (images, masks):
            each.mkdir(parents=True, exist_ok=True)
        for index in range(count):
            height, width = size
            x0, y0 = random.uniform(0.05, 0.4) * width, random.uniform(0.05, 0.4) * height
            ellipse = [x0, y0, x0 + random.uniform(0.3, 0.5) * width, y0 + random.uniform(0.3, 0.5) * height]
            mask = Image.new("L", (width, height))
            ImageDraw.Draw(mask).ellipse(ellipse, fill=255)
            noise = random.integers(0, 40, (height, width, 3))
            image = noise + np.asarray(mask)[..., None] * [0.7, 0.4, 0.2]
            Image.fromarray(image.astype(np.uint8)).save(images / f"{index}.png")
            mask.save(masks / f"{index}.png")
        return images, masks

    return make


@pytest.fixture
def toy(toy_in, tmp_path):
    """As `toy_in`, in a folder of the test: ``toy(count, name="toy")``."""

    def make(count=6, size=(48, 64), seed=0, name="toy"):
        return toy_in(tmp_path / name, count, size, seed)

    return make


@pytest.fixture
def small_sam(tiny_sam, tmp_path, monkeypatch):
    """Make model ``"sam-vit-b"`` tiny, and return the path of a checkpoint with random weights."""
    torch = pytest.importorskip("torch", reason="fine-tuning needs torch")
    pytest.importorskip("safetensors", reason="writing fine-tuned decoders needs safetensors")
    from promptseg.backends import sam
    from promptseg.models.sam.torch import checkpoints

    monkeypatch.setattr(sam, "_build", lambda _: tiny_sam(width=64, heads=8))
    monkeypatch.setattr(checkpoints, "variant_of", lambda _: "vit_b")
    path = tmp_path / "tiny.pth"
    torch.save(tiny_sam(seed=3, width=64, heads=8).state_dict(), path)
    return path
