"""Formats of image files, and the opening of files in them by Pillow.

Every image file from outside is opened here. Pillow is given the list of formats, so it neither starts a program (EPS) nor opens documents,
fonts, scientific data or videos. All its errors become `InputError`, and the size is bounded before pixels are made.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import warnings
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO, Union

from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from ._checks import absent_hint
from ._counting import number_of
from ._install import install_extra
from .errors import InputError, InputWarning, PromptSegError

FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "WEBP": (".webp",),
    "PPM": (".pbm", ".pgm", ".ppm", ".pnm", ".pfm"),
    "JPEG2000": (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
    "AVIF": (".avif", ".avifs"),
    "HEIF": (".heic", ".heics", ".heif", ".heifs", ".hif"),
    "MPO": (".mpo",),
    "DIB": (".dib",),
    "DDS": (".dds",),
    "ICO": (".ico",),
    "PCX": (".pcx",),
    "QOI": (".qoi",),
    "SGI": (".sgi", ".rgb", ".rgba", ".bw"),
    "SUN": (".ras",),
    "TGA": (".tga",),  # It has no signature, and therefore comes last.
}
"""Lower-case suffixes by format, under Pillow's names. A file is opened as one of these formats, whatever its suffix."""

MAX_PIXELS = 178_956_970
"""Maximum number of pixels. Larger images are refused as decompression bombs. Pillow has the same limit, twice its warning level."""

MAX_BYTES = 1 << 31
"""Maximum size of an image that is read from a stream without end."""

ImageFile = Union[str, "os.PathLike[str]", bytes, IO[bytes]]
"""Image file in any form that `open_image` takes."""


@contextlib.contextmanager
def open_image(source: ImageFile, name: str | None = None) -> Iterator[Image.Image]:
    """Open an image file. Pixels are read when they are first needed, within the block.

    Args:
        source: A path, the bytes of a file, or an open binary file.
        name: What it is and its name, in error messages, such as ``"mask a.png"``. By default the path, or a description of the data.

    Raises:
        InputError: The file is absent, unreadable, truncated, empty, in no format of `FORMATS`, or of more than `MAX_PIXELS`. Errors
            that Pillow raises within the block become this one, too.
    """
    absent, name = name or f"image {name_of(source)}", name or name_of(source)
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(Path(source).open("rb")) if isinstance(source, (str, os.PathLike)) else _seekable(source, name)
        except InputError:
            raise
        except FileNotFoundError as error:
            why = f"cannot read {absent}: {error.strerror or error}{absent_hint(name_of(source))}"
            raise InputError(address_hint(source) or why) from error
        except IsADirectoryError as error:
            raise InputError(f"cannot read {absent}: it is a folder, and one image is expected: give the image in it") from error
        except OSError as error:
            raise InputError(address_hint(source) or f"cannot read {absent}: {error.strerror or error}") from error
        except (TypeError, ValueError) as error:  # The path is in bytes, or has a null byte.
            raise InputError(f"cannot read {absent!r}: {error}") from error
        with pillow_errors(name):
            yield stack.enter_context(_identified(file, name))


def name_of(source: ImageFile) -> str:
    """Return the name of an image file in messages: its path, or a description of the data."""
    if isinstance(source, bytes):
        return f"image data of {len(source)} bytes"
    name = source if isinstance(source, (str, os.PathLike)) else getattr(source, "name", None)
    return str(os.fspath(name)) if isinstance(name, (str, os.PathLike)) else "the open file"


def address_hint(source: object, what: str = "an image") -> str | None:
    """Return the message about an address given as a path, or None for another path. A path object has lost one of the slashes.

    Args:
        source: What was given.
        what: What was expected, ``"an image"``, or another file such as ``"a video"``, which is not fetched.
    """
    found = _ADDRESS.match(str(source)) if isinstance(source, (str, os.PathLike)) else None
    if found is None:
        return None
    public = found[2].split("?")[0]  # Credentials stand in the query, or before the host.
    host, slash, rest = public.partition("/")
    address = f"{found[1]}://{host.rpartition('@')[2]}{slash}{rest}"[:_LONGEST]
    fetched = what == "an image" and found[1].lower() in ("http", "https")
    fetch = "fetch it with promptseg.fetch_image(address)" if fetched else "download it, and give its path"
    return f"{address} is an address, and {what} is read from a file: {fetch}"


@contextlib.contextmanager
def pillow_errors(name: str, what: str = "is truncated or corrupt") -> Iterator[None]:
    """Turn what Pillow raises within the block, whose readers have no common base, into an `InputError`.

    Args:
        name: Name of the image in the message.
        what: What an error means.
    """
    try:
        yield
    except Image.DecompressionBombError as error:
        raise _too_large(name, str(error)) from error
    except (PromptSegError, InputWarning, MemoryError):  # A warning is raised where the user makes errors of them.
        raise
    except Exception as error:  # A damaged AVIF is a RuntimeError, a damaged BMP an OSError, a closed image an AssertionError.
        raise InputError(f"{name} {what}: {str(error) or type(error).__name__}. Get the image again, or leave it out") from error


def check_size(image: Image.Image, name: str) -> None:
    """Raise `InputError` for an image without pixels or of more than `MAX_PIXELS`, before its pixels are made."""
    width, height = image.size
    if width < 1 or height < 1:
        raise InputError(f"{name} has no pixels: it is {width} wide and {height} high")
    if width * height > MAX_PIXELS:
        raise _too_large(name, f"it has {width} x {height}")


def pages(image: Image.Image) -> list[int]:
    """Return the indices of the frames of an open image file that are images of their own.

    The preview in a phone's MPO file, the smaller copies (overviews) and the masks in a TIFF file are none.
    """
    if image.format not in ("AVIF", "GIF", "PNG", "TIFF", "WEBP"):
        return [image.tell()]
    count = int(getattr(image, "n_frames", 1))
    if image.format != "TIFF" or count == 1:
        return list(range(count))
    found = []
    for index in range(count):
        image.seek(index)
        if not int(image.tag_v2.get(_NEW_SUBFILE_TYPE, 0)) & _REDUCED_OR_MASK:  # type: ignore[attr-defined]  # It is a TIFF file.
            found.append(index)
    image.seek(0)
    return found or [0]


def check_single(image: Image.Image, name: str) -> None:
    """Raise `InputError` for a file of several images, such as an animation or a TIFF file of several pages."""
    count = len(pages(image))
    if count > 1:
        what = "pages" if image.format == "TIFF" else "frames"
        raise InputError(
            f"{name} has {count} {what}, and an image has one: save the one that you mean as an image, or read all as a video "
            "(`promptseg track`, `open_frames`)"
        )


def _identified(file: IO[bytes], name: str) -> Image.Image:
    """Return an open image file of a checked size, which its caller closes."""
    file.seek(0)
    head = file.read(12)
    if not isinstance(head, bytes):
        raise InputError(f"{name} gives {type(head).__name__}: open the file in binary mode")
    if not head:
        raise InputError(f"{name} is empty: get the image again")
    heif = head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS
    readable = heif and _register_heif()
    try:
        with warnings.catch_warnings():
            # The limit is ours: a warning between Pillow's level and ours would tell the user nothing to act on.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(file, formats=_known())
    except UnidentifiedImageError as error:
        if heif and not readable:
            raise InputError(
                f"{name} cannot be read as it is: HEIC files are read by package pillow-heif: {install_extra('heif')}"
            ) from error
        if head[4:12] in (b"ftypavif", b"ftypavis") and "AVIF" not in Image.OPEN:
            raise InputError(f"{name} is an AVIF file, which Pillow reads from version 11.3 on: pip install -U pillow") from error
        if other := _other_kind(head) or _samples_of_tiff(file):
            raise InputError(f"{name} is {other}") from error
        raise InputError(f"{name} is not an image in a format that promptseg reads, or is damaged: expected {_SHOWN}") from error
    try:
        check_size(image, name)
    except InputError:
        image.close()
        raise
    return image


def _other_kind(head: bytes) -> str | None:
    """Return what a file that is not an image is by its first bytes, and what to do with it, or None if that is unknown."""
    if head.startswith(b"%PDF"):
        return "a PDF, and an image is expected: save its pages as images, such as by pdftoppm -png"
    if head[4:8] in (b"ftyp", b"moov") or head.startswith(b"\x1aE\xdf\xa3") or head[8:12] == b"AVI ":
        return "a video, and an image is expected: promptseg track and promptseg annotate read videos, open_frames gives their frames"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"<svg"):
        return "a vector image (SVG), and pixels are expected: export it as PNG"
    if text.startswith((b"<!doctype", b"<html")):
        return "a web page, and an image is expected: download the image itself"
    if head.startswith(b"\x93NUMPY"):
        return "a NumPy file, and an image is expected: give the array that np.load reads, in Python"
    if head.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        return "an archive, and an image is expected: unpack it"
    return None


def _samples_of_tiff(file: IO[bytes]) -> str | None:
    """Return what a sound TIFF file is whose samples no image has, and what reads it, or None for any other file."""
    try:
        file.seek(0)
        header = file.read(8)
        tags = TiffImagePlugin.ImageFileDirectory_v2(header + file.read(8) if b"+" in header[2:4] else header)  # BigTIFF has a longer one.
        file.seek(tags.next)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tags.load(file)
        count, kind, bits = int(tags.get(_SAMPLES, 1)), int(tags.get(_SAMPLE_FORMAT, (1,))[0]), int(tags[_BITS][0])
    except Exception:  # Pillow raises errors of many kinds for a file that is none, or damaged.
        return None
    if kind not in _SAMPLE_KINDS or (count <= _MOST_CHANNELS and bits <= 8):  # It is something else that cannot be read.
        return None
    bands = f" and --bands, such as --bands {'3,2,1' if count > 2 else '1'}" if count > 1 else ""
    return (
        f"a raster of {number_of(count, 'band')} of {_SAMPLE_KINDS[kind]}{bits} samples, which is not read as an image: "
        f"promptseg annotate reads it with --tile 1024{bands}, and promptseg.open_raster in Python"
    )


def _seekable(source: bytes | IO[bytes], name: str) -> IO[bytes]:
    """Return data as a file that can seek. A stream that cannot is read to its end.

    Raises:
        InputError: The stream is larger than `MAX_BYTES`, or reading it fails.
    """
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        source.seek(0)
        if source.tell() == 0:
            return source
    except Exception:  # noqa: S110 - Whatever a foreign object without a working `seek` raises, its `read` may still serve.
        pass
    whole = io.BytesIO()
    try:
        while whole.tell() <= MAX_BYTES and (part := source.read(1 << 20)):
            whole.write(part)
    except MemoryError:
        raise
    except Exception as error:  # A foreign object may raise anything.
        raise InputError(f"{name} cannot be read as a binary file: {type(error).__name__}: {error}") from error
    if whole.tell() > MAX_BYTES:
        raise InputError(f"{name} is larger than {MAX_BYTES} bytes, the limit for an image from a stream")
    return whole


def _too_large(name: str, size: str) -> InputError:
    how = "promptseg.open_raster reads it by windows, and promptseg annotate by tiles (--tile 1024)"
    return InputError(f"{name} is larger than {MAX_PIXELS} pixels, the limit against decompression bombs: {size}. {how}")


@lru_cache
def _known() -> tuple[str, ...]:
    """Return the formats that this Pillow reads."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


@lru_cache
def _register_heif() -> bool:
    """Let Pillow read HEIF files, and return whether it does."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    _known.cache_clear()
    return True


logging.getLogger("PIL.TiffImagePlugin").addHandler(logging.NullHandler())  # It prints why it reads no TIFF, which our message tells.

_BITS, _SAMPLES, _SAMPLE_FORMAT = 258, 277, 339  # Tags of TIFF.
_SAMPLE_KINDS = {1: "uint", 2: "int", 3: "float"}
_MOST_CHANNELS = 4  # Of an image: red, green, blue and alpha.
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1"}
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/{1,2}([^/].*)", re.DOTALL)  # Two letters or more: one is the drive of a Windows path.
_LONGEST = 200  # Characters of an address in a message.
_NEW_SUBFILE_TYPE, _REDUCED_OR_MASK = 254, 1 | 4  # Tag of TIFF and two of its bits.
_SHOWN = "JPEG, PNG, TIFF, BMP, GIF, WebP, AVIF, HEIC, JPEG 2000, PNM, TGA, SGI or another format in the documentation"
