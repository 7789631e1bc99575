"""The notebooks of the documentation run, their pages show what they hold, and the images of the quickstart are those of its code."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from promptseg import load_image

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "notebooks"
NOTEBOOKS = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
IMAGE = re.compile(r"(?:\]\(|src=\")([\w./-]+\.jpg)")


def cells(name, kind):
    content = json.loads((FOLDER / f"{name}.ipynb").read_text("utf-8"))
    return [cell for cell in content["cells"] if cell["cell_type"] == kind]


def code_of(page):
    return re.findall(r"^```python\n(.*?)\n```$", page, re.DOTALL | re.MULTILINE)


def test_there_is_a_notebook_for_each_kind_of_reader():
    assert NOTEBOOKS == ["dataset", "first-masks", "pipelines"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_kept_without_outputs(name):
    for cell in cells(name, "code"):
        assert (cell["outputs"], cell["execution_count"]) == ([], None)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_page_has_the_text_and_the_code_of_its_notebook_and_images_that_exist(name):
    page = (FOLDER / f"{name}.md").read_text("utf-8")
    assert code_of(page) == ["".join(cell["source"]) for cell in cells(name, "code")], "run `make notebooks`"
    for cell in cells(name, "markdown")[1:]:
        assert "".join(cell["source"]) in page, "run `make notebooks`"
    shown = IMAGE.findall(page)
    assert shown
    assert sorted(shown) == sorted(f"images/{path.name}" for path in (FOLDER / "images").glob(f"{name}-*.jpg"))


@pytest.mark.weights
@pytest.mark.slow
def test_the_notebooks_run_and_show_images(mini_sam, tmp_path):
    for package in ("anywidget", "nbclient", "ipykernel"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    command = [sys.executable, ROOT / "tools" / "notebook_pages.py", "--out", tmp_path]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    for name in NOTEBOOKS:
        made, kept = ((folder / f"{name}.md").read_text("utf-8") for folder in (tmp_path, FOLDER))
        assert code_of(made) == code_of(kept)
        assert IMAGE.findall(made) == IMAGE.findall(kept)
        for image in IMAGE.findall(made):
            assert load_image(tmp_path / image).std() > 10  # It is not blank.


def test_the_images_of_the_quickstart_are_saved_by_its_code():
    page = (ROOT / "docs" / "start" / "quickstart.md").read_text("utf-8")
    names = [Path(image).stem for image in IMAGE.findall(page)]
    assert len(names) >= 5
    for name in names:
        assert any(f'"{name}.png"' in code for code in code_of(page)), f"no code of the page saves {name}.png"
        assert (ROOT / "docs" / "images" / "quickstart" / f"{name}.jpg").exists(), "run `make notebooks`"
