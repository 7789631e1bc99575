"""Run the notebooks of the documentation, and write each as a page with its outputs: ``make notebooks``.

    python tools/notebook_pages.py                                          # all, in place
    python tools/notebook_pages.py --out FOLDER docs/notebooks/dataset.ipynb   # one, elsewhere

The notebooks are kept without outputs. The pages, and the images beside them, are made by this script alone. A notebook runs in an empty
folder, with the Python that runs this script. It needs `nbclient` and `ipykernel`.
"""

from __future__ import annotations

import argparse
import base64
import io
import re
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "notebooks"
INSTALL = "`pip install '.[notebook,npm]' jupyterlab`"
EMBEDDED = re.compile(r'<div><img src="data:image/\w+;base64,([^"]+)"[^>]*></div>')
"""The image of a value. The thumbnails in its table stay in the page."""


class Page:
    """A page of Markdown that is being made of an executed notebook, with its images.

    Args:
        name: Name of the notebook, with which the names of its images begin.
        folder: Folder of the page; the images are written to its folder ``images``.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.parts = [
            f"<!-- Made by tools/notebook_pages.py from {name}.ipynb: change that and run `make notebooks`. -->",
        ]
        self.images = 0

    def add(self, cell: Any) -> None:
        """Add a cell with its outputs: what it printed, then what it showed. Standard error, such as progress, is left out."""
        if cell.cell_type == "markdown":
            text = cell.source
            if text.startswith("# "):
                title, _, rest = text.partition("\n")
                how = f"[Download this notebook]({self.name}.ipynb) and run it: {INSTALL}, then `jupyter lab`."
                text = f"{title}\n\n{how}\n{rest}"
            self.parts.append(text)
            return
        self.parts.append(f"```python\n{cell.source}\n```")
        printed = "".join(output.text for output in cell.outputs if output.output_type == "stream" and output.name == "stdout")
        if printed:
            self.parts.append(_text(printed))
        for output in cell.outputs:
            if output.output_type in ("display_data", "execute_result"):
                self.parts.append(self._shown(output.data))

    def _shown(self, data: Any) -> str:
        if "text/html" in data:
            html = "".join(line.strip() for line in data["text/html"].splitlines())  # Markdown would read indented lines as code.
            parts = EMBEDDED.split(html)  # HTML and images in turn. MkDocs corrects the addresses of images in Markdown alone.
            shown = [self._shown_image(part) if index % 2 else f"<div>{part}</div>" for index, part in enumerate(parts) if part]
            return "\n\n".join(shown)
        if "image/png" in data:
            return self._shown_image(data["image/png"])
        return _text(data["text/plain"])

    def _shown_image(self, encoded: str) -> str:
        """Write an image, as JPEG because it is a tenth of the size, and return the Markdown that shows it."""
        self.images += 1
        path = self.folder / "images" / f"{self.name}-{self.images}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
            image.convert("RGB").save(path, quality=85, optimize=True)
        return f"![Output of the cell above](images/{path.name})"

    def write(self) -> Path:
        """Write the page, and remove images of an earlier one that it does not have any more."""
        for path in (self.folder / "images").glob(f"{self.name}-*.jpg"):
            if int(path.stem.rpartition("-")[2]) > self.images:
                path.unlink()
        path = self.folder / f"{self.name}.md"
        path.write_text("\n\n".join(self.parts) + "\n", "utf-8")
        return path


def _text(text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.strip("\n").split("\n"))
    return f"```text\n{lines}\n```"


def main() -> None:
    """Run notebooks and write their pages."""
    parser = argparse.ArgumentParser(description="Run notebooks and write each as a page.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="Notebooks; all of docs/notebooks by default.")
    parser.add_argument("--out", type=Path, default=FOLDER, help="Folder of the pages.")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for path in options.notebooks or sorted(FOLDER.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as work:
            NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": work}}).execute()
        page = Page(path.stem, options.out)
        for cell in notebook.cells:
            page.add(cell)
        print(f"{page.write()}: {page.images} images")


if __name__ == "__main__":
    main()
