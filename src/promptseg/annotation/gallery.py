"""Gallery of an annotation run: an HTML page and a folder of thumbnails, which open from the disk without a server.

The HTML file contains its data. It shows one page of images at a time and loads thumbnails when they scroll into view.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..class_colors import COLORS, ClassColors, Color, palette
from ..datasets.class_numbers import NO_CLASS
from ..errors import PromptSegError
from ..runtime.files import output_errors, write_atomically
from .drawings import Pixels, draw_thumbnail, drawing_key, key_of, result_of
from .journal import Journal
from .summary import Annotation

FOLDER = "gallery"
"""Name of the gallery folder in the output folder."""

MAX_THUMBNAILS = 10_000
"""Default maximum number of images with a thumbnail."""


def thumbnail_path(name: str) -> str:
    """Return the path of an image's thumbnail, relative to the gallery folder."""
    key = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    return f"thumbnails/{key[:2]}/{key[2:]}.jpg"


def has_thumbnail(name: str, share: float) -> bool:
    """Return whether an image is among the `share` (0 to 1) of images with a thumbnail. The choice depends only on the name."""
    return int(hashlib.sha256(os.fsencode(name)).hexdigest()[16:28], 16) < share * 16**12


def save_thumbnail(gallery: Path, name: str, thumbnail: bytes) -> None:
    """Write the thumbnail of an image into the gallery.

    The write is not atomic. After a crash the image is not in the journal yet, so the next run writes the thumbnail again.
    """
    path = gallery / thumbnail_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(thumbnail)


def redraw_thumbnails(journal: Journal, gallery: Path, classes: Sequence[str], share: float, pixels: Pixels | None = None) -> None:
    """Draw the thumbnails that are missing or show something else, because the colors of the classes changed or there was no gallery.

    Args:
        journal: The journal of the run.
        gallery: The gallery folder.
        classes: Classes in the order that decides their colors.
        share: Share of the images with a thumbnail.
        pixels: Function that returns images that are no files of their own; None for files.

    Raises:
        OutputError: When a thumbnail cannot be written.
    """
    for record in journal.records():
        if record["status"] != "done" or not has_thumbnail(record["name"], share):
            continue
        key = drawing_key(record, classes)
        if key_of(gallery / thumbnail_path(record["name"])) == key:
            continue
        try:
            thumbnail = draw_thumbnail(result_of(record, pixels), classes, key)
        except PromptSegError:
            continue  # The image cannot be read any more, or has another size.
        with output_errors(gallery):
            save_thumbnail(gallery, record["name"], thumbnail)


def write_gallery(
    journal: Journal,
    annotation: Annotation,
    gallery: Path,
    limit: int = MAX_THUMBNAILS,
    *,
    classes: Sequence[str] = (),
    overlays: Mapping[str, Path] | None = None,
    overview: Path | None = None,
) -> Path:
    """Write the HTML page of a gallery.

    Args:
        journal: The journal of the run.
        annotation: The summary of the run.
        gallery: The gallery folder. It already has the thumbnails.
        classes: Classes in the order that decides their colors.
        overlays: Full-size overlays by image name.
        overview: Drawing of the raster whose tiles the images are, or None.
        limit: Maximum number of images on the page, and of failed images. Images without a thumbnail are counted but not shown.

    Returns:
        The path of the page.

    Raises:
        OutputError: When the page cannot be written.
    """
    for name in journal.left_out:
        (gallery / thumbnail_path(name)).unlink(missing_ok=True)
    colors = ClassColors(classes)
    numbers = {label: number for number, label in enumerate(annotation.classes)}
    images: list[dict[str, Any]] = []
    failures = 0
    named: set[str | None] = set()
    for record in journal.records():
        named.update(mask["label"] for mask in record.get("masks", ()))
        if record["status"] == "failed":
            failures += 1
            if failures > limit:
                continue
        elif len(images) >= limit + min(failures, limit) or not (gallery / thumbnail_path(record["name"])).is_file():
            continue
        images.append(_entry(record, numbers, colors, gallery, (overlays or {}).get(record["name"])))
    unnamed = {NO_CLASS} - named  # Their objects have colors of their own.
    run = {
        **annotation.to_dict(),
        "classes": [[label, count, None if label in unnamed else _hex(colors.of(label))] for label, count in annotation.classes.items()],
        "palette": [_hex(each) for each in palette(COLORS)],
        "failed": None,
        "models": journal.models(),
        "shown": len(images),
        "unit": annotation.unit,
        "overview": None if overview is None else _link(overview, gallery),
    }
    page = files(__package__).joinpath("gallery.html").read_text("utf-8").replace("{{DATA}}", _script({"run": run, "images": images}))
    path = gallery / "index.html"
    with output_errors(path):
        gallery.mkdir(parents=True, exist_ok=True)
        with write_atomically(path, text=True) as file:
            file.write(page)
    return path


def _entry(
    record: Mapping[str, Any], classes: Mapping[str, int], colors: ClassColors, gallery: Path, overlay: Path | None
) -> dict[str, Any]:
    """Return the data of one image for the page. Keys have one letter, because a page has thousands of images."""
    entry = {
        "n": record["name"].encode("utf-8", "replace").decode("utf-8"),
        "f": _link(record["path"], gallery),
        "t": round(sum(record["timings"].values()), 3),
    }
    if record["status"] == "failed":
        return {**entry, "r": record["reason"]}
    if overlay is not None:
        entry["o"] = _link(overlay, gallery)
    return {**entry, "p": thumbnail_path(record["name"]), "s": record["size"], "c": list(_scores(record, classes, colors))}


def _link(path: str | Path, gallery: Path) -> str:
    return quote(os.fsencode(os.path.relpath(path, gallery)).replace(os.fsencode(os.sep), b"/"))


def _hex(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def _scores(record: Mapping[str, Any], classes: Mapping[str, int], colors: ClassColors) -> Iterator[list[float]]:
    """Yield ``[class index, number of objects, lowest score, highest score, color]`` for each class in an image.

    The color is an index of the palette. Scores and colors that are not there are -1.
    """
    of_image = colors.indices(mask["label"] for mask in record["masks"])
    names = list(classes)
    found: dict[int, list[float | None]] = defaultdict(list)
    for mask in record["masks"]:
        found[classes[mask["label"] or NO_CLASS]].append(mask["score"])
    for label, scores in sorted(found.items()):
        known = [score for score in scores if score is not None] or [-1]
        yield [label, len(scores), round(min(known), 3), round(max(known), 3), of_image.get(names[label], -1)]


def _script(values: Any) -> str:
    """Return JSON that is safe inside a script element."""
    return json.dumps(values, separators=(",", ":")).replace("<", "\\u003c").replace("&", "\\u0026")
