"""The help of the commands: metavars in capitals, and no Python types."""

import re

import pytest
import typer

from promptseg.cli import app

ROOT = typer.main.get_command(app)
METAVARS = {
    "N[:MAX]",
    "FILE",
    "FOLDER",
    "PATH",
    "URL",
    "KEY",
    "TOKEN",
    "MB",
    "HOST[:PORT]",
    "ORIGIN",
    "NAME",
    "N",
    "X",
    "IOU",
    "K",
    "RANK",
    "SCORE",
    "PHRASES",
    "PROTOCOL",
    "NAME[=WEIGHTS]",
    "NAME,NAME",
}
FORMS = {"X,Y[,0]", "X0,Y0,X1,Y1", "EXAMPLE", "FORMAT=PATH", "FORMAT[=PATH]", "FORMAT.OPTION=VALUE", "FILE|NAME,NAME", "X,X", "N,N,N"}
FILES = re.compile(r"(FILE|RUN)\.[a-z]+")


def commands(group, path=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands(ROOT))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_value_has_a_metavar_of_a_known_form(path):
    for param in COMMANDS[path].params:
        if getattr(param, "is_flag", False):
            continue
        known = param.metavar in METAVARS | FORMS | {"BUDGET", "IMAGE", "SOURCE", "VIDEO"} or FILES.fullmatch(param.metavar or "")
        assert known, f"{' '.join(path)}: {param.name} has the metavar {param.metavar}"


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_no_python_type_is_shown(path, run):
    shown = run(*path, "--help").stdout
    assert "<" not in shown
    assert "{" not in shown


def test_an_argument_is_shown_by_its_name(run):
    shown = run("segment", "--help").stdout
    assert "segment [OPTIONS] IMAGE...\n" in shown
    assert re.search(r"^  IMAGE  Images to segment: files, folders, patterns", shown, re.MULTILINE)
