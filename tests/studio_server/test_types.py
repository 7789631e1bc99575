"""The page and the server name the same members: `types.ts` and the schemas of the routes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("fastapi")

from promptseg.studio_server import documents
from promptseg.studio_server.api import schemas

TYPES = Path(__file__).resolve().parents[2] / "src" / "promptseg" / "studio" / "web" / "src" / "model" / "types.ts"

PAIRS = {
    "StudioObject": (schemas.ObjectIn, schemas.ObjectOut),
    "ImageDocument": (schemas.DocumentOut,),
    "Change": (schemas.ChangeIn,),
    "ImageSummary": (schemas.SummaryOut,),
    "OpenImage": (schemas.OpenImageOut,),
    "Label": (schemas.LabelIn, schemas.LabelOut),
    "Project": (schemas.ProjectOut,),
}


def members(interface):
    """Return the names of an interface's own members in `types.ts`."""
    found = re.search(rf"^export interface {interface} \{{\n(.*?)^\}}", TYPES.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return set(re.findall(r"^  (\w+)\??:", found[1], re.MULTILINE))


@pytest.mark.parametrize(("interface", "schema"), [(name, schema) for name, found in PAIRS.items() for schema in found])
def test_an_interface_has_the_members_of_its_schema(interface, schema):
    assert members(interface) == set(schema.model_fields)


@pytest.mark.parametrize(("name", "values"), [("Source", documents.SOURCES), ("ImageState", documents.STATES)])
def test_a_choice_has_the_same_values(name, values):
    found = re.search(rf"^export type {name} = (.*);$", TYPES.read_text("utf-8"), re.MULTILINE)
    assert re.findall(r'"(\w+)"', found[1]) == list(values)
