"""Findings about corrected files: objects that cannot be taken in, and objects that may not be what the user expects."""

from __future__ import annotations

import re
from collections import Counter

from .._counting import number_of
from ..datasets.core import BROKEN, AnnotatedImage, Finding
from ..masks import Masks


def unusable_parts(found: AnnotatedImage, reference: AnnotatedImage | None) -> list[Finding]:
    """Return the findings about objects of a corrected image that cannot be taken in.

    A format may not be able to hold each mask. What the reader says of a file that nobody changed is therefore no finding.

    Args:
        found: The image as it was read from the corrected file.
        reference: The image as it is read from a file that was made from the journal, or None if there is none.
    """
    known = Counter(_kind(each) for each in ([] if reference is None else reference.findings))
    unusable = []
    for finding in found.findings:
        has_no_objects = finding.kind == "empty" and finding.source == found.name  # An image may have none.
        if has_no_objects or (finding.kind not in BROKEN and finding.kind not in ("skipped", "empty")):
            continue
        if known[_kind(finding)]:
            known[_kind(finding)] -= 1
        else:
            unusable.append(finding)
    before = Counter(() if reference is None else reference.ignored)
    if crowds := (Counter(found.ignored) - before).total():
        regions = number_of(crowds, "region")
        unusable.append(Finding(found.name, "skipped", f"it has {regions} to ignore (a crowd), which is not an object"))
    return unusable


def is_note(finding: Finding) -> bool:
    """Return whether a finding about the files of an output is worth telling, although no image waits for it."""
    return finding.kind == "unpaired" or (finding.kind == "skipped" and not finding.message.startswith("left out"))


def split_objects(found: AnnotatedImage, reference: AnnotatedImage | None) -> list[str]:
    """Return a warning for each object of several parts of which only some got another label: it became several objects."""
    if reference is None or reference.size != found.size:
        return []
    before = {each.mask for each in reference.objects}
    new = [each.mask for each in found.objects if each.mask not in before]
    still = {each.mask for each in found.objects}
    warnings = []
    for each in reference.objects:
        if each.mask in still:
            continue
        parts = [mask for mask in new if Masks([mask, each.mask]).union() == each.mask]
        labels = list(dict.fromkeys(mask.label or "(no class)" for mask in parts))
        if len(labels) > 1 and Masks(parts).union() == each.mask:
            warnings.append(
                f"{found.name}: an object of the label {each.label or '(no class)'} is {len(labels)} objects now, "
                f"because its parts have the labels {', '.join(labels)}: give all parts of a group the same label"
            )
    return warnings


def _kind(finding: Finding) -> tuple[str, str]:
    """Return what a finding says, without the names and numbers in it, which depend on the file."""
    return finding.kind, " ".join(word for word in finding.message.split() if not re.search(r"[\d./\\]", word))
