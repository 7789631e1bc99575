"""Good files, and their changes, for the fuzz targets."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

import promptseg as ps
from promptseg.datasets.core import AnnotatedImage, AnnotatedObject
from promptseg.datasets.writing import write
from promptseg.testing.fuzzing import mutate_bytes, mutate_json, mutate_png, mutate_text, mutate_xml

SIZE = (12, 16)
NAMES = ("a.png", "b/c.png")


def images(folder: Path) -> None:
    """Write two images that the good files are about."""
    for number, name in enumerate(NAMES):
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((*SIZE, 3), 40 * number, np.uint8)).save(path)


def annotated(folder: Path) -> list[AnnotatedImage]:
    """Return the two images with objects that have holes, parts, labels and scores."""
    shape = np.zeros(SIZE, bool)
    shape[2:9, 3:11] = True
    shape[4:6, 5:8] = False
    parts = np.zeros(SIZE, bool)
    parts[1:3, 12:15] = parts[9:11, 1:5] = True
    masks = [ps.Mask.from_array(shape, score=0.75, label="cat"), ps.Mask.from_array(parts, label="dog")]
    found = []
    for name in NAMES:
        objects = tuple(AnnotatedObject(f"{name}#{number}", mask) for number, mask in enumerate(masks, 1))
        found.append(AnnotatedImage(name, folder / "images" / name, SIZE, objects, (ps.Mask.from_array(shape[::-1]),)))
    return found


@functools.cache
def written(variant: str) -> dict[str, bytes]:
    """Return the files of an output variant, as promptseg writes them, with its manifest."""
    with tempfile.TemporaryDirectory() as holder:
        folder = Path(holder)
        images(folder)
        options = {"images": "none"} if variant.startswith("yolo") else {}
        write(variant, annotated(folder), folder / "out", **options)
        return {path.relative_to(folder / "out").as_posix(): path.read_bytes() for path in (folder / "out").rglob("*") if path.is_file()}


def good(variant: str) -> dict[str, bytes]:
    """Return the files of an output variant without its manifest."""
    return {name: content for name, content in written(variant).items() if not Path(name).name.startswith(".")}


def changed(content: bytes, name: str, random: Random) -> bytes:
    """Return the content of a file after a change that fits its suffix."""
    suffix = Path(name).suffix
    if suffix in (".json", ".geojson"):
        return mutate_json(json.loads(content), random).encode("utf-8", "surrogatepass")
    if suffix == ".xml":
        return mutate_xml(content.decode(), random).encode("utf-8", "surrogatepass")
    if suffix in (".txt", ".csv", ".yaml"):
        return mutate_text(content.decode(), random).encode("utf-8", "surrogatepass")
    if suffix == ".png":
        return mutate_png(content, random)
    return mutate_bytes(content, random)
