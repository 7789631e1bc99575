"""Bounded reading of text, JSON and YAML files from outside.

A file of a few hundred bytes can stand for gigabytes, nest deeper than Python can follow, or hold a number that takes hours to read. Each
is refused with an `InputError` that names the file.
"""

from __future__ import annotations

import codecs
import json
import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeGuard

from .._checks import absent_hint
from ..errors import InputError, PromptSegError, shown

MAX_TEXT_BYTES = 2 << 30
"""Size of the largest text or JSON file that is read."""

MAX_YAML_BYTES = 2 << 20
"""Size of the largest YAML file that is read. YAML is read slowly, a megabyte in some seconds."""

MAX_NODES = 1_000_000
"""Maximum number of values in a document after its aliases are written out."""

MAX_DEPTH = 100
"""Maximum depth of lists and mappings in each other."""

MAX_NAME = 32_768
"""Maximum number of characters in a name, a label or a path."""

_MAX_DIGITS = 1000
_PIECE = 1 << 20


def read_text(path: str | os.PathLike[str], limit: int = MAX_TEXT_BYTES) -> str:
    """Read a text file: UTF-8 with or without byte order mark.

    Args:
        path: The file.
        limit: Maximum number of bytes.

    Raises:
        InputError: The file cannot be read, is larger than `limit`, or is not UTF-8 text.
    """
    content = _bounded(Path(path), limit)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        hint = ". It looks like UTF-16: save it as UTF-8" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else ""
        raise InputError(
            f"cannot read {path}: expected UTF-8 text, and byte {error.start} is {error.object[error.start]:#04x}{hint}"
        ) from error


def read_json(path: str | os.PathLike[str], limit: int = MAX_TEXT_BYTES) -> Any:
    """Read a JSON file. NaN and infinity are read, and of a repeated key the last value.

    Args:
        path: The file.
        limit: Maximum number of bytes.

    Raises:
        InputError: The file cannot be read, is larger than `limit`, or is not JSON.
    """
    text = read_text(path, limit)
    try:
        return json.loads(text)
    except RecursionError as error:
        raise InputError(f"{path} cannot be read: its lists and objects lie in each other too deep") from error
    except ValueError as error:  # JSONDecodeError, or an integer of more digits than Python reads.
        ended = isinstance(error, json.JSONDecodeError) and (error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"))
        hint = ". Its end is missing: get the file again" if ended else ": correct it, or get the file again"
        raise InputError(f"{path} is not valid JSON: {error}{hint}") from error


def read_yaml(path: str | os.PathLike[str], limit: int = MAX_YAML_BYTES) -> Any:
    """Read a YAML file (YAML 1.1, plain values only).

    Args:
        path: The file.
        limit: Maximum number of bytes.

    Raises:
        InputError: The file cannot be read, is larger than `limit`, is not YAML, or stands for more than `MAX_NODES` values.
    """
    return parse_yaml(read_text(path, limit), f"{path}")


def parse_yaml(text: str, what: str) -> Any:
    """Return the values of YAML text (YAML 1.1, plain values only). The caller bounds its length.

    Args:
        text: The text.
        what: Name of the text. The message begins with it.

    Raises:
        InputError: It is not YAML, or stands for more than `MAX_NODES` values.
    """
    import yaml

    loader = None
    try:
        loader = yaml.SafeLoader(text)
        # Aliases are still shared here. Only what makes values of them would write them out.
        root = loader.get_single_node()
        _check(root, _yaml_children, what, InputError)
        return None if root is None else loader.construct_document(root)
    except PromptSegError:
        raise
    except RecursionError as error:
        raise InputError(f"{what} cannot be read: its lists and mappings lie in each other too deep") from error
    except yaml.YAMLError as error:
        raise InputError(f"{what} is not valid YAML: {_yaml_problem(error)}") from error
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:  # PyYAML's own, for `!!int x`, `2001-99-99`, …
        raise InputError(f"{what} is not valid YAML: it has a value that cannot be read ({type(error).__name__}: {error})") from error
    finally:
        if loader is not None:
            loader.dispose()


def check_extent(values: object, what: str, error: type[PromptSegError] = InputError) -> None:
    """Check that plain values can be copied and written out: they hold no circle, and are neither too many nor too deep.

    Args:
        values: Any value; lists, tuples, sets and dicts are looked into.
        what: Name of the values. The message begins with it.
        error: Type of the error to raise.

    Raises:
        PromptSegError: They stand for more than `MAX_NODES` values, or lie deeper than `MAX_DEPTH`. The type is `error`.
    """
    _check(values, _plain_children, what, error)


def is_text(value: object, least: int = 0) -> TypeGuard[str]:
    """Return whether a value is text of at least `least` and at most `MAX_NAME` characters, such as a name or a path."""
    return isinstance(value, str) and least <= len(value) <= MAX_NAME and "\0" not in value


def is_integer(value: object, least: int | None = 0) -> TypeGuard[int]:
    """Return whether a value is a whole number of JSON, of at least `least`, that 64 bits hold."""
    return isinstance(value, int) and not isinstance(value, bool) and (least is None or value >= least) and abs(value) < 1 << 63


def is_finite(value: object) -> TypeGuard[float]:
    """Return whether a value is a number of JSON, and neither NaN nor infinite."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300 and math.isfinite(value)


def is_counts(value: object, usable: Callable[[object], bool]) -> bool:
    """Return whether a value is a dictionary from text to values that are usable."""
    return isinstance(value, dict) and all(isinstance(key, str) and usable(each) for key, each in value.items())


def _bounded(path: Path, limit: int) -> bytearray:
    """Return the bytes of a file. The loop holds for pipes and devices, too, which tell no size."""
    content = bytearray()
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size <= limit:
                while len(content) <= limit and (piece := file.read(_PIECE)):
                    content += piece
                if len(content) <= limit:
                    return content
    except FileNotFoundError as error:
        raise InputError(f"cannot read {shown_path(path)}: {error.strerror or error}{absent_hint(path)}") from error
    except IsADirectoryError as error:
        raise InputError(f"{shown_path(path)} is a folder: give the file in it") from error
    except OSError as error:
        raise InputError(f"cannot read {shown_path(path)}: {error.strerror or error}") from error
    except ValueError as error:  # A null byte in the path.
        raise InputError(f"cannot read {shown_path(path)}: {error}") from error
    raise InputError(f"{path} is larger than {limit} bytes, the limit for such files")


def _yaml_problem(error: Exception) -> str:
    """Return what is wrong with a YAML file and where, in one line."""
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    if problem is None or mark is None:
        return " ".join(str(error).split())[:500]
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem[:300]}"


def shown_path(path: str | os.PathLike[str]) -> str:
    """Return a path for a message: as it is, or shortened in the middle if it is longer than any file system takes."""
    text = str(path)
    return text if len(text) <= _LONGEST_PATH else f"{text[:100]}…{text[-100:]} ({len(text)} characters)"


_LONGEST_PATH = 1000


def _check(root: object, children: Callable[[Any], Iterable[Any] | None], what: str, error: type[PromptSegError]) -> None:
    measured: dict[int, tuple[int, int]] = {}  # Number of values and depth of each container, which aliases may share.

    def measure(value: object, depth: int) -> tuple[int, int]:
        inner = children(value)
        if inner is None:
            return 1, 0
        if id(value) not in measured:
            if depth >= MAX_DEPTH:
                raise error(f"{what} has values that lie in each other more than {MAX_DEPTH} deep, or in a circle")
            number, below = 1, 0
            for each in inner:
                nodes, levels = measure(each, depth + 1)
                number, below = number + nodes, max(below, levels)
            measured[id(value)] = number, below + 1
        number, levels = measured[id(value)]
        if depth + levels > MAX_DEPTH:
            raise error(f"{what} has values that lie in each other more than {MAX_DEPTH} deep, or in a circle")
        if number > MAX_NODES:
            raise error(f"{what} stands for more than {MAX_NODES} values when its aliases are written out")
        return number, levels

    measure(root, 0)


def _plain_children(value: Any) -> Iterable[Any] | None:
    if isinstance(value, dict):
        return [part for pair in value.items() for part in pair]
    return value if isinstance(value, (list, tuple, set, frozenset)) else None


def _yaml_children(node: Any) -> Iterable[Any] | None:
    import yaml

    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    if isinstance(node, yaml.SequenceNode):
        children: list[Any] = node.value
        return children
    if node is not None and node.tag in _NUMBERS and len(node.value) > _MAX_DIGITS:  # Base 60 takes hours for a megabyte of digits.
        raise InputError(f"{node.start_mark.name} has a number of {len(node.value)} characters: {shown(node.value)}")
    return None


_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
