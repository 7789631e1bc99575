"""Changes of a source since its images were annotated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .._counting import number_of
from ..datasets.safe_names import text_name
from ..errors import ConfigError
from .asked import asked_values
from .content import is_changed
from .differences import differences
from .journal import Journal
from .sources import Source, SourceImage
from .tiles import OpenRasters, is_tile_changed

SHOWN = 10
"""Maximum number of images whose prompts differ that an error names."""

_State = Literal["same", "changed", "corrected", "deleted"]
"""State of a finished image: ``"corrected"`` is one that changed after it had been corrected by hand."""


@dataclass(frozen=True)
class Changes:
    """Images of a journal that are not as they were when they were annotated.

    Attributes:
        again: Names of images to annotate again: their content changed, or their prompts changed after they had failed.
        changed: Names of those whose content changed.
        corrected: Names of images whose content changed after they had been corrected by hand. They are not annotated again.
        gone: Names of images that are no longer there.
        deleted: Names of those of `gone` that the source still lists.
        dropped: Why prompts of images that are in the journal cannot be used, as far as their records do not tell it, by image name.
    """

    again: frozenset[str] = frozenset()
    changed: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    dropped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def find_changes(journal: Journal, source: Source, rasters: OpenRasters) -> Changes:
    """Compare the images of a source with their records.

    Args:
        journal: The journal.
        source: The source.
        rasters: The rasters of images that are tiles.

    Raises:
        ConfigError: When finished images have other prompts now. The message names the first of them, with the differences.
        InputError: When a raster changed, and cannot be read.
    """
    if not len(journal):
        return Changes()
    present: set[str] = set()
    retried: set[str] = set()
    found: dict[_State, list[str]] = {"same": [], "changed": [], "corrected": [], "deleted": []}
    other_prompts: dict[str, list[str]] = {}
    dropped: dict[str, tuple[str, ...]] = {}
    for image in source:
        if image.name not in journal:
            continue
        present.add(image.name)
        record = journal.record(image.name)
        if further := _further_dropped(image, record):
            dropped[image.name] = further
        lines = _prompt_differences(image, record)
        if record["status"] == "failed":
            retried |= {image.name} if lines else set()
            continue
        if lines:
            other_prompts[image.name] = lines if len(other_prompts) < SHOWN else []
        found[_state(image, record, rasters)].append(image.name)
    if other_prompts:
        raise ConfigError(_told(other_prompts, journal))
    gone = found["deleted"] + [name for name in journal.names if name not in present]
    return Changes(
        again=frozenset(retried.union(found["changed"])),
        changed=tuple(found["changed"]),
        corrected=tuple(found["corrected"]),
        gone=tuple(sorted(gone)),
        deleted=tuple(sorted(found["deleted"])),
        dropped=dropped,
    )


def _state(image: SourceImage, record: Mapping[str, Any], rasters: OpenRasters) -> _State:
    """Return how the content of a finished image differs from that of its record. An image that cannot be read now counts as the same."""
    try:
        differs = is_changed(image.path, record) if image.tile is None else is_tile_changed(rasters, image.tile, record)
    except FileNotFoundError:
        return "deleted"
    except OSError:
        return "same"  # It may be readable later: the record is good.
    if not differs:
        return "same"
    return "corrected" if "corrected" in record else "changed"


def _told(other_prompts: Mapping[str, list[str]], journal: Journal) -> str:
    """Return the message about finished images that have other prompts now.

    Args:
        other_prompts: Differences by image name, for the first images; for the others an empty list.
        journal: The journal.
    """
    count = len(other_prompts)
    lines = [line for differing in other_prompts.values() for line in differing]
    more = [f"and those of {count - SHOWN} more images"] if count > SHOWN else []
    return (
        f"the prompts of {number_of(count, 'finished image')} changed since they were annotated; "
        f"use the same prompts to resume the run of {journal.path.parent}, or another folder for a new run:\n  "
        + "\n  ".join([*lines, *more])
    )


def _further_dropped(image: SourceImage, record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the problems of an image's prompts that its record does not have. Their places in the source may have changed since."""
    known = Counter(problem.partition(": ")[2] for problem in record.get("problems", ()))
    further = []
    for problem in map(text_name, image.dropped):
        what = problem.partition(": ")[2]
        if known[what]:
            known[what] -= 1
        else:
            further.append(problem)
    return tuple(further)


def _prompt_differences(image: SourceImage, record: Mapping[str, Any]) -> list[str]:
    """Return the differences between the prompts of an image and those of its record. For what a person decided they do not matter."""
    before, now = record.get("asked"), asked_values(image.asked)
    if before == now or "corrected" in record or "studio" in record:
        return []
    return list(differences({"prompts": before or []}, {"prompts": now or []}, image.name))
