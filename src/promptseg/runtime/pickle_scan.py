"""Check of a pickle before it is unpickled: no opcode can exhaust the memory or crash the interpreter.

Python's unpickler is safe from running code if it finds no functions, but not from these:

- It hashes the keys of dictionaries. The hash of a tuple in a tuple in a tuple … overflows the stack of C, and the hash of a tuple that
  holds one tuple twice, which holds another twice …, takes forever.
- It makes its memo as long as the largest number in it.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from typing import IO, Any

MAX_BYTES = 8 << 20
"""Maximum number of bytes of a pickle. Tensors are stored beside it, so that pickles of whole models have less than 2 MB."""

MAX_KEY = 64
"""Maximum number of values in a key of a dictionary or an element of a set, counting those in tuples in tuples."""

_MARK = 0
_PUT = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_GET = frozenset({"GET", "BINGET", "LONG_BINGET"})


def read_pickle(file: IO[bytes]) -> bytes:
    """Read one pickle from an open file and check it. The file is then at its end.

    Raises:
        pickle.UnpicklingError: The pickle is longer than allowed, or it would exhaust the memory or crash the interpreter.
        ValueError: It is damaged.
    """
    start = file.tell()
    content = file.read(MAX_BYTES)
    stream = io.BytesIO(content)
    scan = _Scan(len(content))
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            scan.step(opcode, argument)
    except IndexError as error:
        raise pickle.UnpicklingError("its stack runs empty") from error
    except ValueError as error:
        if len(content) == MAX_BYTES:
            raise pickle.UnpicklingError(f"its pickle has more than {MAX_BYTES} bytes") from error
        raise
    file.seek(start + stream.tell())
    return content[: stream.tell()]


class _Scan:
    """Stack and memo of an unpickler, with the number of values that hashing would visit in the place of each object.

    Only tuples and what is made of them are hashed by their elements. Every other object counts as one.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._stack: list[int] = []
        self._memo: dict[int, int] = {}

    def step(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        name, stack = opcode.name, self._stack
        if name in _PUT:
            if not 0 <= argument <= self._length:
                raise pickle.UnpicklingError(f"it numbers an object {argument} in {self._length} bytes")
            self._memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif name in _GET:
            stack.append(self._memo.get(argument, 1))
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "DUP":
            stack.append(stack[-1])
        elif name == "POP":
            stack.pop()
        elif name in ("SETITEM", "BINPERSID"):
            _check_keys(stack[-2:-1] if name == "SETITEM" else stack[-1:])
            del stack[-2 if name == "SETITEM" else -1 :]
            stack.extend([1] * (name == "BINPERSID"))
        elif pickletools.markobject in opcode.stack_before:
            items = self._pop_to_mark()
            if name in ("SETITEMS", "DICT"):
                _check_keys(items[::2])
            elif name in ("ADDITEMS", "FROZENSET"):
                _check_keys(items)
            if name in ("APPENDS", "SETITEMS", "ADDITEMS", "POP_MARK"):
                return
            stack.append(_joined(items) if name in ("TUPLE", "INST", "OBJ", "FROZENSET") else 1)
        else:
            self._replace(opcode)

    def _replace(self, opcode: pickletools.OpcodeInfo) -> None:
        """Take the operands of an opcode from the stack and put its results there."""
        taken, given = len(opcode.stack_before), len(opcode.stack_after)
        items = self._stack[len(self._stack) - taken :] if taken else []
        if len(items) < taken or _MARK in items:
            raise IndexError
        del self._stack[len(self._stack) - taken :]
        if opcode.name in ("TUPLE1", "TUPLE2", "TUPLE3", "REDUCE", "NEWOBJ", "NEWOBJ_EX"):
            self._stack.append(_joined(items))
        elif opcode.name in ("APPEND", "BUILD"):
            self._stack.append(items[0])
        else:
            self._stack.extend([1] * given)

    def _pop_to_mark(self) -> list[int]:
        stack = self._stack
        at = len(stack) - 1
        while at >= 0 and stack[at] != _MARK:
            at -= 1
        if at < 0:
            raise IndexError
        items = stack[at + 1 :]
        del stack[at:]
        return items


def _joined(weights: list[int]) -> int:
    return min(1 + sum(weights), MAX_KEY + 1)  # Weights that double with each tuple would soon be long numbers.


def _check_keys(weights: list[int]) -> None:
    if any(weight > MAX_KEY for weight in weights):
        raise pickle.UnpicklingError(f"it has a key of more than {MAX_KEY} values, nested in tuples")
