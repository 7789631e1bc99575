"""Format ``promptseg``: the JSON files of ``promptseg segment`` and `promptseg.Result.to_dict`.

A file holds one result, a list of them, or what ``promptseg segment --json`` prints for several images. A result names its image by the
path at which it was segmented. Masks keep their labels and scores. Prompts, detections and timings are no part of a dataset.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ..._result_values import mask_from_dict, result_size
from ...errors import InputError, shown
from ...image_files import files_under
from ...runtime.structured import is_text, read_json
from ..core import AnnotatedImage, Dataset, Entry, Finding
from ..descriptor import FIT, Format, Place, Reader
from ..image_lookup import ImageLookup
from ..object_collector import ObjectCollector


def read_segment_results(results: Place, images: Place | None = None, *, fit: bool = False) -> Dataset:
    """Read a dataset from results of promptseg.

    Args:
        results: A JSON file with one or several results, or a folder of such files, in which other JSON files are left out with a finding.
        images: Folder of the images. By default each image is where its result says: seen from here, or else from the folder of the file.
        fit: Fit masks of another size, or that were made before the EXIF orientation was applied, to their images.

    Raises:
        InputError: The file or folder cannot be read, or has no result.
    """
    findings: list[Finding] = []
    made = list(_results(Path(results), findings))
    if not made and not any(each.kind == "failed" for each in findings):
        raise InputError(f"{results} has no result of promptseg, such as photo-masks.json of promptseg segment")
    lookup = None if images is None else ImageLookup(images)
    paths: dict[Path, _Source] = {}
    for source in made:
        if lookup is not None:
            name = lookup.find(source.image)
            found = None if name is None else lookup.folder / name
        else:
            found = _beside(source)
        if found is None:
            findings.append(_missing(source) if lookup is None else lookup.missing(source.image, source.file))
        elif (other := paths.setdefault(found, source)) is not source:
            findings.append(
                Finding(source.image, "ambiguous", f"{other.file} has masks of it, and so has {source.file}, which is left out")
            )
    folder = _common_folder(paths) if lookup is None else lookup.folder
    entries = [_entry(path.relative_to(folder).as_posix(), path, source, fit) for path, source in paths.items()]
    findings += [] if lookup is None else lookup.findings()
    return Dataset(f"{images or folder} with {results}", tuple(sorted(entries, key=lambda entry: entry.name)), tuple(findings))


class _Source(NamedTuple):
    """Where a result is.

    Attributes:
        path: The JSON file.
        file: Its name, for messages.
        image: Path of the image, as the result states it.
        load: Function that returns the result.
    """

    path: Path
    file: str
    image: str
    load: Callable[[], Mapping[str, Any]]


def _results(place: Path, findings: list[Finding]) -> Iterator[_Source]:
    """Yield the results of a file or of the files of a folder. A file of one result is read again when its image is reached."""
    if not place.is_dir():
        yield from _results_in(read_json(place), place, place.name, findings)
        return
    for file, path in files_under(place, frozenset({".json"})).items():
        try:
            yield from _results_in(read_json(path), path, file, findings)
        except _NoResultError as error:
            findings.append(Finding(file, "skipped", f"left out: {error}"))
        except InputError as error:
            findings.append(Finding(file, "unreadable", str(error)))


class _NoResultError(InputError):
    """A JSON file of something else."""


def _results_in(values: Any, path: Path, file: str, findings: list[Finding]) -> Iterator[_Source]:
    if _is_result(values):
        yield _Source(path, file, _image_of(values, path), partial(_read_again, path))
        return
    listed = values.get("results") if isinstance(values, Mapping) else values
    if not isinstance(listed, list):
        raise _NoResultError(f"{file} is not a result of promptseg")
    for index, each in enumerate(listed):
        if _is_result(each):
            yield _Source(path, f"result {index} of {file}", _image_of(each, path), partial(dict, each))
        else:
            findings.append(Finding(f"{file}#{index}", "unreadable", f"expected a result of promptseg, got {shown(each)}"))
    failed = values.get("failed", []) if isinstance(values, Mapping) else []
    for each in failed if isinstance(failed, list) else []:
        if isinstance(each, Mapping):
            reason = str(each.get("error") or "no reason given")[:_LONGEST]
            findings.append(Finding(str(each.get("source") or file)[:_LONGEST], "failed", f"promptseg segment made no masks: {reason}"))


def _is_result(values: object) -> bool:
    return isinstance(values, Mapping) and {"size", "masks"} <= set(values)


def _read_again(path: Path) -> Mapping[str, Any]:
    values = read_json(path)
    if not _is_result(values):  # It was one when the dataset was opened.
        raise InputError(f"{path} is not a result of promptseg any more")
    return dict(values)


def _image_of(values: Mapping[str, Any], path: Path) -> str:
    """Return the path of the image. Where a result states none, as for an array, the file's name without ``-masks`` stands for it."""
    source = values.get("source")
    return source if is_text(source, 1) else path.stem.removesuffix("-masks")


def _beside(source: _Source) -> Path | None:
    """Return the image of a result from where the command runs, or from the folder of the result."""
    for folder in (Path(), source.path.parent):
        path = folder / source.image
        if os.path.isfile(path):  # noqa: PTH113 - Unlike Path, it takes any text for a path.
            return Path(os.path.abspath(path))  # noqa: PTH100 - Links keep their own names.
    return None


def _missing(source: _Source) -> Finding:
    return Finding(source.image, "unpaired", f"{source.file} has masks of the image, but it is not there: --images names its folder")


def _common_folder(paths: Mapping[Path, _Source]) -> Path:
    try:
        return Path(os.path.commonpath([path.parent for path in paths])) if paths else Path()
    except ValueError as error:  # Several drives of Windows.
        raise InputError("the images of the results lie on several drives: give the folder of the images") from error


def _entry(name: str, path: Path, source: _Source, fit: bool) -> Entry:
    return Entry(name, partial(_read, name, path, source, fit))


def _read(name: str, path: Path, source: _Source, fit: bool) -> AnnotatedImage:
    values = source.load()
    size, masks = result_size(values), values["masks"]
    if not isinstance(masks, list):
        raise InputError(f"masks of {source.file} are a list, got {shown(masks)}")
    collector = ObjectCollector(name, path, stated=size, fit=fit)
    for number, mask in enumerate(masks, 1):
        with collector.reading(number, f"mask {number} of {source.file}"):
            collector.add(number, mask_from_dict(mask, size))
    return collector.collected()


def _open(images: Place | None, results: Place, *, fit: bool = False) -> Dataset:
    return read_segment_results(results, images, fit=fit)


FORMAT = Format(
    "promptseg",
    "Results of promptseg segment",
    Reader(_open, "JSON file of promptseg segment, or a folder of them", images="optional", options={"fit": FIT}),
)

_LONGEST = 300
"""Maximum number of characters of a text from a file in a finding."""
