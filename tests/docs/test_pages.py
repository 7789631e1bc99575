"""What the documentation lists is what there is: models, errors, commands and their options, modules, decisions."""

import inspect
import re
from pathlib import Path

import pytest
import typer.main

import promptseg
from promptseg import errors
from promptseg.cli import app

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def commands(group, prefix=""):
    """Every command of the command line, by its name with its groups."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


COMMANDS = dict(commands(typer.main.get_command(app)))


def public_modules():
    package = ROOT / "src" / "promptseg"
    for path in package.rglob("*.py"):
        parts = path.relative_to(package).with_suffix("").parts
        if parts[0] != "cli" and not parts[-1].startswith("_"):  # The command line has a page of its own.
            yield ".".join(("promptseg", *parts))


def test_the_models_page_lists_the_catalogue_with_its_engines_backends_and_licences():
    page = (DOCS / "reference" / "models.md").read_text("utf-8")
    listed = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \| ([^|]+) \|", page, re.MULTILINE)
    expected = [
        (model.name, engine.name, engine.backend, model.licence) for model in promptseg.models().values() for engine in model.engines
    ]
    assert listed == expected


def test_the_models_page_says_what_memory_the_catalogue_says():
    page = (DOCS / "reference" / "models.md").read_text("utf-8")
    listed = {name: int(mib.replace(",", "")) for name, mib in re.findall(r"^\| `([^`]+)` \| ([\d,]+) \| [\d,]+ \|", page, re.MULTILINE)}
    assert listed == {model.name: engine.memory for model in promptseg.models().values() for engine in model.engines if engine.memory}


@pytest.mark.parametrize(
    "error", [name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, errors.PromptSegError)]
)
def test_the_errors_page_draws_an_error_and_says_what_to_do(error):
    page = (DOCS / "reference" / "errors.md").read_text("utf-8")
    base = getattr(errors, error).__mro__[1]
    assert re.search(rf"^[│├└─ ]*{error}\b", page, re.MULTILINE)
    if error != "PromptSegError":
        section = re.search(rf"^##+ {error}\n(.*?)(?=^#|\Z)", page, re.DOTALL | re.MULTILINE)
        assert section, f"{error} (a {base.__name__}) has no section"
        subsections = [name for name, value in vars(errors).items() if inspect.isclass(value) and getattr(errors, error) in value.__bases__]
        assert "**What to do:**" in section[1] or subsections


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_line_page_has_every_option_of_a_command(command):
    page = (DOCS / "reference" / "command-line.md").read_text("utf-8")
    first = command.split()[0]
    section = re.search(rf"^## promptseg {first}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    assert section, f"there is no section for {first}"
    assert f"$ promptseg {command}" in section[1]
    for option in (name for parameter in COMMANDS[command].params for name in parameter.opts if name.startswith("--")):
        assert f"`{option}" in section[1], f"the page does not mention {option} of {command}"


def test_every_public_module_has_its_place_in_the_api_pages():
    pages = "".join(path.read_text("utf-8") for path in (DOCS / "reference" / "api").glob("*.md"))
    assert sorted(re.findall(r"^::: (\S+)$", pages, re.MULTILINE)) == sorted(public_modules())


def test_every_public_name_is_in_the_api_index():
    page = (DOCS / "reference" / "api" / "index.md").read_text("utf-8")
    assert set(promptseg.__all__) - {"__version__"} <= set(re.findall(r"`(\w+)`", page))


def test_every_decision_is_in_the_index_and_in_the_navigation():
    index, navigation = (DOCS / "adr" / "index.md").read_text("utf-8"), (ROOT / "mkdocs.yml").read_text("utf-8")
    records = [path.name for path in (DOCS / "adr").glob("0*.md")]
    assert records
    for record in records:
        assert f"]({record})" in index
        assert f"adr/{record}" in navigation
        text = (DOCS / "adr" / record).read_text("utf-8")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "examples/README.md"])
def test_a_page_outside_the_site_links_only_to_files_that_exist(page):
    for target in re.findall(r"\]\(([^)#]+)", (ROOT / page).read_text("utf-8")):
        assert target.startswith("https://") or (ROOT / page).parent.joinpath(target).exists(), (
            f"{page} links to {target}, which does not exist"
        )
