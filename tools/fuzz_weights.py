"""Fuzz targets of files of weights: checkpoints and other files of torch, and safetensors."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import pickletools
import re
import struct
import tempfile
import zipfile
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import torch

from promptseg.errors import WeightsMismatchError
from promptseg.finetuning.state import StateFile
from promptseg.finetuning.tensor_files import save_tensors
from promptseg.models.yolo.pickled import read_pickled
from promptseg.runtime.checkpoints import check_state, read_checkpoint
from promptseg.testing.fuzzing import Target, mutate_bytes, mutate_json, mutate_zip
from promptseg.testing.fuzzing.mutators import TEXTS


def weights_targets() -> list[Target]:
    """Return the targets of files of torch and of safetensors."""
    return [
        Target("torch checkpoints", lambda random: {"c.pt": mutate_checkpoint(_checkpoint("state"), random)}, _read_checkpoint),
        Target("old torch checkpoints", lambda random: {"c.pt": mutate_old_checkpoint(_checkpoint("old"), random)}, _read_checkpoint),
        Target("torch files of models", lambda random: {"c.pt": mutate_checkpoint(_checkpoint("model"), random)}, _read_model),
        Target("states of trainings", lambda random: {"training-state.pt": mutate_checkpoint(_checkpoint("run"), random)}, _read_state),
        Target("safetensors", lambda random: {"d.safetensors": mutate_safetensors(_safetensors(), random)}, _read_safetensors),
    ]


class _Layer(torch.nn.Linear):
    """A module that a checkpoint holds as it is."""


@functools.cache
def _checkpoint(kind: str) -> bytes:
    torch.manual_seed(0)
    base = torch.arange(20.0)
    weights = {"a.weight": torch.ones(3, 4), "a.bias": torch.zeros(3, dtype=torch.float16), "b": torch.arange(6).reshape(2, 3).t()}
    weights["c"] = torch.nn.Parameter(torch.ones(2, 2))
    values: dict[str, Any] = {
        "state": {"model": weights, "epoch": 3},
        "old": {"a.weight": base[:12].reshape(3, 4), "a.bias": base[12:15], "b": base[14:].reshape(2, 3).t()},
        "model": {"model": torch.nn.Sequential(_Layer(2, 2), torch.nn.ReLU()), "names": {0: "cat"}, "date": {"x"}},
        "run": {
            "run": {"model": "m", "epochs": 2},
            "log": [{"epoch": 0, "loss": None}],
            "decoder": weights,
            "random": torch.zeros(8, dtype=torch.uint8),
        },
    }
    file = io.BytesIO()
    torch.save(values[kind], file, _use_new_zipfile_serialization=kind != "old")
    # The old format names a storage by its address in memory. There is one, which gets the same name in each run.
    return re.sub(rb"X.\0\0\0\d{8,20}", b"X\x01\0\0\x000", file.getvalue(), flags=re.DOTALL)


def mutate_checkpoint(data: bytes, random: Random) -> bytes:
    """Return a checkpoint with a change in its archive. Most changes are of the opcodes of its pickle."""
    if random.random() < 0.3:
        return mutate_zip(data, random, {"data.pkl": mutate_pickle})
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(file, "w") as changed:
        for info in archive.infolist():
            content = archive.read(info)
            changed.writestr(
                zipfile.ZipInfo(info.filename), mutate_pickle(content, random) if info.filename.endswith("data.pkl") else content
            )
    return file.getvalue()


def mutate_old_checkpoint(data: bytes, random: Random) -> bytes:
    """Return a checkpoint of the old format, pickles one after another, with one of them changed, or its bytes."""
    if random.random() < 0.3:
        return mutate_bytes(data, random)
    stream, parts = io.BytesIO(data), []
    for _ in range(5):
        start = stream.tell()
        for _ in pickletools.genops(stream):
            pass
        parts.append(data[start : stream.tell()])
    rest = data[stream.tell() :]
    number = random.choice((0, 1, 2, 3, 3, 3, 3, 4))
    parts[number] = mutate_pickle(parts[number], random)
    return b"".join(parts) + (mutate_bytes(rest, random) if random.random() < 0.2 else rest)


def mutate_pickle(data: bytes, random: Random) -> bytes:
    """Return a pickle with one to four opcodes removed, repeated, replaced or put in, or with changed arguments."""
    starts = [position for _, _, position in pickletools.genops(data)] + [len(data)]
    codes = [data[one:other] for one, other in pairwise(starts)]
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(codes))
        action = random.randrange(8)
        if action == 0 and len(codes) > 1:
            del codes[at]
        elif action == 1:
            codes.insert(at, random.choice(codes))
        elif action == 2:
            codes.insert(at, random.choice(_OPCODES))
        elif action == 3:
            codes[at] = random.choice(_OPCODES)
        else:
            codes[at] = _other_argument(codes[at], random)
    return b"".join(codes)


def _other_argument(code: bytes, random: Random) -> bytes:
    """Return an opcode with another argument of its kind."""
    kind = code[:1]
    if kind in b"KMJ\x8a":
        return random.choice(
            (b"K\x00", b"K\xff", b"M\xff\xff", b"J\xff\xff\xff\x7f", b"J\x00\x00\x00\x80", b"J\xff\xff\xff\xff", _long(2**62), _long(-5))
        )
    if kind in (b"X", b"\x8c", b"U", b"T"):
        text = random.choice((*TEXTS, "cpu", "storage", "0", "1", "2", "model", "run")).encode("utf-8", "surrogatepass")
        return b"X" + struct.pack("<I", len(text)) + text
    if kind == b"c":
        return random.choice(_GLOBALS)
    if kind in (b"q", b"h", b"r", b"j"):
        return kind + code[1:2] if random.random() < 0.3 else bytes([random.choice(b"qh"), random.randrange(60)])
    return mutate_bytes(code, random)


def _long(value: int) -> bytes:
    return b"\x8a\x08" + struct.pack("<q", value)


_GLOBALS = tuple(
    f"c{module}\n{name}\n".encode()
    for module, name in (
        ("os", "system"), ("builtins", "eval"), ("builtins", "set"), ("builtins", "getattr"), ("collections", "OrderedDict"),
        ("torch", "FloatStorage"), ("torch", "LongStorage"), ("torch", "BoolStorage"), ("torch", "Size"), ("torch", "device"),
        ("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_tensor"), ("torch._utils", "_rebuild_parameter"),
        ("torch.storage", "UntypedStorage"), ("_codecs", "encode"), ("numpy.core.multiarray", "scalar"), ("x", "y"),
    )
)  # fmt: skip

_OPCODES = (
    *_GLOBALS, b"(", b")", b"}", b"]", b"\x8f", b"\x91", b"N", b"\x88", b"\x89", b".", b"0", b"1", b"2", b"t", b"l", b"d",
    b"\x85", b"\x86", b"\x87", b"R", b"\x81", b"\x92", b"b", b"Q", b"s", b"u", b"a", b"e", b"\x90", b"\x94", b"\x93", b"o",
    b"ios\nsystem\n", b"I99999999999\n", b"Lx\n", b"F1e999\n", b"Vabc\n", b"p7\n", b"g7\n", b"p99999999\n", b"P1\n", b"K\x01",
    b"r\xff\xff\xff\x7f", b"\x8b\xff\xff\xff\x7f", b"B\xff\xff\xff\xff", b"\x8e" + b"\xff" * 8, b"\x95" + b"\xff" * 8,
    b"\x97", b"\x98", b"\x80\x05", b"\x82\x01", _long(2**40),
)  # fmt: skip
"""Opcodes with and without arguments, some of which name huge lengths, places of the memo, or code."""


def _read_checkpoint(folder: Path) -> None:
    state = read_checkpoint(folder / "c.pt")
    expected = {"a.weight": torch.ones(3, 4), "b": torch.zeros(3, 2)}
    for tensor in state.values():
        if tensor.numel() < 1 << 20:
            tensor.double().sum()
    with contextlib.suppress(WeightsMismatchError):
        check_state(folder / "c.pt", state, expected, "m")


def _read_model(folder: Path) -> None:
    read_pickled(folder / "c.pt")


def _read_state(folder: Path) -> None:
    StateFile(folder, {"model": "m", "epochs": 2}).read()


@functools.cache
def _safetensors() -> bytes:
    with tempfile.TemporaryDirectory() as holder:
        path = Path(holder) / "d.safetensors"
        save_tensors({"a": torch.ones(2, 3), "b": torch.zeros(4, dtype=torch.float16)}, path, {"license": "MIT", "format": "pt"})
        return path.read_bytes()


def mutate_safetensors(data: bytes, random: Random) -> bytes:
    """Return a safetensors file with a changed header whose length is right, or changed bytes."""
    if random.random() < 0.25:
        return mutate_bytes(data, random)
    length = int.from_bytes(data[:8], "little")
    header = mutate_json(json.loads(data[8 : 8 + length]), random).encode("utf-8", "surrogatepass")
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def _read_safetensors(folder: Path) -> None:
    state = read_checkpoint(folder / "d.safetensors")
    save_tensors(state, folder / "again.safetensors", {"license": "MIT", "format": "pt"})
    again = read_checkpoint(folder / "again.safetensors")
    if again.keys() != state.keys() or any(
        not torch.equal(again[name].view(torch.uint8), state[name].view(torch.uint8)) for name in state if state[name].ndim
    ):
        raise AssertionError("tensors were saved as others")
