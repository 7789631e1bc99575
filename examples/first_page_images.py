"""Make the three images of the first page: ``make images``, or ``python examples/first_page_images.py``.

The image is the sample of the package (by Rachel Michetti, CC0 1.0). The masks are those of mini-sam. The phrases of ``text.png`` are found
by YOLOv8n, which is not part of promptseg. It needs torch and ultralytics (AGPL-3.0), and its weights are fetched at first use.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from PIL import Image

import promptseg as ps
from promptseg.samples import coffee

FOLDER = Path(__file__).parents[1] / "docs" / "images"

SPOON = ps.Prompt.box(322, 62, 430, 330)
COFFEE = ps.Prompt.point(290, 160) + ps.Prompt.point(190, 130, foreground=False)
MOST_BYTES = 350_000


def main() -> None:
    """Segment the sample image in three ways, and save the overlays."""
    parser = argparse.ArgumentParser(description="Make box.png, everything.png and text.png.")
    parser.add_argument("--detector", default="yolov8n", metavar="NAME[=WEIGHTS]", help="Detector of the phrases in text.png.")
    parser.add_argument("--out", type=Path, default=FOLDER, help="Folder of the images.")
    options = parser.parse_args()
    image = coffee()
    segment = ps.Pipeline().segment("mini-sam").clean(min_area=150, min_island=500, fill_holes=300).build()
    find = ps.Pipeline().detect(options.detector, threshold=0.1).segment("mini-sam").clean(min_island=2000, fill_holes=100).build()
    save(segment(image, SPOON, COFFEE).overlay(), options.out / "box.png")
    save(segment(image, ps.Prompt.everything()).overlay(), options.out / "everything.png")
    save(find(image, ps.Prompt.text("cup", "spoon")).overlay(), options.out / "text.png")


def save(image: Image.Image, path: Path) -> None:
    """Write a PNG file with values rounded to 6 bits, which makes it a third smaller."""
    file = io.BytesIO()
    image.point(lambda value: value & 0xFC).save(file, "PNG", optimize=True)
    if file.tell() > MOST_BYTES:
        raise SystemExit(f"{path} would have {file.tell()} bytes, more than {MOST_BYTES}")
    path.write_bytes(file.getvalue())
    print(f"{path}: {image.width} x {image.height}, {file.tell()} bytes")


if __name__ == "__main__":
    main()
