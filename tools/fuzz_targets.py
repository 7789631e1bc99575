"""Fuzz targets of promptseg: every reader of files from outside, with good files that are then changed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from fuzz_arrays import array_targets
from fuzz_evaluations import evaluation_targets
from fuzz_inputs import changed, good, images
from fuzz_onnx import onnx_targets
from fuzz_own_files import own_targets
from fuzz_weights import weights_targets
from PIL import Image

import promptseg as ps
from promptseg.annotation.sources import open_source
from promptseg.datasets.catalog import WRITABLE
from promptseg.datasets.reading import open_dataset
from promptseg.datasets.writing import write
from promptseg.pipeline.config import read_config
from promptseg.testing.fuzzing import Target, mutate_bytes, mutate_png, mutate_text, mutate_zip
from promptseg.testing.fuzzing.mutators import NUMBERS, TEXTS
from promptseg.video.saved_session import SavedSession


def dataset(
    name: str, variant: str | Mapping[str, bytes], place: str, only: str = "", *, own_images: bool = False, **options: Any
) -> Target:
    """Return the target of a dataset reader. What it reads is also written in one of the formats.

    Args:
        name: Name of the target.
        variant: Output variant that gives the good files, or the files.
        place: File or folder of the annotations.
        only: Suffix of the files that are changed; all when empty.
        own_images: Whether the annotations name the folder of the images.
        **options: Options of `open_dataset`. The one that is None is the place of the annotations.
    """

    def make(random: Random) -> dict[str, bytes]:
        files = dict(good(variant) if isinstance(variant, str) else variant)
        chosen = random.choice(sorted(file for file in files if file.endswith(only)))
        files[chosen] = changed(files[chosen], chosen, random)
        files["choice"] = random.choice((*WRITABLE, *["none"] * 9 * len(WRITABLE))).encode()
        return files

    def read(folder: Path) -> None:
        given = {option: folder / place if value is None else value for option, value in options.items()}
        opened = open_dataset(None if own_images else folder / "images", **given)
        found = list(opened.usable([]))
        if (choice := (folder / "choice").read_text()) != "none":
            write(choice, found, folder / "written")

    return Target(name, make, read, images)


def text_target(name: str, file: str, content: str, read: Callable[[Path], object], share: float = 1.0) -> Target:
    """Return the target of one text file, or JSON file by its suffix."""
    return Target(name, lambda random: {file: changed(content.encode(), file, random)}, lambda folder: read(folder / file), images, share)


def encoded_images() -> dict[str, bytes]:
    """Return a small image in the formats that Pillow writes."""
    y, x = np.mgrid[:40, :56]
    image = Image.fromarray(np.stack([x * 4, y * 5, x + y], axis=2).astype(np.uint8))
    found = {}
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM", "TGA", "JPEG2000", "AVIF", "SGI", "PCX", "DIB", "MPO"):
        file = io.BytesIO()
        try:
            image.save(file, kind)
        except (KeyError, OSError):  # A build of Pillow without that format.
            continue
        found[kind] = file.getvalue()
    return found


def image_target() -> Target:
    """Return the target of image files."""
    kinds = encoded_images()

    def make(random: Random) -> dict[str, bytes]:
        kind = random.choice(sorted(kinds))
        mutate = mutate_png if kind == "PNG" else mutate_bytes
        return {"image": mutate(kinds[kind], random)}

    return Target("image files", make, lambda folder: ps.load_image(folder / "image"))


def session_target() -> Target:
    """Return the target of saved video sessions."""
    file = io.BytesIO()
    header = {
        "format": "promptseg video session 1",
        "provenance": {"model": "m", "backend": "b", "version": "1", "weights": {}, "device": "cpu", "fallback_from": []},
        "size": [4, 5],
        "values": {"objects": [1]},
    }
    np.savez(file, **{"session.json": np.frombuffer(json.dumps(header).encode(), np.uint8), "memory": np.zeros((3, 4), np.float32)})
    content = file.getvalue()
    return Target(
        "saved sessions", lambda random: {"s.npz": mutate_zip(content, random)}, lambda folder: SavedSession.read(folder / "s.npz")
    )


def _number(random: Random) -> Any:
    return random.choice((*NUMBERS, *NUMBERS, random.uniform(-50, 80), random.randrange(70), random.choice(TEXTS), None, True, [1], 1j))


def value_target() -> Target:
    """Return the target of prompts and masks that are made from values."""

    def make(random: Random) -> dict[str, bytes]:
        return {"seed": str(random.random()).encode()}

    def read(folder: Path) -> None:
        random = Random((folder / "seed").read_text())
        numbers = [_number(random) if random.random() < 0.4 else random.uniform(-5, 70) for _ in range(12)]
        size: Any = (48, 64) if random.random() < 0.8 else (_number(random), _number(random))
        kind = random.randrange(10)
        if kind == 0:
            ps.Prompt.point(*numbers[: random.randrange(2, 4)])
        elif kind == 1:
            ps.Prompt.box(*numbers[:4])
        elif kind == 2:
            ps.Prompt.points([numbers[:2], numbers[2:4]], numbers[4:6])
        elif kind == 3:
            ps.Prompt.everything(**{random.choice(_EVERYTHING): _number(random)}).grid()
        elif kind == 4:
            ps.Prompt.text(*(random.choice(TEXTS) for _ in range(random.randrange(3))))
        elif kind <= 7:
            mask = ps.Mask.from_polygons([numbers[: random.randrange(4, 13)]], size)
            _use(mask)
        elif kind == 8:
            counts = random.choice(([*numbers[:4]], "".join(chr(random.randrange(40, 120)) for _ in range(random.randrange(30))), b"\xff"))
            _use(ps.Mask.from_coco_rle({"size": list(size), "counts": counts}))
        else:
            good_mask = ps.Mask.from_array(np.eye(48, 64, dtype=bool)).to_coco_rle()
            text = mutate_text(good_mask["counts"], random)
            _use(ps.Mask.from_coco_rle({**good_mask, "counts": text}))

    return Target("prompts and masks", make, read)


_EVERYTHING = ("points_per_side", "crop_n_layers", "pred_iou_thresh", "stability_score_thresh", "box_nms_thresh", "min_mask_region_area")


def _use(mask: ps.Mask) -> None:
    if mask.size[0] * mask.size[1] < 1 << 22:
        mask.array.sum()
    mask.box.sum()
    mask.crop()
    if mask.iou(mask) not in (0.0, 1.0):
        raise AssertionError("a mask has an IoU of 1 with itself")


LABEL_STUDIO = [
    {
        "id": 1,
        "data": {"image": "/data/upload/1/0a1b2c3d-a.png"},
        "annotations": [
            {
                "id": 3,
                "result": [
                    {"id": "p", "type": "polygonlabels", "original_width": 16, "original_height": 12, "image_rotation": 0, "from_name": "l",
                     "to_name": "i", "value": {"points": [[10, 10], [50, 10], [50, 50]], "closed": True, "polygonlabels": ["cat"]}},
                    {"id": "r", "type": "rectanglelabels", "original_width": 16, "original_height": 12, "from_name": "l", "to_name": "i",
                     "value": {"x": 10, "y": 20, "width": 40, "height": 30, "rotation": 15, "rectanglelabels": ["dog"]}},
                    {"id": "e", "type": "ellipselabels", "original_width": 16, "original_height": 12, "from_name": "l", "to_name": "i",
                     "value": {"x": 50, "y": 50, "radiusX": 20, "radiusY": 10, "rotation": 0, "ellipselabels": ["dog"]}},
                    {"id": "k", "type": "keypointlabels", "value": {"x": 1, "y": 2, "width": 0.5, "keypointlabels": ["dog"]}},
                ],
            }
        ],
    }
]  # fmt: skip

LABELME = {
    "version": "5.5.0",
    "flags": {},
    "shapes": [
        {"label": "cat", "points": [[1, 1], [9, 1], [9, 8]], "group_id": 1, "shape_type": "polygon", "flags": {}},
        {"label": "cat", "points": [[2, 2], [7, 9]], "group_id": None, "shape_type": "rectangle", "flags": {}},
        {"label": "dog", "points": [[6, 6], [8, 6]], "group_id": None, "shape_type": "circle", "flags": {}},
        {"label": "dog", "points": [[6, 6], [8, 6]], "group_id": None, "shape_type": "line", "flags": {}},
    ],
    "imagePath": "../images/a.png",
    "imageData": None,
    "imageHeight": 12,
    "imageWidth": 16,
}

CVAT = """<annotations><version>1.1</version><meta><task><labels><label><name>cat</name></label></labels></task></meta>
<image id="0" name="a.png" width="16" height="12"><polygon label="cat" points="1.5,1;9,1;9,8" group_id="1" z_order="0"/>
<box label="cat" xtl="1" ytl="2" xbr="8" ybr="9" rotation="30"/><ellipse label="cat" cx="5" cy="5" rx="3" ry="2" rotation="10"/>
<mask label="cat" rle="1, 4, 1" left="1" top="1" width="3" height="2"><attribute name="score">0.5</attribute></mask>
</image></annotations>"""

_BOX = {"category_id": 3, "bbox": [1, 1, 8, 7]}
COCO = {
    "info": {},
    "images": [{"id": 1, "file_name": "a.png", "width": 16, "height": 12}, {"id": 2, "file_name": "b/c.png", "width": 16, "height": 12}],
    "annotations": [
        {**_BOX, "id": 1, "image_id": 1, "segmentation": [[1, 1, 9, 1, 9, 8, 1, 8]], "iscrowd": 0},
        {**_BOX, "id": 2, "image_id": 1, "segmentation": {"size": [12, 16], "counts": [20, 5, 167]}, "iscrowd": 1},
        {**_BOX, "id": 3, "image_id": 2, "segmentation": [[1, 1, 9, 1, 9, 8], [2, 2, 3, 3, 4, 1]], "score": 0.5},
    ],
    "categories": [{"id": 3, "name": "cat", "supercategory": "animal"}, {"id": 4, "name": "dog"}],
}

YOLO = b"0 0.1 0.1 0.5 0.1 0.5 0.5\n1 0.5 0.5 0.2 0.2 0.9\n"
TABLE = "image,x0,y0,x1,y1,x,y,foreground,label,object\na.png,1,2,9,8,,,,cat,1\na.png,,,,,4,5,1,cat,1\nb/c.png,1,1,5,5,,,,dog,\n"
CONFIG = """\
segment:
  model: mini-sam
  options: {selection: best}
detect:
  model: yolov8n
  threshold: 0.3
device: cpu
"""


def _source(path: Path) -> list[object]:
    return list(open_source(path, path.parent / "images"))


def targets() -> list[Target]:
    """Return all targets."""
    labelme = {"labelme/a.json": json.dumps(LABELME).encode()}
    yolo = {"data.yaml": b"path: .\ntrain: images\nval: [images]\nnames: [cat, dog]\n", "labels/a.txt": YOLO}
    return [
        dataset("coco", {"c.json": json.dumps(COCO).encode()}, "c.json", coco=None),
        dataset("coco with fit", {"c.json": json.dumps(COCO).encode()}, "c.json", coco=None, fit=True, crowds=True, boxes=True),
        dataset("coco as written", "coco", "coco.json", coco=None),
        dataset("labelme", labelme, "labelme", labelme=None),
        dataset("labelme as written", "labelme", "labelme", only=".json", labelme=None),
        dataset("yolo", "yolo-seg", "yolo-seg/labels", only=".txt", yolo=None),
        dataset("yolo data.yaml", yolo, "data.yaml", only=".yaml", own_images=True, yolo=None, boxes=True),
        dataset("voc xml", "voc", "voc", only=".xml", voc=None, boxes=True),
        dataset("voc masks", "voc", "voc", only=".png", voc=None),
        dataset("cvat", {"c.xml": CVAT.encode()}, "c.xml", cvat=None, boxes=True),
        dataset("cvat as written", "cvat", "cvat.xml", cvat=None),
        dataset("label studio", {"l.json": json.dumps(LABEL_STUDIO).encode()}, "l.json", label_studio=None),
        dataset("label studio as written", "label-studio", "label-studio.json", only=".json", label_studio=None),
        dataset("geojson", "geojson", "geojson", only=".geojson", geojson=None),
        dataset("parquet", "parquet", "masks.parquet", parquet=None),
        dataset("mask table", "palette", "palette", only=".csv", masks=None),
        dataset("masks", {name: content for name, content in good("labels").items() if name.endswith(".png")}, "labels", masks=None),
        text_target("table of prompts", "t.csv", TABLE, _source),
        text_target("list of images", "l.txt", "images/a.png\nimages/b/c.png\n", _source),
        text_target("coco boxes", "c.json", json.dumps(COCO), _source),
        text_target("configuration", "c.yaml", CONFIG, read_config),
        image_target(),
        session_target(),
        value_target(),
        *own_targets(),
        *evaluation_targets(),
        *array_targets(),
        *onnx_targets(),
        *weights_targets(),
    ]


def single_files() -> dict[str, tuple[str, bytes, Callable[[Path], object]]]:
    """Return readers of one file, by name: its path, its good content, and the function that reads its folder."""

    def usable(**options: Any) -> Callable[[Path], object]:
        return lambda folder: list(open_dataset(folder / "images", **{name: folder / place for name, place in options.items()}).usable([]))

    return {
        "coco": ("c.json", json.dumps(COCO).encode(), usable(coco="c.json")),
        "labelme": ("labelme/a.json", json.dumps(LABELME).encode(), usable(labelme="labelme")),
        "yolo": ("labels/a.txt", YOLO, usable(yolo="labels")),
        "cvat": ("c.xml", CVAT.encode(), usable(cvat="c.xml")),
        "label studio": ("l.json", json.dumps(LABEL_STUDIO).encode(), usable(label_studio="l.json")),
        "geojson": ("g/a.geojson", good("geojson")["geojson/a.geojson"], usable(geojson="g")),
        "table of prompts": ("t.csv", TABLE.encode(), lambda folder: _source(folder / "t.csv")),
        "coco boxes": ("c.json", json.dumps(COCO).encode(), lambda folder: _source(folder / "c.json")),
        "configuration": ("c.yaml", CONFIG.encode(), lambda folder: read_config(folder / "c.yaml")),
    }
