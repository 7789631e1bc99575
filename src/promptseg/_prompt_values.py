"""Prompts as plain values for JSON, and back.

A prompt is a dictionary. ``{"text": ["dog"]}`` and ``{"everything": {"points_per_side": 32, …}}`` are prompts of these kinds.
``{"concept": {"phrase": …, "label": …, "examples": [{"prompt": {…}, "positive": true, "image": "SHA-256"}]}}`` is a concept. The images of
its examples are not written: it tells what was asked, but cannot be used again if it has some. A spatial prompt has some of ``points``,
``foreground``, ``box``, ``mask`` (COCO RLE), ``logits`` and ``image_size``. Logits are their shape and their bytes, little-endian float32
in base64. Nothing is rounded.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._checks import is_whole_number
from .errors import InputError, PromptError, nearest, shown
from .image_formats import MAX_PIXELS
from .masks import Mask, checked_size
from .prompts import MAX_EXAMPLES, Concept, EverythingPrompt, Example, Prompt, SpatialPrompt, TextPrompt
from .runtime.structured import is_text
from .vocabulary import check_phrases

_SPATIAL = ("points", "foreground", "box", "mask", "logits", "image_size")
_FORMS = f"text, everything, concept, or some of {', '.join(_SPATIAL)}"


def prompt_to_dict(prompt: Prompt) -> dict[str, Any]:
    """Return a prompt as plain values.

    Raises:
        InputError: The prompt is of a class that promptseg does not have, or has the mask of an object in a raster.
    """
    if isinstance(prompt, TextPrompt):
        return {"text": list(prompt.phrases)}
    if isinstance(prompt, EverythingPrompt):
        settings = {each.name: getattr(prompt, each.name) for each in fields(prompt)}
        return {"everything": {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in settings.items()}}
    if isinstance(prompt, Concept):
        examples = [{"prompt": prompt_to_dict(one.prompt), "positive": one.positive, "image": one.digest} for one in prompt.examples]
        return {"concept": {"phrase": prompt.phrase, "label": prompt.name, "examples": examples}}
    if not isinstance(prompt, SpatialPrompt):
        raise InputError(f"a prompt is a point, box, mask, text, example or everything prompt, got {shown(prompt)}")
    if prompt.scene_mask is not None:
        raise InputError(f"{shown(prompt)} has the mask of an object in a raster, which is not kept in a file of prompts")
    values: dict[str, Any] = {}
    if len(prompt.xy):
        values |= {"points": prompt.xy.tolist(), "foreground": prompt.foreground.tolist()}
    if prompt.xyxy is not None:
        values["box"] = prompt.xyxy.tolist()
    if prompt.mask_pixels is not None:
        values["mask"] = prompt.mask_pixels.to_coco_rle()
    if prompt.logits is not None:
        content = base64.b64encode(np.ascontiguousarray(prompt.logits, "<f4").tobytes()).decode("ascii")
        values["logits"] = {"shape": list(prompt.logits.shape), "float32": content}
    if prompt.source_size is not None:
        values["image_size"] = list(prompt.source_size)
    return values


def prompt_from_dict(values: object) -> Prompt:
    """Return the prompt that plain values describe.

    Raises:
        InputError: They are not those of a prompt.
    """
    if not isinstance(values, Mapping):
        raise InputError(f"a prompt is a dictionary with {_FORMS}, got {shown(values)}")
    try:
        if set(values) == {"text"}:
            return _text(values["text"])
        if set(values) == {"everything"}:
            return _everything(values["everything"])
        if set(values) == {"concept"}:
            return _concept(values["concept"])
        if unknown := [name for name in values if name not in _SPATIAL]:
            raise InputError(f"a prompt has {_FORMS}, got {shown(unknown[0])}")
        return _spatial(values)
    except PromptError as error:
        raise InputError(f"not a prompt: {error}") from error


def _text(phrases: object) -> TextPrompt:
    if not isinstance(phrases, list) or not phrases or not all(map(is_text, phrases)):
        raise InputError(f"text of a prompt is a list of phrases, got {shown(phrases)}")
    check_phrases(phrases)
    return TextPrompt(tuple(phrases))


def _everything(settings: object) -> EverythingPrompt:
    if not isinstance(settings, Mapping):
        raise InputError(f"everything of a prompt is a dictionary of settings, got {shown(settings)}")
    known = [each.name for each in fields(EverythingPrompt)]
    if unknown := [name for name in settings if name not in known]:
        hint = nearest(unknown[0], known) if isinstance(unknown[0], str) else ""
        raise InputError(f"everything has no setting {shown(unknown[0])}.{hint}")
    return EverythingPrompt(**settings)


def _concept(values: object) -> Concept:
    if not isinstance(values, Mapping) or not isinstance(examples := values.get("examples", []), list) or len(examples) > MAX_EXAMPLES:
        raise InputError(f"a concept is a dictionary of phrase, label and examples, at most {MAX_EXAMPLES}, got {shown(values)}")
    for name in ("phrase", "label"):
        if not (values.get(name) is None or is_text(values[name])):
            raise InputError(f"{name} of a concept is text or null, got {shown(values[name])}")
    return Concept(values.get("phrase"), tuple(map(_example, examples)), values.get("label"))


def _example(values: object) -> Example:
    if not isinstance(values, Mapping) or not isinstance(prompt := values.get("prompt"), Mapping):
        raise InputError(f"an example of a concept is a dictionary of prompt, positive and image, got {shown(values)}")
    digest = values.get("image")
    if not (digest is None or (is_text(digest) and len(digest) == 64)):
        raise InputError(f"image of an example is the SHA-256 of its pixels or null, got {shown(digest)}")
    return Example(None, prompt_from_dict(prompt), values.get("positive", True), digest)  # type: ignore[arg-type]  # It is checked there.


def _spatial(values: Mapping[str, Any]) -> SpatialPrompt:
    prompt = SpatialPrompt()
    if "points" in values or "foreground" in values:
        prompt += Prompt.points(values.get("points"), values.get("foreground"))  # type: ignore[arg-type]  # It is checked there.
    if "box" in values:
        box = values["box"]
        if not isinstance(box, list) or len(box) != 4:
            raise InputError(f"box of a prompt is [x0, y0, x1, y1], got {shown(box)}")
        prompt += Prompt.box(*box)
    size = checked_size(values["image_size"], "image_size of a prompt") if "image_size" in values else None
    if "mask" in values:
        prompt += Prompt.mask(Mask.from_coco_rle(values["mask"]))
    if "logits" in values:
        logits = Prompt.mask(_logits(values["logits"])).logits
        prompt += SpatialPrompt(logits=logits, source_size=size)
    return prompt


def _logits(values: object) -> NDArray[np.float32]:
    shape, content = (values.get("shape"), values.get("float32")) if isinstance(values, Mapping) else (None, None)
    if (
        not isinstance(shape, list)
        or len(shape) != 2
        or not all(is_whole_number(side, 1) for side in shape)
        or not isinstance(content, str)
    ):
        raise InputError(f"logits of a prompt are a shape [height, width] and float32 in base64, got {shown(values)}")
    count = shape[0] * shape[1]
    if count > MAX_PIXELS or len(content) > 6 * count + 8:
        raise InputError(f"logits of a prompt have the shape {shown(shape)}, and {len(content)} characters of base64")
    try:
        raw = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"logits of a prompt are float32 in base64: {error}") from error
    if len(raw) != 4 * count:
        raise InputError(f"logits of a prompt have the shape {shown(shape)}, which is {4 * count} bytes, got {len(raw)}")
    return np.frombuffer(raw, "<f4").reshape(shape).astype(np.float32)
