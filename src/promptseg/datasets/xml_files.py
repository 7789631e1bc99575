"""Reading of XML in annotation files."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from ..errors import InputError


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
