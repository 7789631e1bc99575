"""Loss of each dataset format on real masks: IoU of masks read again with masks written, and bytes a mask.

COCO's objects (polygons and crowds), frames of DAVIS 2016 and the nuclei of one image of the Data Science Bowl 2018.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from common import parser

from promptseg.datasets.catalog import WRITABLE
from promptseg.datasets.core import AnnotatedImage, Dataset
from promptseg.datasets.reading import open_dataset
from promptseg.datasets.writing import write


def datasets(data: Path, folder: Path) -> Iterator[tuple[str, Dataset]]:
    coco = data / "coco_tiny"
    yield "COCO", open_dataset(coco / "val2017", coco=coco / "annotations" / "instances_val2017.json")
    yield "DAVIS 2016", open_dataset(davis=data / "davis2016")
    bowl = data / "dsb2018"
    image = next(bowl.glob("*.png"))
    (folder / "images").mkdir()
    (folder / "images" / image.name).symlink_to(image.resolve())
    (folder / "masks").mkdir()
    (folder / "masks" / image.stem).symlink_to((bowl / "masks").resolve())
    yield "DSB 2018", open_dataset(folder / "images", mask_folders=folder / "masks")


def again(name: str, images: Path | None, out: Path) -> Dataset:
    places = {
        "coco": {"coco": out / "coco.json"},
        "coco-polygons": {"coco": out / "coco-polygons.json"},
        "cvat": {"cvat": out / "cvat.xml"},
        "geojson": {"geojson": out / "geojson"},
        "label-studio": {"label_studio": out / "label-studio.json"},
        "labelme": {"labelme": out / "labelme"},
        "labelme-polygons": {"labelme": out / "labelme-polygons"},
        "parquet": {"parquet": out / "masks.parquet"},
        "voc": {"voc": out / "voc"},
        "yolo": {"yolo": out / "yolo" / "labels", "names": out / "yolo" / "data.yaml", "boxes": True},
        "yolo-seg": {"yolo": out / "yolo-seg" / "labels", "names": out / "yolo-seg" / "data.yaml"},
    }
    return open_dataset(images, **places.get(name, {"masks": out / name}))


def ious(given: list[AnnotatedImage], read: Dataset) -> list[float]:
    """Return the IoU of each mask with the most similar mask that was read for its image."""
    found = {image.name: image for image in read.usable([])}
    values = []
    for image in given:
        own = found[image.name].objects if image.name in found else ()
        values += [max((each.mask.iou(other.mask) for other in own), default=0.0) for each in image.objects]
    return values


def main() -> None:
    options = parser(__doc__).parse_args()
    for title, part in sections(options.shared / "data"):
        print(title)
        print(f"{'format':<18} {'IoU':>7} {'least':>7} {'changed':>8} {'lost':>5} {'bytes/mask':>11} {'ms/mask':>8}")
        for row in part:
            print(row)


def sections(data: Path) -> Iterator[tuple[str, Iterator[str]]]:
    with tempfile.TemporaryDirectory() as folder:
        for title, dataset in datasets(data, Path(folder)):
            given = list(dataset.usable([]))
            yield f"\n{title}: {sum(len(image.objects) for image in given)} masks on {len(given)} images", rows(given)


def rows(given: list[AnnotatedImage]) -> Iterator[str]:
    # An image's folder is its path without its name.
    images = Path(str(given[0].path)[: -len(given[0].name)])
    for name in WRITABLE:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            start = time.process_time()
            report = write(name, given, out)
            spent = time.process_time() - start
            size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file() and not path.is_symlink())
            values = ious(given, again(name, images, out))
            count = max(1, report.masks)
            kept = [value for value in values if value > 0]
            yield (
                f"{name:<18} {sum(kept) / len(kept):>7.4f} {min(kept):>7.4f} {report.changed:>8} {sum(report.lost.values()):>5}"
                f" {size / count:>11,.0f} {1000 * spent / count:>8.2f}"
            )


if __name__ == "__main__":
    main()
