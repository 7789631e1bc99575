"""What a value shows: facts, an image and a table. `View` holds them, and one function makes the view of each value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .drawing import MAX_DRAWN, cutout, draw_small, with_rulers

if TYPE_CHECKING:
    from ..detections import Detections
    from ..masks import Mask, Masks, Size
    from ..protocols import Session
    from ..results import FrameMasks, Result

MAX_ROWS = 20
"""Maximum number of rows of a table."""

Cell = str | Image.Image


@dataclass(frozen=True)
class View:
    """What a value shows.

    Attributes:
        title: What the value is, in a few words.
        facts: Further lines of text.
        draw: Function that makes the image, given the maximum length of its longer side in pixels; None if there is no image.
        columns: Names of the columns of the table.
        rows: Rows of the table, at most `MAX_ROWS`.
        count: Number of rows that there are in all.
    """

    title: str
    facts: tuple[str, ...] = ()
    draw: Callable[[int], Image.Image] | None = None
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    count: int = 0


def of_mask(mask: Mask) -> View:
    """Return the view of one mask: its shape on a gray ground."""
    from ..masks import Masks

    facts = [f"label {mask.label}"] if mask.label is not None else []
    facts += [f"score {mask.score:.2f}"] if mask.score is not None else []
    facts += [f"area {area_of(mask)}", f"box {box_of(mask.box)}", f"image {size_of(mask.size)}"]
    return View("mask", (" · ".join(facts),), partial(draw_small, None, Masks([mask])))


def of_masks(masks: Masks) -> View:
    """Return the view of masks without their image: their shapes on a gray ground, and a table."""
    columns, rows = _mask_table(masks)
    note = "" if not len(masks) else " · to see them on the image: masks.overlay(image)"
    return View(_title(masks), (f"image {size_of(masks.size)}{note}",), partial(draw_small, None, masks), columns, rows, len(masks))


def of_frame(frame: FrameMasks) -> View:
    """Return the view of the masks of a video frame: their shapes on a gray ground, and a table with the ids of the objects."""
    columns, rows = _mask_table(frame.masks)
    ids = [str(number) for number in frame.object_ids[:MAX_ROWS]]
    return View(
        f"frame {frame.frame}" + ("" if frame.time is None else f" at {frame.time:.2f} s"),
        (f"{count_of(len(frame.masks), 'object')} · frame {size_of(frame.masks.size)}",),
        partial(draw_small, None, frame.masks),
        ("object", *columns[1:]),
        tuple((number, *row[1:]) for number, row in zip(ids, rows, strict=True)),
        len(frame.masks),
    )


def of_result(result: Result) -> View:
    """Return the view of a result: the image with its masks, and a table."""
    columns, rows = _mask_table(result.masks, result.image)
    facts = [f"image {size_of(result.size)}" if result.source is None else f"{result.source} · {size_of(result.size)}"]
    facts += [" · ".join(f"{by.model} ({by.license}, {by.device})" for by in result.provenance)] if result.provenance else []
    facts += [", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in result.timings.items())] if result.timings else []
    facts += ["dropped detections: " + ", ".join(f"{reason} {count}" for reason, count in result.dropped.items())] if result.dropped else []
    draw = partial(draw_small, result.image, result.masks, detections=result.detections, prompts=result.prompts)
    return View(_title(result.masks), tuple(facts), draw, columns, rows, len(result.masks))


def of_detections(detections: Detections) -> View:
    """Return the view of detections: their boxes on a gray ground, and a table."""
    from ..masks import Masks

    rows = tuple(
        (str(index), label, f"{score:.2f}", box_of(box))
        for index, (label, score, box) in enumerate(
            islice(zip(detections.labels, detections.scores.tolist(), detections.boxes, strict=True), MAX_ROWS)
        )
    )
    return View(
        count_of(len(detections), "detection"),
        (f"image {size_of(detections.size)}",),
        partial(draw_small, None, detections.masks or Masks([], detections.size), detections=detections),
        ("", "label", "score", "box (x0, y0, x1, y1)") if rows else (),
        rows,
        len(detections),
    )


def of_session(session: Session) -> View:
    """Return the view of a session: its image with rulers, the model, and how long the image took."""
    by = session.provenance
    spent = ", ".join(
        f"{'taken from the cache' if stage == 'cache' else stage} {seconds:.2f} s" for stage, seconds in session.timings.items()
    )
    facts = [f"{size_of(session.size)} · {by.model} ({by.license}, {by.device})" + (f" · {spent}" if spent else "")]
    return View("open image, ready for prompts", tuple(facts), partial(with_rulers, session.image))


def count_of(count: int, what: str) -> str:
    """Return a number with its noun, such as ``"2 masks"``."""
    return f"{count} {what}" + ("" if count == 1 else "s")


def _title(masks: Masks) -> str:
    """Return the number of masks, and how many of them the image shows if not all."""
    return count_of(len(masks), "mask") + (f", the {MAX_DRAWN} largest are drawn" if len(masks) > MAX_DRAWN else "")


def size_of(size: Size) -> str:
    """Return a size in words: numbers alone leave open which is which."""
    return f"{size[1]} wide, {size[0]} high"


def area_of(mask: Mask) -> str:
    """Return the area of a mask in pixels and as a share of the image."""
    share = mask.area / (mask.size[0] * mask.size[1])
    return f"{mask.area} px ({share:.0%})" if share >= 0.01 or not mask.area else f"{mask.area} px (< 1%)"


def box_of(box: NDArray[np.float32]) -> str:
    """Return a box as text, such as ``"317, 69, 423, 327"``."""
    return ", ".join(f"{value:.0f}" for value in box.tolist())


def _mask_table(masks: Masks, image: NDArray[np.uint8] | None = None) -> tuple[tuple[str, ...], tuple[tuple[Cell, ...], ...]]:
    """Return the columns and the first rows of a table of masks. Columns that would be empty are left out."""
    first: Sequence[Mask] = masks[:MAX_ROWS]
    if not first:
        return (), ()
    labeled, scored = (any(value is not None for value in (getattr(mask, name) for mask in first)) for name in ("label", "score"))
    columns = ["", "mask", *(["label"] if labeled else []), *(["score"] if scored else []), "area", "box (x0, y0, x1, y1)"]
    rows = []
    for index, mask in enumerate(first):
        row: list[Cell] = [str(index), cutout(mask, image)]
        row += [mask.label or ""] if labeled else []
        row += ["" if mask.score is None else f"{mask.score:.2f}"] if scored else []
        row += [area_of(mask) + (" filled box" if mask.from_box else ""), box_of(mask.box)]
        rows.append(tuple(row))
    return tuple(columns), tuple(rows)
