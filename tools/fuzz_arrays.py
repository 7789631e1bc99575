"""Fuzz targets of archives of arrays and of caches: saved sessions of videos, embeddings, prepared files."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from fuzz_inputs import SIZE, changed
from numpy.typing import NDArray

import promptseg as ps
from promptseg.errors import InputError
from promptseg.models.sam.cache import EmbeddingCache
from promptseg.runtime.npz import read_npz
from promptseg.runtime.prepared import DIGESTS, check_prepared, prepared_folder, read_prepared, write_prepared
from promptseg.testing import FakeSegmenter, FakeVideoSegmenter
from promptseg.testing.fakes import FakeFrames
from promptseg.testing.fuzzing import Target, mutate_bytes, mutate_json, mutate_text, mutate_zip
from promptseg.tracking.session import PropagateSegmenter

_PROMPT = ps.Prompt.box(2, 2, 9, 9)


def array_targets() -> list[Target]:
    """Return the targets of archives of arrays and of caches."""
    return [
        Target("arrays", lambda random: {"a.npz": mutate_archive(_archive(), random)}, _read_arrays),
        Target("embeddings", _make_embedding, _read_embedding),
        Target("prepared files", _make_prepared, _read_prepared),
        Target("tracking resumed", lambda random: {"s.npz": mutate_archive(_session("propagate"), random)}, _resume_tracking, None, 0.2),
        Target("sessions resumed", lambda random: {"s.npz": mutate_archive(_session("fake"), random)}, _resume_session, None, 0.5),
    ]


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
        folder = prepared_folder(_WEIGHTS, "0badc0de")
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
        found = read_prepared(prepared_folder(_WEIGHTS, "0badc0de"), _PREPARED)
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
