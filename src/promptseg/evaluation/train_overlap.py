"""Overlap of evaluated images with the training images of a model.

Images are compared by content (`promptseg.datasets.summary.content_key`), not by name.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..datasets.summary import content_key
from ..errors import InputError, shown
from ..image_files import files_under
from ..images import load_image
from ..registry.manifest import RECORD
from ..runtime.structured import read_json


def training_images(sources: Sequence[str | os.PathLike[str]]) -> dict[str, str]:
    """Return the content keys of training images, by path.

    Args:
        sources: Folders of images, training records, or folders with a training record. The validation images of a record count as well,
            because early stopping used them, and so do the images of an earlier training that it continued.

    Raises:
        InputError: When a source does not exist, or a file in it cannot be read.
    """
    found: dict[str, str] = {}
    for source in map(Path, sources):
        record = source / RECORD if source.is_dir() else source
        if record.is_file():
            found |= _of_record(record)
        else:
            found |= {str(path): content_key(load_image(path)) for path in files_under(source).values()}
    return found


def record_beside(weights: str | os.PathLike[str]) -> Path | None:
    """Return the training record beside weights, which are a file or a folder, or None if there is none."""
    path = Path(weights)
    record = (path if path.is_dir() else path.parent) / RECORD
    return record if record.is_file() else None


def seen_in_training(contents: Mapping[str, str], trained_on: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the images that a model was trained on, with their names in the training set.

    Args:
        contents: Content keys of the evaluated images, by name.
        trained_on: Content keys of the training images, as returned by `training_images`.
    """
    known: dict[str, list[str]] = defaultdict(list)
    for name, key in trained_on.items():
        known[key].append(name)
    return {name: tuple(known[key]) for name, key in contents.items() if key in known}


def _of_record(path: Path) -> dict[str, str]:
    try:
        return {f"{path}: {name}": key for name, key in _entries(read_json(path))}
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path} is not a training record: expected train and validation, each with image and sha256 ({shown(error)})"
        ) from error


def _entries(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for side in ("train", "validation"):
        for image in record[side]:
            yield str(image["image"]), str(image["sha256"])
    if record.get("earlier"):
        yield from _entries(record["earlier"])
