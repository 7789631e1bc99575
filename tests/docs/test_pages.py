"""The documentation lists all models, errors, commands with their options, and decisions."""

import inspect
import re
from pathlib import Path

import pytest
import typer.main
import yaml

import promptseg
from promptseg import errors
from promptseg.cli import app
from promptseg.registry.catalog import backends
from promptseg.registry.folders import is_on_hub

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def commands(group, prefix=""):
    """Yield every command of the command line, by its name with its groups."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


COMMANDS = dict(commands(typer.main.get_command(app)))


def test_the_models_page_lists_the_catalog_with_its_engines_backends_and_licenses():
    page = (DOCS / "reference" / "models.md").read_text("utf-8")
    listed = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \| ([^|]+) \|", page, re.MULTILINE)
    expected = [
        (model.name, engine.name, engine.backend, model.license) for model in promptseg.list_models().values() for engine in model.engines
    ]
    assert listed == expected


def test_the_models_page_says_what_memory_and_time_the_catalog_says():
    page = (DOCS / "reference" / "models.md").read_text("utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| ([\d,]+) \| [\d,–]+ \| ([\d.–]+) \|$", page, re.MULTILINE)
    listed = {(model, engine): (int(mib.replace(",", "")), seconds) for model, engine, mib, seconds in rows}
    models = promptseg.list_models().values()
    assert listed == {
        (model.name, engine.name): (engine.memory, "–" if engine.seconds is None else shown_seconds(engine.seconds))
        for model in models
        for engine in model.engines
        if engine.memory
    }


def shown_seconds(seconds):
    """Two digits, and hundredths of a second at most."""
    return f"{seconds:.2f}" if seconds < 0.1 else f"{float(f'{seconds:.2g}'):g}"


def test_the_models_page_says_which_weights_are_folders_of_the_hub():
    page = (DOCS / "reference" / "models.md").read_text("utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| `[^`]+` \| [^|]+ \| ([^|]+) \|$", page, re.MULTILINE)
    listed = {(model, engine) for model, engine, weights in rows if weights == "from the hub"}
    models = promptseg.list_models().values()
    assert listed == {(model.name, engine.name) for model in models for engine in model.engines if is_on_hub(engine)}


def test_the_install_page_lists_the_extras_for_users():
    page = (DOCS / "start" / "install.md").read_text("utf-8")
    table = page[page.index("## Extras") : page.index("## Without a network")]
    listed = [name for cell in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE) for name in re.findall(r"`([\w-]+)`", cell)]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert sorted(listed) == sorted(project["optional-dependencies"].keys() - {"dev", "docs", "parity", "test"})


@pytest.mark.parametrize("backend", [backend for backend in backends().values() if backend.folders], ids=lambda backend: backend.name)
def test_the_models_page_says_which_folders_a_backend_reads(backend):
    page = (DOCS / "reference" / "models.md").read_text("utf-8")
    section = page[page.index("**What is recognized.**") : page.index("**Which version.**")]
    assert f"`{backend.name}`" in section
    for folder in backend.folders:
        assert all(f"`{name}`" in section for name in folder.types - {"timm"})
        assert all(f"`{stem}.onnx`" in section for stem in folder.onnx)


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


def test_every_decision_is_in_the_index_and_has_its_three_parts():
    index = (DOCS / "adr" / "index.md").read_text("utf-8")
    records = [path.name for path in (DOCS / "adr").glob("0*.md")]
    assert records
    for record in records:
        assert f"]({record})" in index
        text = (DOCS / "adr" / record).read_text("utf-8")
        assert text.startswith(f"# {record[:4]}: ")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]


def parts():
    """Return the parts of the navigation with their entries. Sub-entries do not count."""
    entries = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    return {name: entry for item in entries for name, entry in item.items() if isinstance(entry, list)}


def test_the_navigation_has_four_parts_of_at_most_a_dozen_entries():
    assert list(parts()) == ["Start", "How to", "Understand", "Reference"]
    for name, entries in parts().items():
        assert len(entries) <= 12, f"{name} has {len(entries)} entries"


def test_the_models_page_opens_with_families_and_a_choice():
    page = (DOCS / "reference" / "models.md").read_text("utf-8")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE)[:2] == ["Families", "How to choose"]
    table = page[page.index("## Families") : page.index("## How to choose")]
    licenses = set(re.findall(r"^\| \[.*\| \**([\w.-]+)\** \|$", table, re.MULTILINE))
    assert licenses == {model.license for model in promptseg.list_models().values()} - {"unknown"}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "examples/README.md"])
def test_a_page_outside_the_site_links_only_to_files_that_exist(page):
    for target in re.findall(r"\]\(([^)#]+)", (ROOT / page).read_text("utf-8")):
        assert target.startswith("https://") or (ROOT / page).parent.joinpath(target).exists(), (
            f"{page} links to {target}, which does not exist"
        )
