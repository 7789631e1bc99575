"""XML as formats of annotations use it."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

from ..errors import InputError

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """Text with what XML 1.0 cannot hold at all, control characters above all, as the replacement character."""
    return _FORBIDDEN.sub("\ufffd", text)


def parse_xml(path: Path) -> ET.Element:
    """The root of an XML file.

    Raises:
        InputError: It cannot be read.
    """
    try:
        return ET.parse(path).getroot()  # noqa: S314 (expat itself refuses entities that explode)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (ET.ParseError, ValueError) as error:
        raise InputError(f"{path} is not XML: {error}") from error
