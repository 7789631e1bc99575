"""The contracts of import-linter cover every module, and name only modules that exist."""

import re
from pathlib import Path

import pytest

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
LAYERS = {contract["containers"][0]: contract for contract in CONTRACTS if contract["type"] == "layers"}


def children(package):
    """The modules and packages that lie directly in a package."""
    folder = SOURCE.joinpath(*package.split("."))
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    return modules | {path.parent.name for path in folder.glob("*/__init__.py")}


def placed(contract):
    """The modules of a contract's layers, in order."""
    return [name for layer in contract["layers"] for name in re.split(r"\s*[|:]\s*", layer)]


def exists(module):
    path = SOURCE.joinpath(*module.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def named(contract):
    """The modules of ours that a contract names, without wildcards."""
    keys = ("modules", "containers", "source_modules", "protected_modules", "allowed_importers")
    names = [name for key in keys for name in contract.get(key, [])]
    names += [name for rule in contract.get("ignore_imports", []) for name in rule.split(" -> ")]
    return {re.sub(r"(\.\*+)+$", "", name) for name in names if name.partition(".")[0] == "promptseg"}


def test_the_package_as_a_whole_has_layers():
    assert "promptseg" in LAYERS


@pytest.mark.parametrize("package", LAYERS)
def test_every_module_of_a_layered_package_has_its_one_layer(package):
    assert sorted(placed(LAYERS[package])) == sorted(children(package))


@pytest.mark.parametrize("package", LAYERS)
def test_a_new_module_breaks_the_contract_until_it_has_a_layer(package):
    assert LAYERS[package]["exhaustive"] is True


@pytest.mark.parametrize(
    "path",
    sorted(path for path in SOURCE.rglob("*.py") if "node_modules" not in path.parts),
    ids=lambda path: str(path.relative_to(SOURCE)),
)
def test_every_folder_of_a_module_is_a_package(path):
    folders = [folder for folder in path.parents if folder != SOURCE and SOURCE in folder.parents]
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract["name"])
def test_a_contract_names_modules_that_exist(contract):
    assert {name for name in named(contract) if not exists(name)} == set()
