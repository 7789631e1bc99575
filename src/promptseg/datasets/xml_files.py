"""Reading and escaping of XML in annotation files."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

from ..errors import InputError

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """Replace the characters that XML 1.0 does not allow, such as control characters, with U+FFFD."""
    return _FORBIDDEN.sub("\ufffd", text)


def parse_xml(path: Path) -> ET.Element:
    """Read an XML file and return its root element.

    Raises:
        InputError: When the file cannot be read or is not XML.
    """
    try:
        return ET.parse(path).getroot()  # noqa: S314 (expat itself refuses entities that explode)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (ET.ParseError, ValueError) as error:
        raise InputError(f"{path} is not XML: {error}") from error
