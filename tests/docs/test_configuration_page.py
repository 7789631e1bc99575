"""The configuration page agrees with the code on every key, license and environment variable."""

import json
import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from promptseg.pipeline.config import (
    PERMISSIVE,
    CleanStage,
    ConceptStage,
    DetectStage,
    PipelineConfig,
    SegmentStage,
    TrackStage,
    json_schema,
    read_config,
)

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "configuration.md").read_text("utf-8")
STAGES = {
    "The top level": PipelineConfig,
    "detect": DetectStage,
    "segment": SegmentStage,
    "concept": ConceptStage,
    "clean": CleanStage,
    "track": TrackStage,
}


def rows(heading):
    """Return the table below a heading: its cells by the name in the first column."""
    section = re.search(rf"^### {heading}\n(.*?)(?=^##|\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert section, f"the page has no section {heading!r}"
    lines = re.findall(r"^\| `(\w+)` \|(.*)\|$", section[1], re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split(" | ")] for name, rest in lines}


def default_of(field):
    if field.is_required():
        return "required"
    default = field.default_factory() if field.default is PydanticUndefined else field.default
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


@pytest.mark.parametrize("heading", STAGES)
def test_every_key_of_a_stage_is_on_the_page_in_order_and_no_other_is(heading):
    assert list(rows(heading)) == list(STAGES[heading].model_fields)


@pytest.mark.parametrize(("heading", "key"), [(heading, key) for heading, stage in STAGES.items() for key in stage.model_fields])
def test_the_page_says_the_default_of_a_key(heading, key):
    _, default, meaning = rows(heading)[key]
    assert default == default_of(STAGES[heading].model_fields[key])
    assert meaning


@pytest.mark.parametrize(("heading", "key"), [(heading, key) for heading, stage in STAGES.items() for key in stage.model_fields])
def test_the_page_says_the_bounds_of_a_key(heading, key):
    kind = rows(heading)[key][0]
    schema = json.dumps(STAGES[heading].model_json_schema()["properties"][key])
    for bound in re.findall(r'"(?:min|max)imum": (\d+)', schema):
        assert re.search(rf"\b{bound}\b", kind), f"the type of {key!r} does not say {bound}"


def test_the_three_example_files_say_the_same(tmp_path):
    found = dict(re.findall(r"^```(yaml|toml|json)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
    configs = []
    for kind in ("yaml", "toml", "json"):
        path = tmp_path / f"pipeline.{kind}"
        path.write_text(found[kind], "utf-8")
        configs.append(read_config(path))
    assert configs[0] == configs[1] == configs[2]
    assert configs[0].clean is not None


def test_the_page_names_every_permissive_license():
    row = re.search(r"^\| `permissive` \|(.*)\|$", PAGE, re.MULTILINE)
    assert set(re.findall(r"`([^`]+)`", row[1])) == PERMISSIVE


def test_the_page_names_every_environment_variable_that_the_code_reads():
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    read = set(re.findall(r"environ(?:\.get\(|\[)\"(\w+)\"", sources))
    assert read
    assert read == set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE))


def test_the_published_schema_is_that_of_the_code():
    published = ROOT / "docs" / "schema" / "pipeline.schema.json"
    assert json.loads(published.read_text("utf-8")) == json_schema(), f"write it anew: promptseg config schema > {published}"


@pytest.mark.parametrize("page", ["reference/configuration.md", "how-to/config-file.md"])
def test_every_pipeline_file_on_a_page_is_valid(page, tmp_path):
    found = re.findall(r"^```yaml[^\n]*\n(.*?)^```", (ROOT / "docs" / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert len(found) > 1
    for text in found:
        (tmp_path / "pipeline.yaml").write_text(text, "utf-8")
        assert read_config(tmp_path / "pipeline.yaml").segment is not None
