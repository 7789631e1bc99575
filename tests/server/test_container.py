"""The Dockerfile and the compose file: they name options, extras, variables and a port that exist, and run as another user than root."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer
import yaml

from promptseg.cli import app
from promptseg.cli.serve import KEY_VARIABLE, PORT, TOKEN_VARIABLE

ROOT = Path(__file__).parents[2]
IMAGE = (ROOT / "Dockerfile").read_text("utf-8")
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]


def instructions(name):
    """Return what follows the instructions of a name, with continued lines joined."""
    return re.findall(rf"^{name} (.*)$", IMAGE.replace("\\\n", " "), re.MULTILINE)


@pytest.mark.parametrize(
    "words", [json.loads(instructions("CMD")[-1]), SERVICES["promptseg"]["command"]], ids=["Dockerfile", "compose.yaml"]
)
def test_the_command_is_one_of_promptseg(words):
    command = typer.main.get_command(app).commands[words[0]]
    context = command.make_context(words[0], words[1:], resilient_parsing=True)
    assert not context.args
    assert (context.params["host"], context.params["port"]) == ("0.0.0.0", PORT)


def test_compose_names_the_services_to_each_other():
    words = SERVICES["promptseg"]["command"]
    assert words[words.index("--allow-name") + 1] == "promptseg"
    assert words[words.index("--label-studio") + 1] == "http://label-studio:8080"
    assert SERVICES["label-studio"]["environment"]["ML_BLOCK_LOCAL_IP"] == "false"


def test_the_variables_are_those_that_are_read():
    assert set(SERVICES["promptseg"]["environment"]) == {TOKEN_VARIABLE, KEY_VARIABLE}
    assert all(port.startswith("127.0.0.1:") for service in SERVICES.values() for port in service.get("ports", ()))


def test_the_extras_exist():
    extras = re.findall(r"^([\w-]+) = \[", (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    named = {name for group in re.findall(r"extras=([\w,-]+)", IMAGE) for name in group.split(",")}
    assert named == {"server", "mobile-sam"}
    assert named <= set(extras)


def test_it_runs_as_another_user_than_root_and_tells_its_health():
    assert int(instructions("USER")[-1]) > 0
    assert instructions("EXPOSE") == [str(PORT)]
    (health,) = instructions("HEALTHCHECK")
    assert f"127.0.0.1:{PORT}/ready" in health


def test_what_the_image_is_made_of_is_not_ignored():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    copied = {word for line in instructions("COPY") if not line.startswith("--from") for word in line.split()[:-1]}
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)
