"""Options of annotated datasets that several commands share, and the dataset that they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from ..datasets.catalog import READABLE
from ..datasets.mask_image_reading import MaskKind
from . import completion
from .output import usage_error

if TYPE_CHECKING:
    from ..datasets.core import Dataset

MASK_KINDS = get_args(MaskKind)

TruthOption = Annotated[
    str | None,
    typer.Option(
        "--truth",
        metavar="FORMAT=PATH",
        autocompletion=completion.one_of(f"{name}=" for name in READABLE),
        help="Their objects in any format that can be read: voc=, cvat=, geojson=, …",
    ),
]
MaskKindOption = Annotated[
    str,
    typer.Option(
        metavar="NAME", autocompletion=completion.one_of(MASK_KINDS), help="Kind of the mask images of --masks: auto, binary or labels."
    ),
]
NamesOption = Annotated[
    Path | None,
    typer.Option("--names", metavar="FILE", help="The class names of a YOLO dataset, as data.yaml or a text file with one name a line."),
]
BoxesOption = Annotated[bool, typer.Option("--boxes", help="Read objects that have only a box as the filled box.")]
CrowdsOption = Annotated[bool, typer.Option("--crowds", help="Read crowds of COCO as objects, instead of regions to ignore.")]
FitOption = Annotated[
    bool,
    typer.Option("--fit", help="Fit annotations that were made at another size of the image, or before its EXIF orientation was applied."),
]


def open_truth(
    images: Path | None,
    truth: str | None,
    *,
    masks: Path | None,
    coco: Path | None,
    labelme: Path | None,
    yolo: Path | None,
    davis: Path | None,
    mask_kind: str,
    names: Path | None,
    boxes: bool,
    crowds: bool,
    fit: bool,
) -> Dataset:
    """Return the dataset that the options name.

    Args:
        images: Folder of the images.
        truth: Format and place of the annotations, in place of an option for the format.
        masks: Folder of mask images.
        coco: COCO file.
        labelme: Folder of LabelMe files.
        yolo: Folder of YOLO text files.
        davis: DAVIS folder.
        mask_kind: Kind of the mask images.
        names: File with the class names of a YOLO dataset.
        boxes: Whether boxes are read as filled boxes.
        crowds: Whether crowds are read as objects.
        fit: Whether annotations are fitted to the size of their image.

    Raises:
        typer.Exit: When both `truth` and an option for a format are given.
        PromptSegError: When the dataset cannot be read.
    """
    # Imported here, because commands without annotations share the module of options.
    from ..datasets.mask_image_reading import mask_kind as parse_mask_kind
    from ..datasets.reading import open_dataset, open_named

    if truth is None:
        return open_dataset(
            images,
            masks=masks,
            coco=coco,
            labelme=labelme,
            yolo=yolo,
            davis=davis,
            mask_kind=parse_mask_kind(mask_kind),
            names=names,
            boxes=boxes,
            crowds=crowds,
            fit=fit,
        )
    if any((masks, coco, labelme, yolo, davis)):
        raise usage_error("--truth replaces --masks, --coco, --labelme, --yolo and --davis: give only one of them")
    return open_named(truth, images, names=names, boxes=boxes, crowds=crowds, fit=fit)
