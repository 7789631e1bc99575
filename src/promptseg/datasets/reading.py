"""Reading of datasets in any supported format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigError, InputError, nearest
from .catalog import READABLE, READERS
from .core import Dataset
from .descriptor import Place, check_options
from .mask_image_reading import MaskKind


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
    promptseg: Place | None = None,
    mask_kind: MaskKind = "auto",
    names: Place | None = None,
    boxes: bool = False,
    crowds: bool = False,
    fit: bool = False,
) -> Dataset:
    """Open a dataset. Exactly one argument that is named after a format gives the place of the annotations.

    Args:
        images: Folder of the images. Not needed for DAVIS and VOC folders, which contain them, and
            for LabelMe files and results of promptseg, which name them.
        masks: Folder of mask images with the names of the images, or with a table ``objects.csv`` that promptseg wrote.
        coco: COCO instances file.
        labelme: Folder of LabelMe files.
        yolo: Folder of YOLO text files.
        davis: Folder with ``JPEGImages`` and ``Annotations``.
        voc: Folder with ``Annotations`` and ``SegmentationObject``.
        cvat: XML file of CVAT for images.
        label_studio: JSON file of Label Studio.
        geojson: Folder of GeoJSON files.
        parquet: Parquet table of masks.
        mask_folders: Folder with a folder of mask images for each image.
        promptseg: JSON file of ``promptseg segment``, or a folder of them.
        mask_kind: Kind of the mask images in `masks`: ``"auto"``, ``"binary"`` or ``"labels"``.
        names: YAML file with the class names of the YOLO dataset.
        boxes: Read objects of COCO, YOLO, VOC and CVAT that have only a box as the filled box, instead of skipping them.
        crowds: Read crowds of COCO as objects, instead of regions to ignore.
        fit: Fit annotations that were made on the image at another size, or before its EXIF orientation was applied. Without it, such
            images are refused with a finding of kind ``"size"``.

    Raises:
        ConfigError: When not exactly one format is given, the format does not have an option, or `images` is missing.
        InputError: When the annotations cannot be read, or `images` has none of the images that they name.
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
        "promptseg": promptseg,
    }
    given = {name: place for name, place in places.items() if place is not None}
    if len(given) != 1:
        got = " and ".join(given) or "none of them"
        raise ConfigError(f"the annotations are one of {', '.join(READABLE)}; got {got}: give one, such as masks= (--masks FOLDER)")
    ((name, place),) = given.items()
    return _open(name, place, images, {"mask_kind": mask_kind, "names": names, "boxes": boxes, "crowds": crowds, "fit": fit})


def open_named(
    place: str,
    images: Place | None = None,
    *,
    names: Place | None = None,
    boxes: bool = False,
    crowds: bool = False,
    fit: bool = False,
) -> Dataset:
    """Open a dataset from a text such as ``"coco=annotations.json"``.

    Args:
        place: A format of `promptseg.datasets.catalog.READABLE`, then ``=`` and the file or folder of the annotations.
        images: Folder of the images.
        names: YAML file with the class names of the YOLO dataset.
        boxes: Read objects that have only a box as the filled box.
        crowds: Read crowds as objects.
        fit: Fit annotations that were made on the image at another size, or before its EXIF orientation was applied.

    Raises:
        ConfigError: When the text is not of this form, the format does not have an option, or `images` is missing.
        InputError: When the annotations cannot be read, or `images` has none of the images that they name.
    """
    name, sign, path = place.partition("=")
    if name not in READABLE or not sign or not path:
        own = None if sign else "promptseg" if place.endswith("-masks.json") else _BY_SUFFIX.get(Path(place).suffix.lower())
        hint = (
            f" Did you mean '{own}={place}'?" if own else f" Did you mean '{name}=PATH'?" if name in READABLE else nearest(name, READABLE)
        )
        raise ConfigError(f"annotations are FORMAT=PATH with a format of {', '.join(READABLE)}; got {place!r}.{hint}")
    return _open(name, path, images, {"names": names, "boxes": boxes, "crowds": crowds, "fit": fit})


def _open(name: str, place: Place, images: Place | None, options: Mapping[str, Any]) -> Dataset:
    """Read a dataset, passing on the options that differ from their defaults."""
    reader = READERS[name]
    given = {option: value for option, value in options.items() if value != _DEFAULTS[option]}
    check_options(name, given, reader.options, {other: each.options for other, each in READERS.items()})
    if images is None and reader.images == "required":
        raise ConfigError(f"{name} needs the folder of the images as well: give --images FOLDER, in Python images=")
    dataset = reader.read(images, place, **given)
    _check_any_image(dataset, images, place)
    return dataset


def _check_any_image(dataset: Dataset, images: Place | None, place: Place) -> None:
    """Check that a dataset whose annotations name images has at least one of them. Otherwise its folder of images is a wrong one.

    Args:
        dataset: The dataset.
        images: Folder of the images, as it was given.
        place: The annotations, as they were given.

    Raises:
        InputError: When `images` is not a folder, or no image was found for the annotations.
    """
    if images is not None and not Path(images).is_dir():
        raise InputError(f"{images} is not a folder: --images names the folder of the images")
    broken = [finding for finding in dataset.findings if finding.broken]
    if dataset.entries or not broken:
        return
    absent = {each.source for each in broken if each.kind == "unpaired" and (images is None or not _is_file(Path(images, each.source)))}
    if not absent:
        raise InputError(f"{place} has no annotation that can be read: {broken[0]}")
    named = "the image" if len(absent) == 1 else f"none of the {len(absent)} images"
    if images is None:
        raise InputError(f"{named} that {place} names {'is absent' if len(absent) == 1 else 'is there'}: --images names their folder")
    has = f"does not have {named}" if len(absent) == 1 else f"has {named}"
    raise InputError(f"the folder {images} {has} that {place} names: --images names their folder")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # A name from a file may be one that no file can have.
        return False


_BY_SUFFIX = {".json": "coco", ".xml": "cvat", ".parquet": "parquet", ".yaml": "yolo", ".yml": "yolo", ".geojson": "geojson"}
"""The format that a file without a format in front of it probably has."""

_DEFAULTS = {name: option.default for reader in READERS.values() for name, option in reader.options.items()}
