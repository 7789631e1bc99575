"""Run the Python of the quickstart, and take the images that it saves as those that the page shows: ``make notebooks``.

An image ``../images/quickstart/NAME.jpg`` of the page is the file ``NAME.png`` that its code saves. The block with a detector, whose
weights are not fetched for this, is left out.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from pathlib import Path

from PIL import Image

from promptseg.samples import coffee

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "start" / "quickstart.md"
FOLDER = DOCS / "images" / "quickstart"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
IMAGE = re.compile(r"\]\(\.\./images/quickstart/([\w-]+)\.jpg\)")


def main() -> None:
    """Run the page in an empty folder, and write its images."""
    text = PAGE.read_text("utf-8")
    FOLDER.mkdir(parents=True, exist_ok=True)
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as work, contextlib.ExitStack() as stack:
        os.chdir(work)
        stack.callback(os.chdir, here)
        Image.fromarray(coffee()).save("photo.jpg", quality=95)
        namespace: dict[str, object] = {"__name__": "page"}
        for code in BLOCK.findall(text):
            if "d-fine-n" not in code:
                exec(compile(code, str(PAGE), "exec"), namespace)  # The page of this project.
        for name in IMAGE.findall(text):
            with Image.open(f"{name}.png") as image:
                image.convert("RGB").save(FOLDER / f"{name}.jpg", quality=85, optimize=True)
            print(FOLDER / f"{name}.jpg")


if __name__ == "__main__":
    main()
