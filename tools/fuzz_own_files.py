"""Fuzz targets of the files that promptseg writes for itself and reads again, such as journals, manifests and saved sessions."""

from __future__ import annotations

import contextlib
import csv
import functools
import hashlib
import io
import json
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import numpy as np
from fuzz_inputs import SIZE, annotated, changed, images, written
from numpy.typing import NDArray

import promptseg as ps
from promptseg.annotation.changes import find_changes
from promptseg.annotation.journal import Journal
from promptseg.annotation.journal_lines import digest
from promptseg.annotation.record_checks import check_record
from promptseg.annotation.records import JournalImages
from promptseg.annotation.run import JOURNAL, annotate
from promptseg.annotation.sources import open_source
from promptseg.datasets.catalog import WRITABLE
from promptseg.datasets.core import Dataset, Entry
from promptseg.datasets.manifest import FILE_MANIFEST, FOLDER_MANIFEST, changed_in_folder
from promptseg.datasets.output_file import file_state
from promptseg.datasets.output_folder import folder_changes
from promptseg.datasets.writing import write
from promptseg.errors import InputError
from promptseg.evaluation import statistics
from promptseg.evaluation.comparison import compare
from promptseg.evaluation.results import Evaluation
from promptseg.evaluation.train_overlap import training_images
from promptseg.finetuning.result_folder import check_same_run, finished_record, result_of
from promptseg.models.sam.cache import EmbeddingCache
from promptseg.pipeline.config import PipelineConfig, SegmentStage
from promptseg.pipeline.runner import BuiltPipeline
from promptseg.runtime.npz import read_npz
from promptseg.runtime.prepared import DIGESTS, check_prepared, prepared_folder, read_prepared, write_prepared
from promptseg.testing import FakeSegmenter, FakeVideoSegmenter
from promptseg.testing.fakes import FakeFrames
from promptseg.testing.fuzzing import Target, mutate_bytes, mutate_json, mutate_text, mutate_zip
from promptseg.tracking.session import PropagateSegmenter

_FOLDER, _RUN = "@FOLDER@", "@RUN@"
"""What stands in good files for the folder of an input and the digest of a run, so that inputs do not depend on the folder."""

_PROMPT = ps.Prompt.box(2, 2, 9, 9)


def own_targets() -> list[Target]:
    """Return the targets of promptseg's own files."""
    records = {"training.json": json.dumps(_TRAINING), "promptseg.json": json.dumps(_MANIFEST)}
    return [
        Target("journals", _make_journal, _read_journal, images, 0.5),
        Target("annotation resumed", _make_journal, _resume, images, 0.1),
        Target("manifests of folders", lambda random: _make_manifest("labelme", FOLDER_MANIFEST, random), _read_outputs, images, 0.3),
        Target("manifests of files", lambda random: _make_manifest("coco", FILE_MANIFEST, random), _read_outputs, images, 0.3),
        Target("evaluations", _make_evaluation, _read_evaluation, None, 0.15),
        json_target("training records", "training.json", _TRAINING, lambda path: training_images([path])),
        Target("finished trainings", lambda random: _make_training(records, random), _read_training),
        Target("arrays", lambda random: {"a.npz": mutate_archive(_archive(), random)}, _read_arrays),
        Target("embeddings", _make_embedding, _read_embedding),
        Target("prepared files", _make_prepared, _read_prepared),
        Target("tracking resumed", lambda random: {"s.npz": mutate_archive(_session("propagate"), random)}, _resume_tracking, None, 0.2),
        Target("sessions resumed", lambda random: {"s.npz": mutate_archive(_session("fake"), random)}, _resume_session, None, 0.5),
    ]


def json_target(name: str, file: str, content: Any, read: Callable[[Path], object]) -> Target:
    """Return the target of one JSON file."""
    good = json.dumps(content).encode()
    return Target(name, lambda random: {file: changed(good, file, random)}, lambda folder: read(folder / file))


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
        find_changes(journal, open_source(folder / "images"))
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


# Evaluations and records of trainings.


@functools.cache
def _evaluations() -> tuple[dict[str, Any], ...]:
    with tempfile.TemporaryDirectory() as holder:
        folder = Path(holder)
        images(folder)
        dataset = Dataset("made", tuple(Entry(one.name, functools.partial(_same, one)) for one in annotated(folder)))
        runs = [ps.evaluate(dataset, model=FakeSegmenter(radius=2.5), prompt=prompt) for prompt in ("box", "clicks:3", "point")]
    timed = [replace(run, images=tuple(replace(image, seconds=0.5) for image in run.images)) for run in runs]
    return tuple(run.to_dict() for run in timed)


def _same(image: Any) -> Any:
    return image


def _make_evaluation(random: Random) -> dict[str, bytes]:
    number = random.randrange(len(_evaluations()))
    content = dict(_evaluations()[number])
    # Most of the file are aggregates, which are not read.
    kept = {key: content[key] for key in _EVALUATION}
    return {"run.json": changed(json.dumps(kept if random.random() < 0.9 else content).encode(), "run.json", random), "n": b"%d" % number}


_EVALUATION = ("format", "model", "prompt", "seed", "data", "provenance", "findings", "per_object", "per_image")


def _read_evaluation(folder: Path) -> None:
    run = Evaluation.load(folder / "run.json")
    other = Evaluation.from_dict(_evaluations()[int((folder / "n").read_text())])
    with mock.patch.object(statistics, "RESAMPLES", 50):  # The intervals take most of the time.
        str(run)
        run.save(folder / "again.json")
        str(compare([other, run, run] if run.rows[0].truth else [run, run]))
    if Evaluation.load(folder / "again.json").rows != run.rows:
        raise AssertionError("a run is saved as another one")
    for suffix in (".csv", ".parquet"):
        run.save_rows(folder / f"rows{suffix}")
    with (folder / "rows.csv").open(newline="", encoding="utf-8") as file:
        if len(list(csv.reader(file))) != len(run.rows) + 1:
            raise AssertionError("a table has another number of rows than its run")
    for row in run.rows:
        _ = row.prompt
        if row.height * row.width < 1 << 22:
            _ = row.mask.array


_TRAINING: dict[str, Any] = {
    "model": "mobile-sam",
    "license": "Apache-2.0",
    "weights": {"mobile_sam.pt": "ab" * 32},
    "settings": {"epochs": 2},
    "run": {"model": "mobile-sam", "images": "cd" * 32, "epochs": 2},
    "parameters": 4058340,
    "train": [{"image": "a.png", "sha256": "01" * 32}, {"image": "b.png", "sha256": "02" * 32}],
    "validation": [{"image": "c.png", "sha256": "03" * 32}],
    "best_epoch": 1,
    "stopped": None,
    "epochs": [{"epoch": 0, "iou_box": 0.5, "iou_point": 0.4}, {"epoch": 1, "loss": 0.3, "iou_box": 0.7, "iou_point": 0.6}],
    "earlier": {"train": [{"image": "d.png", "sha256": "04" * 32}], "validation": [], "earlier": None},
}

_DECODER = b"tensors"
_MANIFEST = {
    "model": "mobile-sam",
    "backend": "mobile_sam",
    "variant": "vit_t",
    "sha256": {"decoder.safetensors": hashlib.sha256(_DECODER).hexdigest()},
    "engine": "torch",
    "base": {"mobile_sam.pt": "ab" * 32},
    "base_paths": {},
}


def _make_training(records: dict[str, str], random: Random) -> dict[str, bytes]:
    files = {name: content.encode() for name, content in records.items()}
    name = random.choice(("training.json", "training.json", "promptseg.json"))
    files[name] = changed(files[name], name, random)
    return {**files, "decoder.safetensors": _DECODER}


def _read_training(folder: Path) -> None:
    record = finished_record(folder)
    if record is not None:
        result = result_of(folder, "Apache-2.0", record)
        str(result)
        json.dumps(result.to_dict())
        check_same_run(folder, record, _TRAINING["run"])


# Archives of arrays: saved sessions and caches.


def mutate_npy(data: bytes, random: Random) -> bytes:
    """Return an array file with a changed header whose length is right, JSON values that are changed, or changed bytes."""
    length = 10 + int.from_bytes(data[8:10], "little")
    action = random.randrange(3)
    if data[length : length + 1] == b"{" and random.random() < 0.9:
        text = _changed_header(json.loads(data[length:]), random)
        return _npy(np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8))
    if action == 0:
        header = mutate_text(data[10:length].decode("latin1"), random).encode("latin1", "replace")[:60000]
        return data[:8] + len(header).to_bytes(2, "little") + header + data[length:]
    if action == 1:
        return data[:length] + mutate_bytes(data[length:], random)
    return mutate_bytes(data, random)


def _changed_header(content: dict[str, Any], random: Random) -> str:
    """Return the JSON text of a session's header. Most changes are in the state of the objects."""
    if random.random() < 0.3:
        return mutate_json(content, random)
    values = mutate_json(content["values"], random)
    return json.dumps({**content, "values": None}).replace('"values": null', f'"values": {values}')


def _npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def mutate_archive(data: bytes, random: Random) -> bytes:
    """Return an archive of arrays after a change. Half of the changes are in its JSON values, if it has any."""
    name = "session.json.npy"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        content = {each: archive.read(each) for each in archive.namelist()}
        comment = archive.comment
    if name in content and random.random() < 0.5:
        content[name] = mutate_npy(content[name], random)
        return undated(content, comment)
    return mutate_zip(undated(content, comment), random, {".npy": mutate_npy})


def undated(content: Mapping[str, bytes], comment: bytes) -> bytes:
    """Return an archive that has no time in it, so that equal content gives equal bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = comment
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return file.getvalue()


def _archive() -> bytes:
    file = io.BytesIO()
    np.savez(file, a=np.arange(12, dtype=np.float32).reshape(3, 4), b=np.zeros((2, 0), np.uint8), c=np.asfortranarray(np.eye(3)))
    return file.getvalue()


def _read_arrays(folder: Path) -> None:
    try:
        read_npz(folder / "a.npz")
    except ValueError as error:  # Its callers give it the name of the file.
        raise InputError(str(error)) from error


_KEY = "00" * 32


@functools.cache
def _embedding() -> bytes:
    with tempfile.TemporaryDirectory() as holder:
        EmbeddingCache(folder=holder).put(_KEY, _features())
        return (Path(holder) / f"{_KEY}.npz").read_bytes()


def _features() -> dict[str, NDArray[np.float32]]:
    return {"image": np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4), "high": np.ones((1, 3), np.float32)}


def _make_embedding(random: Random) -> dict[str, bytes]:
    return {f"{_KEY}.npz": mutate_archive(_embedding(), random)}


def _read_embedding(folder: Path) -> None:
    found = EmbeddingCache(folder=folder).get(_KEY)
    if found is not None and not all(np.array_equal(found[name], array) for name, array in _features().items()):
        raise AssertionError("a damaged embedding was found")


_WEIGHTS = "ab" * 32
_PREPARED = {"one.onnx": b"one" * 9, "two.onnx": b"two" * 9}


@functools.cache
def _prepared() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as holder:
        write_prepared(Path(holder), _PREPARED)
        return {name: (Path(holder) / name).read_bytes() for name in (*_PREPARED, DIGESTS)}


def _make_prepared(random: Random) -> dict[str, bytes]:
    files = dict(_prepared())
    name = random.choice((DIGESTS, DIGESTS, *_PREPARED))
    files[name] = changed(files[name], name, random)
    with _home(Path("home")):
        folder = prepared_folder(_WEIGHTS, b"code")
    return {f"{folder}/{name}": content for name, content in files.items()}


@contextlib.contextmanager
def _home(folder: Path) -> Iterator[None]:
    before = os.environ.get("PROMPTSEG_HOME")
    os.environ["PROMPTSEG_HOME"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("PROMPTSEG_HOME")
        if before is not None:
            os.environ["PROMPTSEG_HOME"] = before


def _read_prepared(folder: Path) -> None:
    with _home(folder / "home"):
        found = read_prepared(prepared_folder(_WEIGHTS, b"code"), _PREPARED)
        if found is not None and found != _PREPARED:
            raise AssertionError("a damaged file was found")
        check_prepared(_WEIGHTS)


def _frames() -> FakeFrames:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return FakeFrames([np.stack([x * 9 + number, y * 9, x + y], axis=2).astype(np.uint8) for number in range(3)])


def _trackers() -> dict[str, Any]:
    return {"propagate": PropagateSegmenter(FakeSegmenter()), "fake": FakeVideoSegmenter((1, 0))}


@functools.cache
def _session(tracker: str) -> bytes:
    session = _trackers()[tracker].open(_frames())
    session.add(0, 1, _PROMPT)
    session.add(1, 4, ps.Prompt.point(12, 8))
    for _ in session.propagate(stop=2):
        pass
    with tempfile.TemporaryDirectory() as holder:
        session.save(Path(holder) / "s.npz")
        return (Path(holder) / "s.npz").read_bytes()


def _resume_tracking(folder: Path) -> None:
    _resumed(folder, "propagate")


def _resume_session(folder: Path) -> None:
    _resumed(folder, "fake")


def _resumed(folder: Path, tracker: str) -> None:
    session = _trackers()[tracker].resume(folder / "s.npz", _frames())
    found = [[mask.area for mask in frame.masks] for frame in session.propagate()]
    session.save(folder / "again.npz")
    again = _trackers()[tracker].resume(folder / "again.npz", _frames())
    if len(found) != 3 or again.object_ids != session.object_ids:
        raise AssertionError("a session goes on as another one")
