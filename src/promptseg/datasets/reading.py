"""A dataset from folders and files, whichever format they are in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ConfigError, nearest
from .catalog import READABLE, READERS
from .core import Dataset
from .descriptor import Place, check_options
from .mask_files import MaskKind


def open_dataset(
    images: Place | None = None,
    *,
    masks: Place | None = None,
    coco: Place | None = None,
    labelme: Place | None = None,
    yolo: Place | None = None,
    davis: Place | None = None,
    voc: Place | None = None,
    cvat: Place | None = None,
    label_studio: Place | None = None,
    geojson: Place | None = None,
    parquet: Place | None = None,
    mask_folders: Place | None = None,
    mask_kind: MaskKind = "auto",
    names: Place | None = None,
    boxes: bool = False,
) -> Dataset:
    """Open images with their objects; exactly one of the arguments named after formats says where the objects are.

    Args:
        images: Folder of the images; LabelMe files know theirs, and DAVIS and VOC folders have them.
        masks: Folder of mask images, for `promptseg.datasets.formats.folders.read_folders`, or with a table of them that promptseg wrote.
        coco: COCO file of instances.
        labelme: Folder of LabelMe files.
        yolo: Folder of YOLO text files.
        davis: Folder with ``JPEGImages`` and ``Annotations``.
        voc: Folder with ``Annotations`` and ``SegmentationObject``.
        cvat: XML file of CVAT for images.
        label_studio: JSON file of Label Studio.
        geojson: Folder of GeoJSON files.
        parquet: Parquet table of masks.
        mask_folders: Folder with a folder of mask images for each image.
        mask_kind: What the mask images of `masks` are.
        names: YAML file with the names of YOLO's classes.
        boxes: Read objects of YOLO, VOC and CVAT that are boxes alone as these boxes, filled, rather than skip them.

    Raises:
        ConfigError: No format is given, or several are; an option does not go with the format; or the folder of images is missing.
        InputError: They cannot be read.
    """
    places = {
        "masks": masks,
        "coco": coco,
        "labelme": labelme,
        "yolo": yolo,
        "davis": davis,
        "voc": voc,
        "cvat": cvat,
        "label-studio": label_studio,
        "geojson": geojson,
        "parquet": parquet,
        "mask-folders": mask_folders,
    }
    given = {name: place for name, place in places.items() if place is not None}
    if len(given) != 1:
        raise ConfigError(f"the truth is one of {', '.join(READABLE)}; got {' and '.join(given) or 'none of them'}")
    ((name, place),) = given.items()
    return _open(name, place, images, {"mask_kind": mask_kind, "names": names, "boxes": boxes})


def open_named(place: str, images: Place | None = None, *, names: Place | None = None, boxes: bool = False) -> Dataset:
    """Open a dataset by a text such as ``"coco=annotations.json"``.

    Args:
        place: A format, one of `promptseg.datasets.catalog.READABLE`, then ``=`` and the file or folder.
        images: Folder of the images.
        names: YAML file with the names of YOLO's classes.
        boxes: Read objects that are boxes alone as these boxes, filled.

    Raises:
        ConfigError: The text is not of this form, an option does not go with the format, or the folder of images is missing.
        InputError: The annotations cannot be read.
    """
    name, sign, path = place.partition("=")
    if name not in READABLE or not sign or not path:
        raise ConfigError(f"annotations are FORMAT=PATH with a format of {', '.join(READABLE)}; got {place!r}.{nearest(name, READABLE)}")
    return _open(name, path, images, {"names": names, "boxes": boxes})


def _open(name: str, place: Place, images: Place | None, options: Mapping[str, Any]) -> Dataset:
    """Read a format with the options of `options` that are not at their defaults."""
    reader = READERS[name]
    given = {option: value for option, value in options.items() if value != _DEFAULTS[option]}
    check_options(name, given, reader.options, {other: each.options for other, each in READERS.items()})
    if images is None and reader.images == "required":
        raise ConfigError(f"{name} needs the folder of the images as well")
    return reader.read(images, place, **given)


_DEFAULTS = {name: option.default for reader in READERS.values() for name, option in reader.options.items()}
