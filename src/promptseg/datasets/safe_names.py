r"""Names as text and as paths: what annotation files say of an image, and the file names that writers make of it.

A name comes from a file system or from somebody's file. `text_name` makes it text that any file can hold. `safe_name` makes it a path that
stays within a folder and that every file system takes. `OutputNames` gives each image of a folder a path of its own.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

MAX_COMPONENT = 255
"""Maximum length of a file name in bytes, on common file systems."""

MAX_PATH = 1024
"""Maximum length of a path in bytes within an output folder. A longer one loses its folders."""


def text_name(name: str) -> str:
    r"""Return a name as it stands in text files. Bytes that text cannot hold become ``%`` and two hexadecimal digits, as in a URL.

    Such bytes are those of a file name that is not UTF-8, so that ``caf\xe9.jpg`` becomes ``caf%E9.jpg``, and those of control characters
    and line separators. A surrogate that stands for no byte becomes U+FFFD.
    """
    return _NO_TEXT.sub(_percent, name)


def text_label(label: str) -> str:
    """Return a class name as it stands in files of every format. Lone surrogates and control characters become U+FFFD.

    They are the characters that XML 1.0 does not allow. Tabs and line ends are allowed.
    """
    return _NO_XML.sub("\ufffd", label)


def safe_name(name: str) -> str:
    """Return a name as a relative path that stays within its folder and that every file system takes. A path that fits is not changed.

    Roots, ``..`` and empty components are dropped. Backslashes separate components as slashes do. The colon of a drive becomes an
    underscore. Names that Windows reserves, and hidden names, which readers leave out, get an underscore in front. Dots and spaces at the
    end are dropped. Characters that are not text become what `text_name` makes of them. A component of more than 255 bytes is cut, and
    gets a hash of the whole component.

    Args:
        name: The name, a path with ``/`` as separator.
    """
    steps = [_component(step) for step in text_name(name).replace("\\", "/").split("/")]
    steps = [_short(step) for step in steps if step] or ["_"]
    if len("/".join(steps).encode()) > MAX_PATH:
        steps = [_hash(name), steps[-1]]
    return "/".join(steps)


class OutputNames:
    """Paths of the images of an output folder. No two are the same, also where upper and lower case, or Unicode forms, are not told apart.

    Args:
        taken: Names within the folder that no image may have.
    """

    def __init__(self, taken: Sequence[str] = ()) -> None:
        self._files = {_key(name) for name in taken}
        self._folders: set[str] = set()
        self._numbers: dict[str, int] = {}

    def take(self, name: str, endings: Sequence[str], *, whole: bool = False) -> str:
        """Return the path of the files of an image, without their endings, and keep it from other images.

        It is the image's name without its suffix. Where another image has that path, it is the whole name, or a name with a number.

        Args:
            name: The image's name.
            endings: The endings of the files, such as ``.txt``.
            whole: Whether the path has the suffix of the name in any case.
        """
        for path in self._candidates(safe_name(name), max(endings, key=len), whole):
            keys, parents = [_key(path + ending) for ending in endings], _parents(_key(path))
            if not any(key in self._files or key in self._folders for key in keys) and not any(each in self._files for each in parents):
                self._files.update(keys)
                self._folders.update(parents)
                return path
        raise AssertionError("the numbers do not end")

    def _candidates(self, full: str, ending: str, whole: bool) -> Iterator[str]:
        flat = full.replace("/", "_")  # For an image in a folder that has the name of another image.
        for path in (full if whole else without_suffix(full), full, flat):
            yield _fitted(path, ending)
        for number in itertools.count(self._numbers.get(full, 2)):
            self._numbers[full] = number + 1  # So that very many images of one name do not take very long.
            yield _fitted(f"{full}-{number}", ending)
            yield _fitted(f"{flat}-{number}", ending)


def written_names(name: str, ending: str) -> list[str]:
    """Return the names that `OutputNames` gives to a file of an image, the most telling first, for readers that pair files by name."""
    full = safe_name(name)
    return [f"{_fitted(full, ending)}{ending}", f"{without_suffix(name)}{ending}", f"{_fitted(without_suffix(full), ending)}{ending}"]


def without_suffix(name: str) -> str:
    """Return a name without the suffix of its last component."""
    path = PurePosixPath(name)
    return path.with_suffix("").as_posix() if path.name else name


def _fitted(path: str, ending: str) -> str:
    """Return a path to which an ending can be appended."""
    fitted = safe_name(path + ending)
    return fitted[: len(fitted) - len(ending)]


def _component(step: str) -> str:
    step = _DRIVE.sub(r"\1_", step.rstrip(". "))
    device = re.split(r"[.:]", step, maxsplit=1)[0].rstrip(" ").upper()
    return f"_{step}" if device in _RESERVED or step.startswith(".") else step


def _short(step: str) -> str:
    if len(step.encode()) <= MAX_COMPONENT:
        return step
    suffix = PurePosixPath(step).suffix
    tail = f"~{_hash(step)}{suffix if len(suffix.encode()) <= _LONGEST_SUFFIX else ''}"
    return step.encode()[: MAX_COMPONENT - len(tail.encode())].decode("utf-8", "ignore") + tail


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _parents(path: str) -> list[str]:
    steps = path.split("/")
    return ["/".join(steps[:count]) for count in range(1, len(steps))]


def _percent(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xD800 <= code <= 0xDFFF:
        return f"%{code - 0xDC00:02X}" if 0xDC80 <= code <= 0xDCFF else "\ufffd"
    return "".join(f"%{byte:02X}" for byte in match[0].encode())


_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_DRIVE = re.compile(r"^([A-Za-z]):")
_RESERVED = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", *(f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789¹²³")]
)
"""Names of devices on Windows, with any suffix."""
_LONGEST_SUFFIX = 32
"""Maximum length in bytes of a suffix that is kept when a name is cut."""
