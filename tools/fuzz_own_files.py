"""Fuzz targets of the journal of an annotation run, and of the manifests of written files and folders."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import shutil
import tempfile
import zlib
from pathlib import Path
from random import Random
from typing import Any

from fuzz_inputs import annotated, changed, images, written

import promptseg as ps
from promptseg.annotation.changes import find_changes
from promptseg.annotation.journal import Journal
from promptseg.annotation.journal_lines import digest
from promptseg.annotation.record_checks import check_record
from promptseg.annotation.records import JournalImages
from promptseg.annotation.run import JOURNAL, annotate
from promptseg.annotation.sources import open_source
from promptseg.annotation.tiles import OpenRasters
from promptseg.datasets.catalog import WRITABLE
from promptseg.datasets.manifest import FILE_MANIFEST, FOLDER_MANIFEST, changed_in_folder
from promptseg.datasets.output_file import file_state
from promptseg.datasets.output_folder import folder_changes
from promptseg.datasets.writing import write
from promptseg.pipeline.config import PipelineConfig, SegmentStage
from promptseg.pipeline.runner import BuiltPipeline
from promptseg.testing import FakeSegmenter
from promptseg.testing.fuzzing import Target, mutate_bytes, mutate_json, mutate_text

_FOLDER, _RUN = "@FOLDER@", "@RUN@"
"""What stands in good files for the folder of an input and the digest of a run, so that inputs do not depend on the folder."""

_PROMPT = ps.Prompt.box(2, 2, 9, 9)


def own_targets() -> list[Target]:
    """Return the targets of journals and manifests."""
    return [
        Target("journals", _make_journal, _read_journal, images, 0.5),
        Target("annotation resumed", _make_journal, _resume, images, 0.1),
        Target("manifests of folders", lambda random: _make_manifest("labelme", FOLDER_MANIFEST, random), _read_outputs, images, 0.3),
        Target("manifests of files", lambda random: _make_manifest("coco", FILE_MANIFEST, random), _read_outputs, images, 0.3),
    ]


# Journals.


@functools.cache
def _journal() -> tuple[str, ...]:
    """Return the lines of a good journal without their checksums: of two images that are done, and one that failed."""
    with tempfile.TemporaryDirectory() as holder:
        folder = Path(holder).resolve()
        images(folder)
        (folder / "images" / "d.png").write_bytes(b"no image")
        _annotate(folder)
        lines = [json.loads(line) for line in (folder / "out" / JOURNAL).read_text().splitlines()]
    run = next(line["run"] for line in lines if "run" in line)
    for line in lines:  # Times would make each run of the targets another one.
        line.pop("crc")
        line.update({name: value for name, value in (("mtime_ns", 1), ("timings", {"read": 0.25, "segment": 0.5})) if name in line})
    plain = map(json.dumps, lines)
    return tuple(line.replace(str(folder), _FOLDER).replace(run, _RUN) for line in plain)


def _annotate(folder: Path, **options: Any) -> object:
    pipeline = BuiltPipeline(PipelineConfig(segment=SegmentStage(model="mini-sam")), None, FakeSegmenter())
    return annotate(folder / "images", _PROMPT, pipeline=pipeline, out=folder / "out", gallery=2, formats=("coco",), **options)


def _make_journal(random: Random) -> dict[str, bytes]:
    lines = list(_journal())
    number = random.randrange(len(lines))
    action = random.randrange(20)
    if action <= 14:
        lines[number] = mutate_json(json.loads(lines[number]), random)
    elif action == 15:
        lines[number] = mutate_text(lines[number], random)
    elif action == 16:
        del lines[number]
    elif action == 17:
        lines.insert(random.randrange(len(lines)), lines[number])
    elif action == 18:
        random.shuffle(lines)
    again = random.choice(("none", "checksums", "bytes")) if action == 19 else "none"
    return {
        "lines": "\n".join(lines).encode("utf-8", "surrogatepass"),
        "seed": str(random.random()).encode(),
        "damage": again.encode(),
        "choice": random.choice((*WRITABLE, *["none"] * 9 * len(WRITABLE))).encode(),
    }


def _write_journal(folder: Path) -> dict[str, Any]:
    """Write the journal of an input with right checksums and the digest of its header. Return the settings of a good one."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    (folder / "out").mkdir()
    place = json.dumps(str(folder.resolve()))[1:-1]
    good = json.loads(_journal()[0].replace(_FOLDER, place))
    lines = (folder / "lines").read_bytes().decode("utf-8", "surrogatepass").replace(_FOLDER, place).split("\n")
    header = good
    with contextlib.suppress(ValueError, RecursionError):
        header = next((line for line in map(json.loads, lines) if isinstance(line, dict) and "journal" in line), good)
    random, damage = Random((folder / "seed").read_text()), (folder / "damage").read_text()
    content = b""
    for line in lines:
        body = line.replace(_RUN, digest(header)).encode("utf-8", "surrogatepass")[:-1]
        if damage == "checksums" and random.random() < 0.5:
            body = mutate_bytes(body, random)
            content += body + b',"crc":"00000000"}\n'
        else:
            content += body + b',"crc":"%08x"}\n' % zlib.crc32(body)
    (folder / "out" / JOURNAL).write_bytes(mutate_bytes(content, random) if damage == "bytes" else content)
    return {key: value for key, value in good.items() if key != "journal"}


def _read_journal(folder: Path) -> None:
    header = _write_journal(folder)
    path = folder / "out" / JOURNAL
    with contextlib.closing(Journal(path, header, check_record)) as journal:
        names = journal.names
        found = [image for image in JournalImages(journal) if image.size[0] * image.size[1] < 1 << 22]
        for image in found:
            for each in image.objects:
                if each.mask.area != each.mask.array.sum():
                    raise AssertionError(f"{each.name} has another area than its pixels")
        journal.models()
        find_changes(journal, open_source(folder / "images"), OpenRasters())
        # What was read is written again as it was read, and a run that goes on keeps the rest.
        journal.append({"name": "e.png", "status": "failed", "path": "e.png", "error": "E", "reason": "", "timings": {}})
    with contextlib.closing(Journal(path, header, check_record)) as journal:
        if journal.names != sorted({*names, "e.png"}):
            raise AssertionError(f"the journal had {names}, and has {journal.names}")
    if (choice := (folder / "choice").read_text()) != "none":
        write(choice, found, folder / "out" / "written")


def _resume(folder: Path) -> None:
    _write_journal(folder)
    print(_annotate(folder, retry_failed=True), file=io.StringIO())


# Manifests of outputs.


def _make_manifest(variant: str, file: str, random: Random) -> dict[str, bytes]:
    files = {f"out/{name}": content for name, content in written(variant).items()}
    place = next(name for name in files if Path(name).name == file)
    content = json.loads(files[place])
    name = next(iter(content["files"]))
    part = random.choice(("files", "taken_in", "pending"))
    content[part] = {**content.get(part, {}), name: content["files"][name]}
    files[place] = changed(json.dumps(content).encode(), place + ".json", random)
    return {**files, "variant": variant.encode()}


def _read_outputs(folder: Path) -> None:
    out = folder / "out"
    variant = (folder / "variant").read_text()
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and not path.name.startswith(".")}
    try:
        if variant == "labelme":
            changed_in_folder(out / variant)
            folder_changes(out / variant)
        else:
            file_state(out / "coco.json")
        report = write(variant, annotated(folder)[:1], out)
        str(report)
        lost = [path for path in before if path.name in report.kept and path.read_bytes() != before[path]]
        if lost:
            raise AssertionError(f"{lost[0]} was kept, and is not as it was")
    finally:
        shutil.rmtree(out)
