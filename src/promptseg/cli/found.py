"""Lines of text about a result: what each prompt and each phrase found, and what the scores are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from ..masks import Mask, Masks
from ..prompts import EverythingPrompt, SpatialPrompt
from ..registry import BackendSpec, backends
from ..results import PhraseCount, Result

_SHOWN = 10
"""Maximum number of masks and of phrases that get a line or a place of their own."""


def counted_masks(result: Result) -> str:
    """Return the number of masks, such as ``"2 masks, of which 1 is only a filled box"``."""
    count, boxes = len(result.masks), sum(mask.from_box for mask in result.masks)
    masks = f"{count} mask" + ("" if count == 1 else "s")
    return f"{masks}, of which {boxes} {'is only a filled box' if boxes == 1 else 'are only filled boxes'}" if boxes else masks


def found_lines(result: Result) -> Iterator[str]:
    """Yield a line for the phrases, one for everything mode, and one for each of the first masks of points, boxes and detections."""
    if result.phrases or (result.detections is not None and not len(result.detections)):
        yield phrases_found(result.phrases)
    for index, prompt in enumerate(result.prompts):
        if isinstance(prompt, EverythingPrompt):
            yield _everything(result, result.masks.where([mask.prompt_index == index for mask in result.masks]))
    single = [mask for mask in result.masks if not isinstance(_prompt(result, mask), EverythingPrompt)]
    for number, mask in islice(_numbered(result, single), _SHOWN):
        yield f"{_subject(result, mask, number)}: {_share(mask.area, result)}{_score(result, mask)}"
    if len(single) > _SHOWN:
        yield f"and {len(single) - _SHOWN} more"


def phrases_found(phrases: Sequence[PhraseCount]) -> str:
    """Return what was found for phrases, such as ``"cup 1, no spoon (best score 0.12, threshold 0.3)"``: first those that were found."""
    if not phrases:
        return "no object of the detector's classes reaches the threshold"
    found, missing = [str(each) for each in phrases if each.count], [str(each) for each in phrases if not each.count]
    return ", ".join([*_first(found), *_first(missing)])


def _first(parts: Sequence[str]) -> list[str]:
    more = [f"and {len(parts) - _SHOWN} more"] if len(parts) > _SHOWN else []
    return [*parts[:_SHOWN], *more]


def _everything(result: Result, masks: Masks) -> str:
    count = f"{len(masks)} mask" + ("" if len(masks) == 1 else "s")
    if not masks:
        return "everything: no mask"
    scores = [mask.score for mask in masks if mask.score is not None]
    span = f", {_own_score(result)} {min(scores):.2f} to {max(scores):.2f}" if scores else ""
    return f"everything: {count}, {_percent(masks.union().area, result)} of the image covered{span}"


def _numbered(result: Result, masks: Sequence[Mask]) -> Iterator[tuple[str, Mask]]:
    """Yield each mask with its number among those of its point or box, such as ``"candidate 2 of 3"``; empty if it is the only one."""
    for mask in masks:
        same = isinstance(_prompt(result, mask), SpatialPrompt)
        rivals = [other for other in masks if other.prompt_index == mask.prompt_index] if same else [mask]
        number = next(place for place, other in enumerate(rivals, 1) if other is mask)
        yield (f"candidate {number} of {len(rivals)}" if len(rivals) > 1 else ""), mask


def _subject(result: Result, mask: Mask, number: str) -> str:
    """Return of what a mask is, such as ``"object at 290,160"`` or ``"cup"``."""
    prompt = _prompt(result, mask)
    if not isinstance(prompt, SpatialPrompt):
        return (mask.label or "object") + (" (only a filled box)" if mask.from_box else "")
    place = ""
    if prompt.xyxy is not None:
        place = "in box {:g},{:g},{:g},{:g}".format(*prompt.xyxy.tolist())
    elif len(prompt.xy):
        place = "at {:g},{:g}".format(*(prompt.xy[prompt.foreground] if prompt.foreground.any() else prompt.xy)[0].tolist())
    return ", ".join(part for part in (f"object {place}".rstrip() if place else "object of the mask prompt", number) if part)


def _prompt(result: Result, mask: Mask) -> object:
    return result.prompts[mask.prompt_index] if mask.prompt_index is not None and mask.prompt_index < len(result.prompts) else None


def _share(area: int, result: Result) -> str:
    return f"{_percent(area, result)} of the image" if area else "an empty mask"


def _percent(area: int, result: Result) -> str:
    share = 100 * area / (result.size[0] * result.size[1])
    return f"{share:.0f} %" if share >= 1 or not area else f"{max(share, 0.01):.2g} %"


def _score(result: Result, mask: Mask) -> str:
    """Return the score of a mask with what it is, after a comma."""
    kind = result.score_kind(mask)
    if kind is None or mask.score is None:
        return ""
    if kind == "calibrated":
        return f", expected IoU {mask.score:.2f}"
    if kind == "mask":
        return f", {_own_score(result)} {mask.score:.2f}"
    if kind == "concept":
        return f", score {mask.score:.2f}"
    segmenters = _own_score(result) if mask.predicted_iou is None else "expected IoU"
    confidence = (
        result.detections.scores[mask.detection_index] if result.detections is not None and mask.detection_index is not None else None
    )
    if kind == "detector" or confidence is None or not confidence or mask.from_box:
        what = "detector confidence" if kind == "detector" or mask.from_box else f"detector confidence x {segmenters}"
        return f", {what} {mask.score:.2f}"
    own = mask.score / float(confidence)
    return f", score {mask.score:.2f} (detector confidence {confidence:.2f} x {segmenters} {own:.2f})"


def _own_score(result: Result) -> str:
    """Return what the segmenter's own score is. The segmenter is the last model of a result's provenance."""
    spec = backends().get(result.provenance[-1].backend) if result.provenance else None
    return BackendSpec.score if spec is None else spec.score
