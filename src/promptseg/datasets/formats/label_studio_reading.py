"""Reading of Label Studio exports: one JSON file of tasks."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ...errors import InputError
from ...masks import Mask
from ..core import AnnotatedImage, AnnotationError, Dataset, Entry, Finding, annotated, image_size, read_json, read_score
from .label_studio_brush import decode_brush


def read_label_studio(images: str | os.PathLike[str], file: str | os.PathLike[str]) -> Dataset:
    """Read a dataset from the brush strokes of a Label Studio JSON export.

    The annotations of a task are read, or its predictions when it has no annotations. Several annotations of a task are merged. Regions of
    other types are skipped with a finding.

    Args:
        images: Folder of the images. The image of a task is found there by the last parts of its URL.
        file: The JSON file.

    Raises:
        InputError: When the file is not a list of tasks.
    """
    path = Path(file)
    tasks = read_json(path)
    entries, findings = [], []
    try:
        for index, task in enumerate(tasks):
            address = next(str(value) for value in task["data"].values() if isinstance(value, str))
            annotations = [each for each in task.get("annotations") or () if not each.get("was_cancelled")] or task.get("predictions") or []
            results = [result for annotation in annotations for result in annotation["result"]]
            name = _image_name(address, Path(images))
            if name is None:
                findings.append(Finding(f"{path.name}: task {task.get('id', index)}", "unpaired", f"{images} has no image {address}"))
            else:
                entries.append(Entry(name, partial(_read, name, Path(images) / name, results)))
    except (AttributeError, KeyError, TypeError, StopIteration) as error:
        raise InputError(f"{path} is not a list of Label Studio tasks: each task needs data and results ({error!r})") from error
    return Dataset(f"{images} with {file}", tuple(sorted(entries, key=lambda entry: entry.name)), tuple(findings))


def _image_name(address: str, images: Path) -> str | None:
    """Return the longest end of a URL's path that is a file in the folder of images."""
    parts = urlsplit(address)
    path = PurePosixPath(parse_qs(parts.query).get("d", [unquote(parts.path)])[0])
    steps = [step for step in path.parts if step not in ("/", "..")]
    ends = ("/".join(steps[start:]) for start in range(len(steps)))
    # Label Studio prefixes the names of uploaded files with eight characters.
    uploaded = re.sub(r"^[0-9a-f]{8}-", "", path.name)
    return next((end for end in (*ends, uploaded) if (images / end).is_file()), None)


def _read(name: str, image_file: Path, results: list[dict[str, Any]]) -> AnnotatedImage:
    size = image_size(image_file)
    objects: dict[str, Mask] = {}
    findings = []
    for index, result in enumerate(results):
        key = str(result.get("id", index))
        key = f"{key} at {index}" if key in objects else key
        value = result.get("value", {})
        if "rle" not in value:
            findings.append(Finding(f"{name}#{key}", "skipped", f"a region of type {result.get('type')!r} is not a brush stroke"))
            continue
        labels = value.get("brushlabels") or value.get("labels") or [None]
        try:
            stated = (int(result.get("original_height", size[0])), int(result.get("original_width", size[1])))
            mask = decode_brush(value["rle"], stated)
        except (InputError, TypeError, ValueError) as error:
            raise AnnotationError(Finding(f"{name}#{key}", "unreadable", f"its brush stroke cannot be read: {error}")) from error
        objects[key] = Mask(mask.size, mask.counts, read_score(result.get("score")), labels[0])
    return annotated(name, image_file, list(objects.items()), findings=findings)
