"""``promptseg config``."""

import json

from promptseg.pipeline.config import json_schema


def test_the_schema_is_printed_as_json_alone(run):
    result = run("config", "schema")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == json_schema()


def test_without_a_command_its_help_is_shown(run):
    assert "schema" in run("config").output
