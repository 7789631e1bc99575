"""A picture of a run: a folder with a page that opens from the disk, and a small overlay of each photo.

The page holds its data, and loads the pictures as they are scrolled to, a page of them at a time.
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

LONGEST = 480
"""Longest side of a picture, in pixels."""

MOST_PICTURES = 10_000
"""How many photos of a run have a picture unless another number is asked for."""


def picture_path(name: str) -> str:
    """Where the picture of a photo is within the gallery."""
    key = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    return f"pictures/{key[:2]}/{key[2:]}.jpg"


def has_picture(name: str, share: float) -> bool:
    """Whether a photo is among the `share` (0 to 1) of a run that have pictures; the same at each call, in whatever order photos come."""
    return int(hashlib.sha256(os.fsencode(name)).hexdigest()[16:28], 16) < share * 16**12


def picture_of(result: Result) -> bytes:
    """A small overlay as a JPEG file.

    The photo is made small before it is drawn on, so that the work does not grow with the photo.
    """
    if result.image is None:
        raise ValueError("the result has no image")
    height, width = result.size
    scale = min(1.0, LONGEST / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    small = cv2.resize(result.image, size[::-1], interpolation=cv2.INTER_AREA) if scale < 1 else result.image
    masks = Masks((replace(mask.resized(size), detection_index=None) for mask in result.masks), size)
    file = io.BytesIO()
    draw(np.asarray(small, np.uint8), masks).save(file, "JPEG", quality=80)
    return file.getvalue()


def save_picture(gallery: Path, name: str, picture: bytes) -> None:
    """Puts the picture of a photo into its place; one that was cut short is written again with its photo."""
    path = gallery / picture_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture)


def write_gallery(journal: Journal, annotation: Annotation, gallery: Path, most: int = MOST_PICTURES) -> Path:
    """Writes the page.

    Args:
        journal: The run.
        annotation: Its counts.
        gallery: The folder, in which the pictures are already.
        most: Most photos on the page; photos without a picture, and failures beyond this number, are only counted.

    Returns:
        The page's file.

    Raises:
        OutputError: It cannot be written.
    """
    classes = {label: index for index, label in enumerate(annotation.classes)}
    photos: list[dict[str, Any]] = []
    failures = 0
    for record in journal.records():
        if record["status"] == "failed":
            failures += 1
            if failures > most:
                continue
        elif len(photos) >= most + min(failures, most) or not (gallery / picture_path(record["name"])).is_file():
            continue
        photos.append(_entry(record, classes, gallery))
    run = {
        **annotation.to_dict(),
        "classes": list(annotation.classes.items()),
        "failed": None,
        "models": journal.models(),
        "shown": len(photos),
    }
    page = files(__package__).joinpath("gallery.html").read_text("utf-8").replace("{{DATA}}", _script({"run": run, "photos": photos}))
    path = gallery / "index.html"
    with output_errors(path):
        gallery.mkdir(parents=True, exist_ok=True)
        with write_atomically(path, text=True) as file:
            file.write(page)
    return path


def _entry(record: Mapping[str, Any], classes: Mapping[str, int], gallery: Path) -> dict[str, Any]:
    """What the page knows of a photo, in few letters: there are thousands of them."""
    entry = {
        "n": record["name"].encode("utf-8", "replace").decode("utf-8"),
        "f": quote(os.fsencode(os.path.relpath(record["path"], gallery)).replace(os.fsencode(os.sep), b"/")),
        "t": round(sum(record["timings"].values()), 3),
    }
    if record["status"] == "failed":
        return {**entry, "r": record["reason"]}
    return {**entry, "p": picture_path(record["name"]), "s": record["size"], "c": list(_scores(record, classes))}


def _scores(record: Mapping[str, Any], classes: Mapping[str, int]) -> Iterator[list[float]]:
    """For each class on a photo: its number, how many objects, and the least and greatest of their scores (-1 where there is none)."""
    found: dict[int, list[float | None]] = defaultdict(list)
    for mask in record["masks"]:
        found[classes[mask["label"] or ""]].append(mask["score"])
    for label, scores in sorted(found.items()):
        known = [score for score in scores if score is not None] or [-1]
        yield [label, len(scores), round(min(known), 3), round(max(known), 3)]


def _script(values: Any) -> str:
    """JSON that may stand in a script element."""
    return json.dumps(values, separators=(",", ":")).replace("<", "\\u003c").replace("&", "\\u0026")
