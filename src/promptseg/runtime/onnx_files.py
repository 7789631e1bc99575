"""Reading of ONNX files from outside: sizes, references and paths in them are checked before anything relies on them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PureWindowsPath
from typing import Any

import onnx

from ..errors import WeightsMismatchError

MAX_BYTES = 1 << 31
"""Maximum size of an ONNX file: 2 GB, the limit of its encoding. Larger models have their weights in other files."""

_PER_BYTE = 8
"""Maximum number of elements of a tensor for each byte that it is stored in."""

_MAX_NESTING = 50
"""Maximum depth of graphs in graphs. The encoding allows no more than 100 levels."""


_FLOATS: Mapping[int, str] = {onnx.TensorProto.FLOAT: "float32", onnx.TensorProto.FLOAT16: "float16", onnx.TensorProto.BFLOAT16: "bfloat16"}

QUANTIZED = ("Integer", "QLinear", "DequantizeLinear", "QGemm", "QAttention", "NBits", "Bnb4", "DynamicQuantize")
"""Parts of the names of operators in quantized graphs."""

_PASSING = frozenset({"Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape", "Resize", "Slice", "Transpose", "Clip"})
"""Operations that leave probabilities what they are."""


class _FileError(ValueError):
    """A fault of an ONNX file."""


class _AbsentError(_FileError):
    """A file with weights that is not there."""


def read_onnx(path: Path, *, weights: bool = True) -> Any:
    """Return the ``onnx.ModelProto`` of a file, with the weights that are in other files of its folder.

    Args:
        path: The file.
        weights: Whether to read weights that are in other files.

    Raises:
        WeightsMismatchError: The file is not an ONNX file, is damaged, or is not what it says about itself.
    """
    return _read(path, load_weights=weights)


def check_onnx(path: Path) -> str:
    """Check sizes, paths and the order of an ONNX file, and return the number type of its weights. Weights in other files are not read.

    Returns:
        ``"float32"``, ``"float16"`` or ``"bfloat16"``, whichever has the most weights; ``"int8"`` or ``"int4"`` for a quantized graph.

    Raises:
        WeightsMismatchError: A size is wrong, there is a circle, or a path leaves the folder of the file.
    """
    return number_type(_read(path, load_weights=False))


def number_type(model: Any) -> str:
    """Return the number type of the weights of an ``onnx.ModelProto``, as `check_onnx` does."""
    bits = {_bits(node) for node in model.graph.node if _is_quantized(node)}
    if bits:
        return f"int{min(bits)}"
    counts: dict[int, int] = dict.fromkeys(_FLOATS, 0)
    for _, _, tensors in _graphs(model):
        for tensor in tensors:
            if isinstance(tensor, onnx.TensorProto) and tensor.data_type in counts:
                counts[tensor.data_type] += math.prod(tensor.dims)
    return _FLOATS[max(counts, key=lambda kind: counts[kind])]


def read_structure(path: Path) -> Any:
    """Return the checked ``onnx.ModelProto`` of a file. Weights in other files are not read.

    Raises:
        WeightsMismatchError: The file is not an ONNX file, is damaged, or is not what it says about itself.
    """
    return _read(path, load_weights=False)


def external_files(path: Path) -> list[Path]:
    """Return the files that hold weights of an ONNX file, beside it, in order.

    Raises:
        WeightsMismatchError: The file is not an ONNX file, is damaged, or is not what it says about itself.
    """
    model = _read(path, load_weights=False)
    names = {_location(tensor, path) for _, _, tensors in _graphs(model) for tensor in tensors if _is_external(tensor)}
    return [path.parent / name for name in sorted(names)]


def ends_in_probabilities(graph: Any, output: str) -> bool:
    """Return whether an output of a graph is a sigmoid, apart from operations that only move or convert its values.

    Args:
        graph: The graph, an ``onnx.GraphProto`` without circles.
        output: Name of the output.
    """
    makers = {name: node for node in graph.node for name in node.output if name}
    node = makers.get(output)
    while node is not None and node.op_type in _PASSING and node.input:
        node = makers.get(node.input[0])
    return node is not None and node.op_type in ("Sigmoid", "HardSigmoid")


def _read(path: Path, *, load_weights: bool) -> Any:
    try:
        if path.stat().st_size >= MAX_BYTES:
            raise _FileError(f"it has more than {MAX_BYTES} bytes")  # noqa: TRY301 - As for every other fault.
        model = onnx.load(str(path), load_external_data=False)
        if not model.graph.node:  # onnx reads some files of other kinds, such as an empty file, without an error.
            raise _FileError("it has no graph")  # noqa: TRY301
        _check(model, path, load_weights)
    except _AbsentError as error:
        raise WeightsMismatchError(f"{path} is not whole: {error}. Get that file, too") from error
    except Exception as error:  # The module of protobuf's DecodeError differs between versions.
        raise WeightsMismatchError(
            f"{path} is not an ONNX file, or is damaged: {str(error)[:400] or type(error).__name__}. Get it again"
        ) from error
    return model


def _check(model: Any, path: Path, load_weights: bool) -> None:
    calls: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for nodes, depth, tensors in _graphs(model):
        if depth > _MAX_NESTING:
            raise _FileError(f"it has graphs in graphs, deeper than {_MAX_NESTING}")
        _check_order([list(node.input) for node in nodes], [list(node.output) for node in nodes], "its graph has a circle")
        for tensor in tensors:
            _check_elements(tensor, path.stat().st_size)
    for function in model.functions:
        used = {(node.domain, node.op_type) for nodes, _, _ in _graphs_of(function, 0) for node in nodes}
        calls[function.domain, function.name] = used
    keys = list(calls)
    _check_order([list(map(str, calls[key])) for key in keys], [[str(key)] for key in keys], "its functions call one another in a circle")
    external = [tensor for _, _, tensors in _graphs(model) for tensor in tensors if _is_external(tensor)]
    most = sum((path.parent / name).stat().st_size for name in {_location(tensor, path) for tensor in external})
    if sum(_extent(tensor, path)[1] for tensor in external) > 2 * most:
        raise _FileError(f"its weights in other files are more than twice as long as the {most} bytes of these")
    for tensor in external if load_weights else ():
        start, length = _extent(tensor, path)
        with (path.parent / _location(tensor, path)).open("rb") as file:
            file.seek(start)
            tensor.raw_data = file.read(length)
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def _graphs(model: Any) -> Iterator[tuple[list[Any], int, list[Any]]]:
    yield from _graphs_of(model.graph, 0)
    for function in model.functions:
        yield from _graphs_of(function, 0)


def _graphs_of(graph: Any, depth: int) -> Iterator[tuple[list[Any], int, list[Any]]]:
    """Yield the nodes, the depth and the tensors of a graph or function, and of all graphs in its nodes."""
    nodes, tensors = list(graph.node), list(getattr(graph, "initializer", ()))
    for sparse in getattr(graph, "sparse_initializer", ()):
        tensors += [sparse]
    inner = []
    for node in nodes:
        for attribute in node.attribute:
            tensors += [*attribute.tensors, *attribute.sparse_tensors]
            tensors += [attribute.t] if attribute.HasField("t") else []
            tensors += [attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []
            inner += [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]
    yield nodes, depth, tensors
    for one in inner if depth <= _MAX_NESTING else ():
        yield from _graphs_of(one, depth + 1)


def _check_order(inputs: list[list[str]], outputs: list[list[str]], fault: str) -> None:
    makers = {name: index for index, names in enumerate(outputs) for name in names if name}
    before = {index: {makers[name] for name in names if name in makers} for index, names in enumerate(inputs)}
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        raise _FileError(fault) from error


def _check_elements(tensor: Any, size: int) -> None:
    """Raise an error if a tensor declares more elements than its bytes can hold. A sparse one may have as many as the whole file."""
    sparse = isinstance(tensor, onnx.SparseTensorProto)
    name = (tensor.values if sparse else tensor).name
    count = math.prod(tensor.dims)
    if any(length < 0 for length in tensor.dims):
        raise _FileError(f"tensor {name[:80]!r} has a negative length")
    if not sparse and _is_external(tensor):
        return  # Compared with the file in `_extent`.
    stored = size if sparse else len(tensor.raw_data) or tensor.ByteSize()
    if count > _PER_BYTE * stored:
        raise _FileError(f"tensor {name[:80]!r} declares {count} elements in {stored} bytes")


def _is_quantized(node: Any) -> bool:
    return any(part in node.op_type for part in QUANTIZED)


def _bits(node: Any) -> int:
    """Return the bits of the weights of a quantized operator."""
    if not any(part in node.op_type for part in ("NBits", "Bnb4")):
        return 8
    return next((int(attribute.i) for attribute in node.attribute if attribute.name == "bits"), 4)


def _is_external(tensor: Any) -> bool:
    return isinstance(tensor, onnx.TensorProto) and tensor.data_location == onnx.TensorProto.EXTERNAL


def _location(tensor: Any, path: Path) -> str:
    """Return the relative path of the file with a tensor's numbers.

    Raises:
        _FileError: It is outside of the folder of the ONNX file, by the rules of any platform, or there is no such file.
    """
    location = str({entry.key: entry.value for entry in tensor.external_data}.get("location", ""))
    windows = PureWindowsPath(location)  # It takes both kinds of slashes for separators.
    if not location or windows.anchor or ".." in windows.parts or "\0" in location:
        raise _FileError(f"tensor {tensor.name[:80]!r} is in {location[:80]!r}, which is not in the folder of the file")
    if not (path.parent / location).is_file():
        raise _AbsentError(f"its weights are in {location[:80]!r}, and there is no such file beside it")
    return location


def _extent(tensor: Any, path: Path) -> tuple[int, int]:
    """Return the offset and the length in bytes of a tensor in its file."""
    given = {entry.key: entry.value for entry in tensor.external_data}
    size = (path.parent / _location(tensor, path)).stat().st_size
    start = int(given.get("offset", "0")[:20])
    length = int(given["length"][:20]) if "length" in given else size - start
    if start < 0 or length < 0 or start + length > size or math.prod(tensor.dims) > _PER_BYTE * length:
        raise _FileError(
            f"tensor {tensor.name[:80]!r} of {list(tensor.dims)} is not in the {size} bytes of {given.get('location', '')[:80]!r}"
        )
    return start, length
