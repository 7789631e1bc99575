"""A dataset from folders and files, whichever format they are in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigError, nearest
from .core import Dataset
from .formats.coco import read_coco
from .formats.cvat import read_cvat
from .formats.folders import read_davis, read_folders
from .formats.geojson import read_geojson
from .formats.label_studio import read_label_studio
from .formats.labelme import read_labelme
from .formats.mask_images import TABLE, read_pictures
from .formats.parquet import read_parquet
from .formats.voc import read_voc
from .formats.yolo import read_yolo
from .mask_files import MaskKind

READABLE = ("masks", "coco", "labelme", "yolo", "davis", "voc", "cvat", "label-studio", "geojson", "parquet", "mask-folders")
"""What `open_dataset` can read, as the command line names it; its arguments have ``_`` for ``-``."""


def open_dataset(
    images: str | os.PathLike[str] | None = None,
    *,
    masks: str | os.PathLike[str] | None = None,
    coco: str | os.PathLike[str] | None = None,
    labelme: str | os.PathLike[str] | None = None,
    yolo: str | os.PathLike[str] | None = None,
    davis: str | os.PathLike[str] | None = None,
    voc: str | os.PathLike[str] | None = None,
    cvat: str | os.PathLike[str] | None = None,
    label_studio: str | os.PathLike[str] | None = None,
    geojson: str | os.PathLike[str] | None = None,
    parquet: str | os.PathLike[str] | None = None,
    mask_folders: str | os.PathLike[str] | None = None,
    mask_kind: MaskKind = "auto",
    names: str | os.PathLike[str] | None = None,
    boxes: bool = False,
) -> Dataset:
    """Images with their objects; exactly one of the arguments named after formats says where these are.

    Args:
        images: Folder of the images; LabelMe files know theirs, and DAVIS and VOC folders have them.
        masks: Folder of mask pictures, for `promptseg.datasets.formats.folders.read_folders`, or with a table of them that promptseg wrote.
        coco: COCO file of instances.
        labelme: Folder of LabelMe files.
        yolo: Folder of YOLO's text files.
        davis: Folder with ``JPEGImages`` and ``Annotations``.
        voc: Folder with ``Annotations`` and ``SegmentationObject``.
        cvat: File of CVAT for images.
        label_studio: JSON file of Label Studio.
        geojson: Folder of GeoJSON files.
        parquet: Table of masks.
        mask_folders: Folder with a folder of pictures for each image, one a mask.
        mask_kind: What the pictures of `masks` are.
        names: YAML file with the names of YOLO's classes.
        boxes: Read objects of YOLO, VOC and CVAT that are boxes alone as these boxes, filled, rather than skip them.

    Raises:
        ConfigError: None of them is given, several are, or the folder of images is missing.
        InputError: They cannot be read.
    """
    places = (masks, coco, labelme, yolo, davis, voc, cvat, label_studio, geojson, parquet, mask_folders)
    truths: Mapping[str, str | os.PathLike[str]] = {name: value for name, value in zip(READABLE, places, strict=True) if value is not None}
    if len(truths) != 1:
        raise ConfigError(f"the truth is one of {', '.join(READABLE)}; got {' and '.join(truths) or 'none of them'}")
    ((kind, place),) = truths.items()
    if kind == "davis":
        return read_davis(place)
    if kind == "labelme":
        return read_labelme(place, images)
    if kind == "voc":
        return read_voc(place, images, boxes=boxes)
    if images is None:
        raise ConfigError(f"{kind} needs the folder of the images as well")
    if kind == "masks":
        return read_pictures(images, place) if (Path(place) / TABLE).is_file() else read_folders(images, place, mask_kind)
    if kind == "yolo":
        return read_yolo(images, place, names, boxes=boxes)
    if kind == "cvat":
        return read_cvat(images, place, boxes=boxes)
    readers = {
        "coco": read_coco,
        "label-studio": read_label_studio,
        "geojson": read_geojson,
        "parquet": read_parquet,
        "mask-folders": read_pictures,
    }
    return readers[kind](images, place)


def open_named(
    place: str, images: str | os.PathLike[str] | None = None, *, names: str | os.PathLike[str] | None = None, boxes: bool = False
) -> Dataset:
    """`open_dataset` by a text such as ``"coco=annotations.json"``.

    Args:
        place: One of `READABLE`, ``=`` and the file or folder.
        images: Folder of the images.
        names: YAML file with the names of YOLO's classes.
        boxes: Read objects that are boxes alone as these boxes, filled.

    Raises:
        ConfigError: The text is not of this form, or the folder of images is missing.
        InputError: The annotations cannot be read.
    """
    kind, sign, path = place.partition("=")
    if kind not in READABLE or not sign or not path:
        raise ConfigError(f"annotations are FORMAT=PATH with a format of {', '.join(READABLE)}; got {place!r}.{nearest(kind, READABLE)}")
    given: dict[str, Any] = {kind.replace("-", "_"): path}
    return open_dataset(images, names=names, boxes=boxes, **given)
