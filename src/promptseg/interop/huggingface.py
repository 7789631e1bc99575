"""Conversion of results to datasets of Hugging Face `datasets`, and of their rows to masks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import InputError, shown
from ..masks import Mask, Masks
from ..results import Result
from .packages import import_package


def to_datasets(results: Iterable[Result]) -> Any:
    """Return a `datasets.Dataset` with one row for each result.

    Its columns are `image`, `source`, `height`, `width` and `objects`. `image` is the file of the result if there is one, else its pixels,
    else None. `objects` is a list with `bbox` (x, y, width, height in pixels), `area`, `label`, `score` and `counts` (the mask as
    compressed COCO RLE).

    Raises:
        MissingDependencyError: datasets is not installed.
    """
    datasets = import_package("datasets")
    number, text = datasets.Value("int64"), datasets.Value("string")
    objects = {"bbox": [datasets.Value("float32")], "area": number, "label": text, "score": datasets.Value("float64"), "counts": text}
    features = datasets.Features({"image": datasets.Image(), "source": text, "height": number, "width": number, "objects": [objects]})
    return datasets.Dataset.from_list([_row(result) for result in results], features=features)


def from_datasets(row: Mapping[str, Any]) -> Masks:
    """Return the masks of a row of a dataset that `to_datasets` has made.

    Raises:
        InputError: The row lacks a column, or the RLE of a mask does not fit the size of the image.
    """
    try:
        size = (int(row["height"]), int(row["width"]))
        masks = [
            Mask.from_coco_rle({"size": size, "counts": each["counts"]}, score=each["score"], label=each["label"])
            for each in row["objects"]
        ]
    except (KeyError, TypeError) as error:
        raise InputError(f"expected a row with height, width and objects that have counts, score and label: {shown(error)}") from error
    return Masks(masks, size)


def _row(result: Result) -> dict[str, Any]:
    image: object = None
    if result.source is not None and Path(result.source).is_file():
        image = str(Path(result.source).absolute())
    elif result.image is not None:
        image = Image.fromarray(result.image)
    height, width = result.size
    return {"image": image, "source": result.source, "height": height, "width": width, "objects": [_object(mask) for mask in result.masks]}


def _object(mask: Mask) -> dict[str, Any]:
    left, top, right, bottom = mask.box.tolist()
    return {
        "bbox": [left, top, right - left, bottom - top],
        "area": mask.area,
        "label": mask.label,
        "score": mask.score,
        "counts": mask.counts.decode("ascii"),
    }
