"""Results as a dataset of Hugging Face's `datasets`, and the masks of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import InputError
from ..masks import Mask, Masks, Size
from ..results import Result
from .needed import needed


def to_datasets(results: Iterable[Result]) -> Any:
    """A `datasets.Dataset` with a row for each result.

    Its columns are `image` (the file, where the result came from one, else its pixels; None where there is neither), `source`, `height`,
    `width` and `objects`, a list with `bbox` (x, y, width, height in pixels), `area`, `label`, `score` and `counts`, the compressed COCO
    run lengths of the mask.

    Raises:
        MissingDependencyError: datasets is not installed.
    """
    datasets = needed("datasets")
    number, text = datasets.Value("int64"), datasets.Value("string")
    objects = {"bbox": [datasets.Value("float32")], "area": number, "label": text, "score": datasets.Value("float64"), "counts": text}
    features = datasets.Features({"image": datasets.Image(), "source": text, "height": number, "width": number, "objects": [objects]})
    return datasets.Dataset.from_list([_row(result) for result in results], features=features)


def from_datasets(row: Mapping[str, Any]) -> Masks:
    """The masks of a row of such a dataset.

    Raises:
        InputError: The row lacks a column, or its run lengths are not of its size.
    """
    try:
        size = (int(row["height"]), int(row["width"]))
        masks = [
            Mask.from_coco_rle({"size": size, "counts": each["counts"]}, score=each["score"], label=each["label"])
            for each in row["objects"]
        ]
    except (KeyError, TypeError) as error:
        raise InputError(f"a row of masks has height, width and objects with counts, score and label: {error!r}") from error
    return Masks(masks, size)


def _row(result: Result) -> dict[str, Any]:
    image: object = None
    if result.source is not None and Path(result.source).is_file():
        image = str(Path(result.source).absolute())
    elif result.image is not None:
        image = Image.fromarray(result.image)
    height, width = result.size
    return {"image": image, "source": result.source, "height": height, "width": width, "objects": [_object(mask) for mask in result.masks]}


def _mask(each: Mapping[str, Any], size: Size) -> Mask:
    return Mask.from_coco_rle({"size": size, "counts": each["counts"]}, score=each["score"], label=each["label"])


def _object(mask: Mask) -> dict[str, Any]:
    left, top, right, bottom = mask.box.tolist()
    return {
        "bbox": [left, top, right - left, bottom - top],
        "area": mask.area,
        "label": mask.label,
        "score": mask.score,
        "counts": mask.counts.decode("ascii"),
    }
