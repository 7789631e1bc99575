"""Files that the user corrected: which of them are in the journal, as the manifests of the outputs remember it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ..datasets.manifest import FOLDER_MANIFEST, digest_of, read_manifest
from ..datasets.safe_names import safe_name
from ..datasets.writing import WriteReport
from ..runtime.files import output_errors
from .corrected_output import CORRECTABLE, TakenIn, output_path
from .journal import Journal


def mark_taken_in(report: WriteReport, taken_in: TakenIn) -> WriteReport:
    """Remember which of the kept files of a folder were taken in, when others were not. Return the report of the others.

    Args:
        report: The report of the written folder.
        taken_in: The outcome of taking its corrections in.

    Raises:
        OutputError: When the manifest of the folder cannot be written.
    """
    place = report.path / FOLDER_MANIFEST
    if not taken_in.in_place or taken_in.complete or not place.is_file():
        return report
    waiting: set[str] = set()
    for source in taken_in.waiting:
        own = {file for file in report.kept if _is_of(file, source.removeprefix(f"{report.path}/"))}
        if not own:
            return report  # It is not known which file it is, so all of them stay as they are.
        waiting |= own
    with output_errors(place):
        manifest = read_manifest(place)
        manifest.taken_in |= {file: digest_of(report.path / file) for file in report.kept if file not in waiting}
        manifest.save(place)
    return replace(report, kept=tuple(file for file in report.kept if file in waiting))


def forget_lost(out: Path, journal: Journal, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Find the files whose corrections were taken in, but whose images have no record in the journal any more.

    The manifests forget that they were taken in, so each later run names them until that is done again.

    Args:
        out: The output folder of the run.
        journal: The journal, with none of the records that this run makes.
        names: Names of the images of the source.

    Returns:
        Paths of the files in the output folder, by output variant.

    Raises:
        OutputError: When a manifest cannot be written.
    """
    places = {variant: path for variant in CORRECTABLE if (path := output_path(variant, out)).exists()}
    known = {*names, *journal.names} if places else set()
    missing = {name for name in known if name not in journal}
    if not missing:
        return {}
    images = {form: name for name in known for form in (name, _stem(name), safe_name(name), _stem(safe_name(name)))}
    lost: dict[str, tuple[str, ...]] = {}
    for variant, path in places.items():
        with output_errors(path):
            if (path / FOLDER_MANIFEST).is_file():
                files = _forget(path, images, missing, is_all=len(missing) == len(known))
            elif journal.damaged or not len(journal):
                files = tuple(each.name for each in sorted(out.glob(f"{path.stem}.by-hand-*{path.suffix}")))
            else:
                files = ()
        if files:
            lost[variant] = tuple(f"{path.name}/{file}" if path.is_dir() else file for file in files)
    return lost


def _forget(folder: Path, images: Mapping[str, str], missing: Collection[str], *, is_all: bool) -> tuple[str, ...]:
    manifest = read_manifest(folder / FOLDER_MANIFEST)
    lost = []
    for file, digest in manifest.taken_in.items():
        path = folder / file
        if not (path.is_file() or path.is_symlink()) or digest_of(path) != digest:
            continue
        name = _image_of(file, images)
        if name in missing or (name is None and is_all):
            lost.append(file)
    if lost:
        for file in lost:
            del manifest.taken_in[file]
        manifest.save(folder / FOLDER_MANIFEST)
    return tuple(sorted(lost))


def _image_of(file: str, images: Mapping[str, str]) -> str | None:
    """Return the image that a file of an output is about: the one whose name is the longest part of the path."""
    steps = file.split("/")
    for length in range(len(steps), 0, -1):
        for start in range(len(steps) - length + 1):
            part = "/".join(steps[start : start + length])
            if name := images.get(part) or images.get(_stem(part)):
                return name
    return None


def _is_of(file: str, source: str) -> bool:
    """Return whether a file of an output may be about an image, or be the file that a finding names."""
    forms = {_stem(source), _stem(safe_name(source))}
    return any(re.search(rf"(^|/){re.escape(form)}([^0-9A-Za-z]|$)", file) for form in forms)


def _stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix() if PurePosixPath(name).name else name
