"""From the command line's words to prompts and pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import PromptError
from ..pipeline import Pipeline
from ..prompts import Prompt, SpatialPrompt
from ..registry import DEFAULT_MODEL


def parse_prompts(
    points: Sequence[str], boxes: Sequence[str], text: str | None, everything: bool, points_per_side: int | None
) -> list[Prompt]:
    """The prompts that the options ask for.

    All points are clicks on (or beside) one object, together with the box where there is one; each of several boxes is an object of its
    own.

    Raises:
        PromptError: A value cannot be read, there are points and several boxes, or there is no prompt at all.
    """
    prompts: list[Prompt] = []
    box_prompts = [Prompt.box(*_values("--box", box, "x0,y0,x1,y1", (4,))) for box in boxes]
    clicks = [_point(point) for point in points]
    if clicks:
        if len(box_prompts) > 1:
            raise PromptError("points go with one box or none: with several boxes it is not clear which object they belong to")
        prompts.append(sum(clicks[1:], clicks[0]) + (box_prompts[0] if box_prompts else SpatialPrompt()))
    else:
        prompts += box_prompts
    if text is not None:
        prompts.append(Prompt.text(*text.split(",")))
    if everything:
        prompts.append(Prompt.everything() if points_per_side is None else Prompt.everything(points_per_side))
    elif points_per_side is not None:
        raise PromptError("--points-per-side goes with --everything")
    return prompts


def chosen_pipeline(config: Path | None, model: str | None, fallback: Sequence[str] | None, detector: str | None) -> Pipeline:
    """The pipeline of a file, or that of the models that the options name.

    Raises:
        ConfigError: The file or a value is not valid.
    """
    if config is not None:
        return Pipeline.from_config(config)
    pipeline = Pipeline().segment(model or DEFAULT_MODEL, fallback=fallback or ())
    return pipeline.detect(detector) if detector else pipeline


def _point(text: str) -> SpatialPrompt:
    x, y, *foreground = _values("--point", text, "x,y or x,y,0", (2, 3))
    if foreground and foreground[0] not in (0, 1):
        raise PromptError(f"--point ends in 1 for a point on the object or 0 for one beside it, got {text!r}")
    return Prompt.point(x, y, foreground=not foreground or foreground[0] == 1)


def _values(option: str, text: str, form: str, counts: tuple[int, ...]) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise PromptError(f"{option} takes numbers {form}, got {text!r}") from error
    if len(values) not in counts:
        raise PromptError(f"{option} takes {form}, got {text!r}")
    return values
