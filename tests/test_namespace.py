"""Public names of the package, and the cost of importing it."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import promptseg


def in_a_fresh_interpreter(code):
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


class TestNamespace:
    def test_all_public_names_exist_and_are_listed_once(self):
        assert len(set(promptseg.__all__)) == len(promptseg.__all__)
        for name in promptseg.__all__:
            assert getattr(promptseg, name) is not None
        assert dir(promptseg) == sorted(promptseg.__all__)

    def test_a_lazy_name_is_the_one_of_its_module(self):
        for name, home in promptseg._HOMES.items():
            assert getattr(promptseg, name) is getattr(importlib.import_module(f"promptseg.{home}"), name)

    def test_type_checkers_see_the_names_that_are_loaded_lazily(self):
        tree = ast.parse(Path(promptseg.__file__).read_text("utf-8"))
        (block,) = [node for node in tree.body if isinstance(node, ast.If)]
        seen = {alias.asname: (node.module, alias.name) for node in block.body for alias in node.names}
        assert seen == {name: (home, name) for name, home in promptseg._HOMES.items()}

    def test_an_unknown_name_is_an_attribute_error(self):
        with pytest.raises(AttributeError, match="'promptseg' has no attribute 'segmnt'"):
            _ = promptseg.segmnt

    def test_importing_promptseg_loads_no_library_that_is_slow_or_optional(self):
        code = (
            "import sys, promptseg\n"
            "print(*{'torch', 'onnxruntime', 'onnx', 'cv2', 'numpy', 'PIL', 'pydantic', 'requests', 'skimage'} & set(sys.modules))"
        )
        assert in_a_fresh_interpreter(code) == ""

    def test_listing_the_models_loads_no_backend(self):
        code = (
            "import sys, promptseg\n"
            "assert promptseg.list_models()\n"
            "print(*{'torch', 'onnxruntime', 'onnx', 'cv2', 'skimage', 'requests'} & set(sys.modules))\n"
            "print(*[name for name in sys.modules if name.startswith('promptseg.backends')])"
        )
        assert in_a_fresh_interpreter(code) == ""

    def test_no_module_has_the_place_of_a_public_name(self):
        package = Path(promptseg.__file__).parent
        modules = {path.stem for path in package.glob("*.py")} | {path.parent.name for path in package.glob("*/__init__.py")}
        assert modules & set(promptseg.__all__) == set()

    def test_the_folder_of_the_front_end_is_never_imported(self):
        """It has the name of `promptseg.studio`, which is a function: docs/adr/0038."""
        package = Path(promptseg.__file__).parent
        assert not list((package / "studio").glob("*.py"))
        for path in package.rglob("*.py"):
            if "node_modules" in path.parts:  # Packages that build the page.
                continue
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    named = [getattr(node, "module", None) or "", *(alias.name for alias in node.names if isinstance(node, ast.Import))]
                    assert not [name for name in named if re.fullmatch(r"(promptseg\.)?studio(\..*)?", name)], path
