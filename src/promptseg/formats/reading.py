"""A dataset from folders and files, whichever format they are in."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..errors import ConfigError
from .annotated import Dataset
from .coco import read_coco
from .folders import read_davis, read_folders
from .labelme import read_labelme
from .mask_files import MaskKind
from .yolo_seg import read_yolo


def open_dataset(
    images: str | os.PathLike[str] | None = None,
    *,
    masks: str | os.PathLike[str] | None = None,
    coco: str | os.PathLike[str] | None = None,
    labelme: str | os.PathLike[str] | None = None,
    yolo: str | os.PathLike[str] | None = None,
    davis: str | os.PathLike[str] | None = None,
    mask_kind: MaskKind = "auto",
    names: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Images with their true objects; exactly one of `masks`, `coco`, `labelme`, `yolo` and `davis` says where these are.

    Args:
        images: Folder of the images; LabelMe files know theirs, and a DAVIS folder has them.
        masks: Folder of mask pictures, for `promptseg.formats.folders.read_folders`.
        coco: COCO file of instances.
        labelme: Folder of LabelMe files.
        yolo: Folder of YOLO's text files.
        davis: Folder with ``JPEGImages`` and ``Annotations``.
        mask_kind: What the pictures of `masks` are.
        names: YAML file with the names of YOLO's classes.

    Raises:
        ConfigError: None of them is given, several are, or the folder of images is missing.
        InputError: They cannot be read.
    """
    truths: Mapping[str, object] = {"masks": masks, "coco": coco, "labelme": labelme, "yolo": yolo, "davis": davis}
    given = [name for name, value in truths.items() if value is not None]
    if len(given) != 1:
        raise ConfigError(f"the truth is one of {', '.join(truths)}; got {' and '.join(given) or 'none of them'}")
    if davis is not None:
        return read_davis(davis)
    if labelme is not None:
        return read_labelme(labelme, images)
    if images is None:
        raise ConfigError(f"{given[0]} needs the folder of the images as well")
    if masks is not None:
        return read_folders(images, masks, mask_kind)
    return read_coco(images, coco) if coco is not None else read_yolo(images, yolo or "", names)
