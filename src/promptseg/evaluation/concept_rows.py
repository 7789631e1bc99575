"""Rows of an evaluation of concepts, one for each image and concept, and their figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import InputError, shown
from ..prompts import MAX_EXAMPLES
from .instances import Found, average_precision, f1, matthews, positive_micro_f1, roc_auc

MANY = 10
"""Number of objects of a concept from which an image has many, for the error of the count."""

_MOST = 1_000_000
"""Maximum number of masks or objects of a row that is read."""

_LARGEST = 1e6
"""Largest magnitude of a score that is read."""


_SHOWN = {
    "AP50": ("ap_50", 3),
    "AP75": ("ap_75", 3),
    "rec.50": ("recall_50", 3),
    "rec.75": ("recall_75", 3),
    "F1 50": ("f1_50", 3),
    "F1 75": ("f1_75", 3),
    "AUC": ("presence_auc", 3),
    "cgF1": ("cgf1", 1),
    "count": ("count_error", 1),
    "many": ("count_error_many", 1),
}

FIGURE_TITLES = tuple(_SHOWN)
"""Titles of the figures of `figures` that reports show."""


@dataclass(frozen=True)
class ConceptRow:
    """Row of one concept that was asked of one image.

    Attributes:
        image: Name of the image.
        concept: The concept; empty for objects without a class.
        instances: Number of true objects of it in the image; 0 if the image does not show it.
        found: What the model found.
        baselines: What each baseline of `promptseg.evaluation.concept_baselines` found, by name.
        examples: Names of the objects that were the examples.
    """

    image: str
    concept: str
    instances: int
    found: Found
    baselines: Mapping[str, Found] = field(default_factory=dict)
    examples: tuple[str, ...] = ()


def figures(rows: Sequence[ConceptRow], baseline: str | None = None) -> dict[str, Any]:
    """Return the figures of rows. Those that the rows do not determine are None.

    - ``ap_50``, ``ap_75``: average precision of instances at this IoU, by the rule of COCO, averaged over concepts.
    - ``recall_50``, ``f1_50`` and so on: over all masks that were found, whatever their score.
    - ``presence_auc``: area under the ROC curve of the presence, over all images that were asked.
    - ``cgf1``: ``100 * pmf1 * il_mcc``, the measure of SAM 3 (Carion et al., "SAM 3: Segment Anything with Concepts", 2025), written from
      its definition. ``pmf1`` is F1 of the masks with a score of at least .5 in images that show the concept, averaged over IoUs of .5 to
      .95. ``il_mcc`` is Matthews' correlation of whether an image shows the concept with whether there is such a mask. Masks are matched
      one to one by the highest IoU, where the published code maximizes the sum: they differ for masks that overlap alone.
    - ``count_error``: mean absolute difference of the number of masks and of objects, in images that show the concept;
      ``count_error_many``: in images with at least `MANY` objects of it.

    Args:
        rows: The rows.
        baseline: Name of a baseline, whose figures are returned in place of the model's.
    """
    found = [row.found if baseline is None else row.baselines[baseline] for row in rows]
    counts = [row.instances for row in rows]
    present = np.array(counts) > 0
    masks, total = sum(len(one.scores) for one in found), sum(counts)
    pmf1 = positive_micro_f1(found, counts)
    il_mcc = matthews(present, [bool(one.confident) for one in found])
    errors = [(count, abs(len(one.scores) - count)) for one, count in zip(found, counts, strict=True) if count]
    many = [error for count, error in errors if count >= MANY]
    values: dict[str, Any] = {"present": int(present.sum()), "absent": int((~present).sum()), "instances": total, "masks": masks}
    for at, hits in ((50, [one.hits_50 for one in found]), (75, [one.hits_75 for one in found])):
        right = sum(map(sum, hits))
        values |= {
            f"ap_{at}": _mean_ap(rows, found, hits),
            f"recall_{at}": right / total if total else None,
            f"f1_{at}": f1(sum(int((np.array(one.ious) >= at / 100).sum()) for one in found), masks, total),
        }
    return values | {
        "presence_auc": roc_auc([one.presence for one in found], present),
        "pmf1": pmf1,
        "il_mcc": il_mcc,
        "cgf1": None if pmf1 is None or il_mcc is None else 100 * pmf1 * il_mcc,
        "count_error": float(np.mean([error for _, error in errors])) if errors else None,
        "count_error_many": float(np.mean(many)) if many else None,
    }


def all_figures(rows: Sequence[ConceptRow]) -> dict[str, Any]:
    """Return the figures of the model, those of each baseline under ``baselines`` and those by concept under ``by_concept``."""
    groups: dict[str, list[ConceptRow]] = defaultdict(list)
    for row in rows:
        groups[row.concept].append(row)
    names = [name for name in dict.fromkeys(name for row in rows for name in row.baselines) if all(name in row.baselines for row in rows)]
    return {
        **figures(rows),
        "baselines": {name: figures(rows, name) for name in names},
        "by_concept": {concept: figures(own) for concept, own in sorted(groups.items())},
    }


def figure_texts(values: Mapping[str, Any]) -> list[str]:
    """Return figures as texts, in the order of `FIGURE_TITLES`; ``-`` for None."""
    return ["-" if values[key] is None else f"{values[key]:.{digits}f}" for key, digits in _SHOWN.values()]


def figure_lines(values: Mapping[str, Any]) -> list[str]:
    """Return the figures of `all_figures` as lines of text."""
    asked = f"{values['present']} times where it is, {values['absent']} times where it is not"
    lines = [f"  concepts: asked {asked}; {values['masks']} masks for {values['instances']} objects"]
    table = [
        ("", FIGURE_TITLES),
        *((name.replace("_", " "), figure_texts(own)) for name, own in (("model", values), *values["baselines"].items())),
    ]
    return lines + [f"  {name:22}" + "".join(f"{cell:>8}" for cell in cells) for name, cells in table]


def check_concepts(rows: Sequence[ConceptRow]) -> None:
    """Check rows that were read from a file.

    Raises:
        InputError: A value is one that no evaluation has.
    """
    for row in rows:
        if not 0 <= row.instances <= _MOST or len(row.examples) > MAX_EXAMPLES:
            raise _wrong(row, f"{shown(row.instances)} objects and {len(row.examples)} examples")
        for found in (row.found, *row.baselines.values()):
            count = len(found.scores)
            shares = (found.presence, *found.ious, *found.confident)
            if {len(found.ious), len(found.hits_50), len(found.hits_75)} != {count} or not len(found.confident) <= count <= _MOST:
                raise _wrong(row, f"{count} scores for {len(found.ious)} IoUs")
            if max(sum(found.hits_50), sum(found.hits_75), sum(map(bool, found.ious)), sum(map(bool, found.confident))) > row.instances:
                raise _wrong(row, f"more masks of true objects than its {shown(row.instances)} objects")
            if not all(abs(score) <= _LARGEST for score in found.scores) or not all(0 <= share <= 1 + 1e-6 for share in shares):
                raise _wrong(row, "a score, presence or IoU that is out of its range")


def _mean_ap(rows: Sequence[ConceptRow], found: Sequence[Found], hits: Sequence[Sequence[bool]]) -> float | None:
    """Return the average precision, averaged over the concepts that have a true instance."""
    groups: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        groups[row.concept].append(place)
    each = [
        average_precision(
            [score for place in places for score in found[place].scores],
            [hit for place in places for hit in hits[place]],
            sum(rows[place].instances for place in places),
        )
        for places in groups.values()
    ]
    known = [value for value in each if value is not None]
    return float(np.mean(known)) if known else None


def _wrong(row: ConceptRow, what: str) -> InputError:
    return InputError(f"not a saved evaluation: {shown(row.concept)} of {shown(row.image)} has {what}")
