"""Gallery of an annotation run: an HTML page and a folder of thumbnails, which open from the disk without a server.

The HTML file contains its data. It shows one page of images at a time and loads thumbnails when they scroll into view.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np

from ..masks import Masks
from ..overlay import draw
from ..results import Result
from ..runtime.files import output_errors, write_atomically
from .journal import Journal
from .summary import Annotation

FOLDER = "gallery"
"""Name of the gallery folder in the output folder."""

THUMBNAIL_SIZE = 480
"""Longer side of a thumbnail in pixels, at most."""

MAX_THUMBNAILS = 10_000
"""Default maximum number of images with a thumbnail."""


def thumbnail_path(name: str) -> str:
    """Return the path of an image's thumbnail, relative to the gallery folder."""
    key = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    return f"thumbnails/{key[:2]}/{key[2:]}.jpg"


def has_thumbnail(name: str, share: float) -> bool:
    """Return whether an image is among the `share` (0 to 1) of images with a thumbnail. The choice depends only on the name."""
    return int(hashlib.sha256(os.fsencode(name)).hexdigest()[16:28], 16) < share * 16**12


def make_thumbnail(result: Result) -> bytes:
    """Return a small overlay of the masks as a JPEG file.

    The image is resized before the masks are drawn, so that drawing does not take longer for large images.

    Raises:
        ValueError: When the result has no image.
    """
    if result.image is None:
        raise ValueError("the result has no image")
    height, width = result.size
    scale = min(1.0, THUMBNAIL_SIZE / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    small = cv2.resize(result.image, size[::-1], interpolation=cv2.INTER_AREA) if scale < 1 else result.image
    masks = Masks((replace(mask.resized(size), detection_index=None) for mask in result.masks), size)
    file = io.BytesIO()
    draw(np.asarray(small, np.uint8), masks).save(file, "JPEG", quality=80)
    return file.getvalue()


def save_thumbnail(gallery: Path, name: str, thumbnail: bytes) -> None:
    """Write the thumbnail of an image into the gallery.

    The write is not atomic. After a crash the image is not in the journal yet, so the next run writes the thumbnail again.
    """
    path = gallery / thumbnail_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(thumbnail)


def write_gallery(journal: Journal, annotation: Annotation, gallery: Path, limit: int = MAX_THUMBNAILS) -> Path:
    """Write the HTML page of a gallery.

    Args:
        journal: The journal of the run.
        annotation: The summary of the run.
        gallery: The gallery folder. It already has the thumbnails.
        limit: Maximum number of images on the page, and of failed images. Images without a thumbnail are counted but not shown.

    Returns:
        The path of the page.

    Raises:
        OutputError: When the page cannot be written.
    """
    for name in journal.left_out:
        (gallery / thumbnail_path(name)).unlink(missing_ok=True)
    classes = {label: index for index, label in enumerate(annotation.classes)}
    images: list[dict[str, Any]] = []
    failures = 0
    for record in journal.records():
        if record["status"] == "failed":
            failures += 1
            if failures > limit:
                continue
        elif len(images) >= limit + min(failures, limit) or not (gallery / thumbnail_path(record["name"])).is_file():
            continue
        images.append(_entry(record, classes, gallery))
    run = {
        **annotation.to_dict(),
        "classes": list(annotation.classes.items()),
        "failed": None,
        "models": journal.models(),
        "shown": len(images),
    }
    page = files(__package__).joinpath("gallery.html").read_text("utf-8").replace("{{DATA}}", _script({"run": run, "images": images}))
    path = gallery / "index.html"
    with output_errors(path):
        gallery.mkdir(parents=True, exist_ok=True)
        with write_atomically(path, text=True) as file:
            file.write(page)
    return path


def _entry(record: Mapping[str, Any], classes: Mapping[str, int], gallery: Path) -> dict[str, Any]:
    """Return the data of one image for the page. Keys have one letter, because a page has thousands of images."""
    entry = {
        "n": record["name"].encode("utf-8", "replace").decode("utf-8"),
        "f": quote(os.fsencode(os.path.relpath(record["path"], gallery)).replace(os.fsencode(os.sep), b"/")),
        "t": round(sum(record["timings"].values()), 3),
    }
    if record["status"] == "failed":
        return {**entry, "r": record["reason"]}
    return {**entry, "p": thumbnail_path(record["name"]), "s": record["size"], "c": list(_scores(record, classes))}


def _scores(record: Mapping[str, Any], classes: Mapping[str, int]) -> Iterator[list[float]]:
    """Yield ``[class index, number of objects, lowest score, highest score]`` for each class in an image; -1 where there is no score."""
    found: dict[int, list[float | None]] = defaultdict(list)
    for mask in record["masks"]:
        found[classes[mask["label"] or ""]].append(mask["score"])
    for label, scores in sorted(found.items()):
        known = [score for score in scores if score is not None] or [-1]
        yield [label, len(scores), round(min(known), 3), round(max(known), 3)]


def _script(values: Any) -> str:
    """Return JSON that is safe inside a script element."""
    return json.dumps(values, separators=(",", ":")).replace("<", "\\u003c").replace("&", "\\u0026")
