"""What was clicked, as Python and as a command line that find the same masks.

A command says what its options can say: points, boxes, phrases, examples, everything, and the models by their names. What they cannot say,
such as an earlier mask that is refined, becomes a command that runs the Python code.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType
from typing import Any

import numpy as np

from ..pipeline.config import PipelineConfig
from ..registry.builtin_backends import DEFAULT_MODEL
from ..vocabulary import split_phrases

PromptValues = Mapping[str, Any]
"""A prompt as the API takes it: what `promptseg.server.api.schemas.PromptIn` describes, without members that are None."""


@dataclass(frozen=True)
class CopiedCode:
    """A call of promptseg in two languages.

    Attributes:
        python: A script.
        command: A command line for a POSIX shell.
    """

    python: str
    command: str


def copied_code(
    image: str,
    prompts: Sequence[PromptValues],
    config: PipelineConfig,
    paths: Mapping[str, str] = MappingProxyType({}),
    candidate: int | None = None,
    note: str | None = None,
) -> CopiedCode:
    """Return what segments an image by prompts, as the server did.

    Args:
        image: Path of the image. Names of any characters, and bytes that are not text, are quoted.
        prompts: The prompts; none for the classes of the detector.
        config: The pipeline that answered.
        paths: Paths of the images of examples, by their ids on the server.
        candidate: Index of the mask that was chosen among all that the model proposes; None for the one that it selects.
        note: One line about the result, which becomes a comment of the script.

    Raises:
        KeyError: An example is in an image that `paths` does not have.
    """
    config = _needed(config, prompts)
    earlier = EarlierMasks()
    expressions = [_python_prompt(each, paths, earlier) for each in prompts]
    python = _script(image, expressions, config, candidate, earlier, note)
    models, asked = _model_options(config), _prompt_options(prompts, paths)
    if models is None or asked is None:
        return CopiedCode(python, heredoc(python))
    words = ["promptseg", "segment", _as_operand(image), *asked, *models, *([] if candidate is None else ["--candidates"])]
    return CopiedCode(python, " ".join(map(quoted, words)) + "\n")


def heredoc(python: str) -> str:
    """Return the command that runs a script."""
    return f"python - <<'{_END}'\n{python}{_END}\n"


class EarlierMasks:
    """The earlier masks of prompts. Each is a variable, so that the call has what was clicked, and no run lengths.

    Args:
        of_raster: Whether they are those of objects in a raster.
    """

    def __init__(self, of_raster: bool = False) -> None:
        self._class = "SceneMask" if of_raster else "Mask"
        self.lines: list[str] = []

    def add(self, mask: Mapping[str, Any]) -> str:
        """Add the run lengths of a mask, and return the name of its variable."""
        name = f"earlier_{len(self.lines) + 1}" if self.lines else "earlier"
        self.lines.append(f"{name} = ps.{self._class}.from_coco_rle({{'size': {list(mask['size'])}, 'counts': {mask['counts']!a}}})")
        return name


def _needed(config: PipelineConfig, prompts: Sequence[PromptValues]) -> PipelineConfig:
    """Return a configuration without the models that prompts do not ask: places and everything are for the segmenter alone."""
    words = any(each.keys() & {"text", "concept"} for each in prompts)
    if not prompts or words or config.segment is None or config.segment.refine:
        return config
    return config.model_copy(update={"detect": None, "concept": None})


def example_images(prompts: Sequence[PromptValues]) -> set[str]:
    """Return the ids of the images that examples of prompts are in."""
    examples = [example for each in prompts if "concept" in each for example in each["concept"].get("examples", ())]
    return {example["image"]["id"] for example in examples if example.get("image") is not None}


def quoted(word: str) -> str:
    """Return a word as a POSIX shell reads it back. Control characters and bytes that are not text are written as escapes."""
    if word.isprintable():
        return shlex.quote(word)
    # Within $'…', which bash, zsh and ksh read, and which the next POSIX has.
    return "$'" + "".join(_escaped(character) for character in word) + "'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return "\\" + character
    if character.isprintable():
        return character
    # Of three octal digits, so that a digit that follows is not read as one of them.
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))


def _as_operand(path: str) -> str:
    """Return a path that is not read as an option or as standard input."""
    return f"./{path}" if path.startswith("-") else path


def _script(
    image: str, prompts: Sequence[str], config: PipelineConfig, candidate: int | None, earlier: EarlierMasks, note: str | None
) -> str:
    """Return the script. `prompts` are the expressions of the prompts."""
    plain = _single_model(config) if prompts else None
    arguments = ["image", *prompts, *(plain or ()), *([] if candidate is None else ["candidates=True"])]
    lines = ["import promptseg as ps", "", *([] if note is None else [f"# {note}"]), f"image = {image!a}"]
    lines += [] if plain is not None else [f"pipeline = {pipeline_expression(config)}"]
    lines += earlier.lines
    lines += [f"result = {'pipeline' if plain is None else 'ps.segment'}({', '.join(arguments)})"]
    lines += [] if candidate is None else [f"mask = result.masks[{candidate}]  # The one that was chosen."]
    lines += ["print(result)", f"result.save({f'{PurePath(image).stem}-masks.json'!a})"]
    return "\n".join([*lines, ""])


def _single_model(config: PipelineConfig) -> list[str] | None:
    """Return the arguments of `promptseg.segment` that name the model, or None where the pipeline is more than one model."""
    others = (config.detect, config.concept, config.clean)
    stage = config.segment
    if stage is None or any(each is not None for each in others) or stage.model_dump(exclude_defaults=True, exclude=_NAMING):
        return None
    given = [("model", stage.model), ("weights", stage.weights), ("engine", stage.engine), ("device", config.device)]
    defaults = {"weights": None, "engine": None, "device": "auto"}
    return [f"{name}={value!a}" for name, value in given if name not in defaults or value != defaults[name]]


def pipeline_expression(config: PipelineConfig) -> str:
    """Return the expression of a built pipeline."""
    stages = ""
    for name, values in config.model_dump(mode="json", exclude_defaults=True, include={"detect", "segment", "concept", "clean"}).items():
        stage = getattr(config, name)
        model = [ascii(stage.model)] if hasattr(stage, "model") else []
        stages += f".{name}({', '.join([*model, *(f'{key}={value!a}' for key, value in values.items() if key != 'model')])})"
    return f"ps.Pipeline(){stages}.build({'' if config.device == 'auto' else ascii(config.device)})"


def _python_prompt(values: PromptValues, paths: Mapping[str, str], earlier: EarlierMasks) -> str:
    """Return the expression of a prompt."""
    if "text" in values:
        return f"ps.Prompt.text({', '.join(map(ascii, values['text']))})"
    if "everything" in values:
        return f"ps.Prompt.everything({', '.join(f'{key}={value!a}' for key, value in values['everything'].items())})"
    if "concept" not in values:
        return place_expression(values, earlier)
    concept = values["concept"]
    phrase, label = concept.get("phrase"), concept.get("label")
    parts = [] if phrase is None else [f"ps.Prompt.text({phrase!a})"]
    for example in concept.get("examples", ()):
        given = [ascii(_path(example, paths)), place_expression(example["prompt"], earlier)]
        given += [] if example.get("positive", True) else ["positive=False"]
        given += [] if label is None else [f"label={label!a}"]
        parts.append(f"ps.Prompt.example({', '.join(given)})")
    return " + ".join(parts)


def place_expression(values: PromptValues, earlier: EarlierMasks) -> str:
    """Return the expression of points, a box and a mask of one object. The mask is added to `earlier`."""
    parts = []
    if points := values.get("points"):
        on = values.get("foreground") or [True] * len(points)
        if len(points) == 1:
            parts.append(f"ps.Prompt.point({', '.join([*map(_number, points[0]), *([] if on[0] else ['foreground=False'])])})")
        else:
            places = ", ".join(f"({', '.join(map(_number, point))})" for point in points)
            parts.append(f"ps.Prompt.points([{places}], {[bool(each) for each in on]!a})")
    if box := values.get("box"):
        parts.append(f"ps.Prompt.box({', '.join(map(_number, box))})")
    if mask := values.get("mask"):
        parts.append(f"ps.Prompt.mask({earlier.add(mask)})")
    return " + ".join(parts)


def _number(value: float) -> str:
    """Return the shortest text that is read back as the same number: prompts have float32."""
    return np.format_float_positional(np.float32(value), trim="-")


def _path(example: Mapping[str, Any], paths: Mapping[str, str]) -> str | None:
    image = example.get("image")
    return None if image is None else paths[image["id"]]


def _model_options(config: PipelineConfig) -> list[str] | None:
    """Return the options that name the models, or None where they cannot say all of the pipeline."""
    if config.clean is not None:
        return None
    words: list[str] = []
    segment, detect, concept = config.segment, config.detect, config.concept
    if segment is None:
        words += ["--model", "none"]
    else:
        own = segment.model_dump(exclude_defaults=True, exclude={"model", "weights", "engine", "fallback", "options"})
        if own or set(segment.options) - {"quantize"}:
            return None
        if segment.model != DEFAULT_MODEL or segment.weights is not None:
            words += ["--model", _named(segment.model, segment.weights)]
        words += _option("--engine", segment.engine) + _option("--quantize", segment.options.get("quantize"))
        for model in segment.fallback:
            words += ["--fallback", model]
    if detect is not None:
        own = detect.model_dump(exclude_defaults=True, exclude={"model", "weights", "engine", "threshold"})
        if own:
            return None
        words += ["--detector", _named(detect.model, detect.weights), *_option("--detector-engine", detect.engine)]
        if detect.threshold != type(detect).model_fields["threshold"].default:
            words += ["--threshold", repr(detect.threshold)]
    if concept is not None:
        if concept.model_dump(exclude_defaults=True, exclude={"model", "weights"}):
            return None
        words += ["--concept", _named(concept.model, concept.weights)]
    return words + ([] if config.device == "auto" else ["--device", config.device])


def _named(model: str, weights: str | None) -> str:
    return model if weights is None else f"{model}={weights}"


def _option(name: str, value: str | None) -> list[str]:
    return [] if value is None else [name, value]


def _prompt_options(prompts: Sequence[PromptValues], paths: Mapping[str, str]) -> list[str] | None:
    """Return the options that say the prompts, or None where there are none for them."""
    spatial = [each for each in prompts if not each.keys() & {"text", "everything", "concept"}]
    texts = [each["text"] for each in prompts if "text" in each]
    everything = [each["everything"] for each in prompts if "everything" in each]
    concepts = [each["concept"] for each in prompts if "concept" in each]
    if max(len(texts), len(everything), len(concepts)) > 1 or any("mask" in each for each in spatial):
        return None
    if len(spatial) > 1 and any("points" in each for each in spatial):
        return None  # The points of a command are those of one object.
    words: list[str] = []
    for each in spatial:
        places = _places(each)
        if places is None:
            return None
        for name, value in places:
            words += [f"--{name}", value]
    for phrases in texts:
        joined = ", ".join(phrases)
        if split_phrases(joined) != tuple(phrases):
            return None
        words += ["--text", joined]
    for settings in everything:
        if settings.keys() - {"points_per_side"}:
            return None
        words += ["--everything", *_option("--points-per-side", _text_of(settings.get("points_per_side")))]
    for concept in concepts:
        examples = _example_options(concept, paths)
        if examples is None:
            return None
        words += examples
    return words


def _text_of(value: int | None) -> str | None:
    return None if value is None else str(value)


def _places(values: PromptValues) -> list[tuple[str, str]] | None:
    """Return points and a box as they are written on the command line, or None where that reads them otherwise."""
    points = values.get("points") or []
    on = values.get("foreground") or [True] * len(points)
    written = [("point", [*point], "" if each else ",0") for point, each in zip(points, on, strict=True)]
    if box := values.get("box"):
        written.append(("box", [*box], ""))
    if any(_like_shares(numbers) for _, numbers, _ in written):
        return None
    return [(name, ",".join(map(_number, numbers)) + tail) for name, numbers, tail in written]


def _like_shares(numbers: Sequence[float]) -> bool:
    """Return whether the command line takes numbers for shares of the image's size, and refuses them."""
    return all(0 <= value <= 1 for value in numbers) and any(value % 1 for value in numbers)


def _example_options(concept: Mapping[str, Any], paths: Mapping[str, str]) -> list[str] | None:
    """Return the options of a concept of examples alone, or None where there are none for it."""
    if concept.get("phrase") is not None or not concept.get("examples"):
        return None  # Whether a phrase and examples are one concept depends on the models.
    words: list[str] = []
    for example in concept["examples"]:
        places, path = _places(example["prompt"]), _path(example, paths)
        if places is None or "mask" in example["prompt"] or (path is not None and (":" in path or "=" in path)):
            return None
        where = ":".join(f"{name}={value}" for name, value in places)
        words += ["--like" if example.get("positive", True) else "--unlike", where if path is None else f"{path}:{where}"]
    return words + _option("--label", concept.get("label"))


_NAMING = {"model", "weights", "engine"}
"""Fields of a stage that name its model."""

_END = "END_OF_CODE"
"""Word that ends a script within a command. No line of a script is this word: texts are written on the line of their call."""
