"""``promptseg cutout``: cut objects out of images, one PNG with a transparent background for each image."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Annotated, Any

import typer
from PIL import Image

from .. import __version__
from .._counting import number_of
from .._prompt_values import prompt_to_dict
from ..errors import InputError, OutputError, PromptSegError, WeightsError
from ..images import IMAGE_SUFFIXES, load_image
from ..pipeline import BuiltPipeline, Pipeline
from ..prompts import Prompt
from ..registry.builtin_backends import DEFAULT_SALIENT_MODEL
from ..runtime import progress
from ..runtime.output_files import png_text, write_png
from ..runtime.output_paths import check_output_file, check_output_folder
from ..weights.store import file_sha256
from . import completion
from .images import CUTOUT, CUTOUT_TEXT, GivenImage, given_images
from .matting import BandOption, MattingOption, Softening, softening
from .output import FAILED, clean_up, distinct_names, errors_as_messages, model_paths, say, usage_error
from .prompts import (
    NO_SEGMENTER,
    ConfigOption,
    DetectorEngineOption,
    DeviceOption,
    EngineOption,
    ModelOption,
    TextOption,
    ThresholdOption,
    pipeline_of,
    prompts_of,
)


def cutout(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE",
            help="Images: files, folders, patterns in quotes such as 'photos/**/*.jpg', addresses with https://, or - for standard input.",
        ),
    ],
    point: Annotated[
        list[str] | None, typer.Option(metavar="X,Y[,0]", help="A click on the object; with 0, a background click. Repeatable.")
    ] = None,
    box: Annotated[list[str] | None, typer.Option(metavar="X0,Y0,X1,Y1", help="A box around one object. Repeatable.")] = None,
    text: TextOption = None,
    model: ModelOption = None,
    engine: EngineOption = None,
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[=WEIGHTS]",
            autocompletion=completion.detectors,
            help=f"The detector (default without a prompt: {DEFAULT_SALIENT_MODEL}, which finds what stands out).",
        ),
    ] = None,
    detector_engine: DetectorEngineOption = None,
    threshold: ThresholdOption = None,
    config: ConfigOption = None,
    device: DeviceOption = None,
    matting: MattingOption = None,
    band: BandOption = None,
    crop: Annotated[bool, typer.Option("--crop", help="Write the part of the image with the object alone.")] = False,
    margin: Annotated[int, typer.Option(metavar="N", help="Pixels around the object, for --crop.")] = 0,
    out: Annotated[str, typer.Option(metavar="PATH", help="Folder for the cutouts, or the name of one, such as a.png.")] = "promptseg-out",
    again: Annotated[bool, typer.Option("--again", help="Make also the cutouts anew that are there already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Cut objects out of images: what stands out, or what a prompt names.

    Writes a PNG with a transparent background for each image. The same command continues a run that was stopped.
    """
    prompts = prompts_of(point, box, text, everything=False, points_per_side=None)
    pipeline = _pipeline(config, model, detector, text, prompts, engine=engine, detector_engine=detector_engine, threshold=threshold)
    if pipeline.config.detect is None and not prompts:
        raise usage_error(f"nothing to cut out: the pipeline in {config} has no detector: give --point or --box")
    if margin < 0 or (margin and not crop):
        raise usage_error(f"--margin is a whole number of pixels of at least 0, with --crop, got {margin}")
    with errors_as_messages():
        single = _names_a_file(out)
        given = given_images(images, without=None if single else Path(out))
        paths = _paths(given.images, Path(out), single=single)
        inputs = [*given.inputs, config, *model_paths(model, detector)]
        if single:
            check_output_file(paths[0], inputs=inputs)
            clean_up(paths[0].parent, paths[0].name)
        else:
            check_output_folder(Path(out), names=[path.name for path in paths], inputs=inputs)
            clean_up(Path(out))
        border = softening(matting, band, device)
        built = pipeline.build(device)
    softener = getattr(border.matting, "provenance", None)
    models = [model.to_dict() for model in (*built.models, *([] if softener is None else [softener]))]
    settings = [built.config.model_dump(mode="json"), [prompt_to_dict(prompt) for prompt in prompts], matting, band, crop, margin]
    run = _Run(built, prompts, border, crop, margin, _digest([__version__, models, settings]))
    with progress.shown():
        done = run.all(given.images, paths, again=again, quiet=as_json)
    if as_json:
        say(json.dumps(done, indent=1))
    elif done["kept"]:
        say(f"{number_of(len(done['kept']), 'cutout')} kept, which this command made before (--again makes them anew)")
    if done["failed"]:
        raise typer.Exit(FAILED)


@dataclass(frozen=True)
class _Run:
    """One run over images.

    Attributes:
        pipeline: The pipeline.
        prompts: Prompts for each image.
        border: What makes the borders soft.
        crop: Whether the part with the object alone is written.
        margin: Pixels around it.
        settings: Digest of all of these.
    """

    pipeline: BuiltPipeline
    prompts: Sequence[Prompt]
    border: Softening
    crop: bool
    margin: int
    settings: str

    def all(self, images: Sequence[GivenImage], paths: Sequence[Path], *, again: bool, quiet: bool) -> dict[str, list[Any]]:
        """Cut out of each image, and return what was made, kept and has failed."""
        done: dict[str, list[Any]] = {"written": [], "kept": [], "failed": []}
        one_by_one = images if len(images) == 1 else progress.track(images, stage="cutout", total=len(images), unit="image")
        for image, path in zip(one_by_one, paths, strict=True):
            try:
                made_of = self._made_of(image)
                if made_of is not None and not again and png_text(path, CUTOUT_TEXT) == made_of:
                    done["kept"].append(str(path))
                    continue
                write_png(self._cut(image), path, CUTOUT_TEXT, made_of or "")
            except PromptSegError as error:
                done["failed"].append({"source": image.source, "error": str(error)})
                say(f"promptseg: {error}", err=True)
                continue
            done["written"].append({"source": image.source, "file": str(path)})
            if not quiet:
                say(f"{image.source}: {path}")
        return done

    def _cut(self, image: GivenImage) -> Image.Image:
        pixels = load_image(image.open())
        masks = self.pipeline(pixels, *self.prompts).masks
        seen = masks.where(masks.areas > 0)
        if not len(seen):
            raise InputError(f"nothing was found in {image.source}: no cutout")
        return seen.union().cutout(pixels, crop=self.crop, margin=self.margin, matting=self.border.matting, band=self.border.band)

    def _made_of(self, image: GivenImage) -> str | None:
        """Return what tells a cutout of this image with these settings from any other, or None for an image that is not a file."""
        if image.path is None:
            return None
        try:
            return _digest([self.settings, file_sha256(image.path)])
        except WeightsError:  # It cannot be read, which the pipeline says better.
            return None


def _pipeline(
    config: Path | None,
    model: str | None,
    detector: str | None,
    text: str | None,
    prompts: Sequence[Prompt],
    *,
    engine: str | None,
    detector_engine: str | None,
    threshold: float | None,
) -> Pipeline:
    """Return the pipeline of the options. Without prompts, the masks of a detector are cut out, or what a segmenter makes of them."""
    stands_out = config is None and detector is None and not prompts
    if config is None and not prompts:
        if engine is not None and model is None:
            raise usage_error(
                f"--engine {engine} is for a segmenter, and without a prompt there is none: give --model, or --detector-engine"
            )
        detector, model = detector or DEFAULT_SALIENT_MODEL, model or NO_SEGMENTER
    pipeline = pipeline_of(config, model, None, detector, text, engine=engine, detector_engine=detector_engine, threshold=threshold)
    if stands_out and pipeline.config.segment is not None:
        values = pipeline.to_config()
        return Pipeline.from_config({**values, "segment": {**values["segment"], "refine": True}})
    return pipeline


def _paths(images: Sequence[GivenImage], out: Path, *, single: bool) -> list[Path]:
    """Return the path of each cutout."""
    if single:
        if len(images) > 1:
            raise OutputError(f"--out {out} names one file, but {len(images)} images are given: give a folder")
        return [out]
    return [out / f"{name}{CUTOUT}" for name in distinct_names(PurePath(image.file_name) for image in images)]


def _names_a_file(out: str) -> bool:
    """Return whether the output is one file: it ends with ``.png``, and is not a folder.

    Raises:
        OutputError: It ends like an image of another format.
    """
    if os.path.isdir(out) or out.endswith(("/", os.sep)):  # noqa: PTH112 - A name that is too long is no error here.
        return False
    suffix = PurePath(out).suffix.lower()
    if suffix in IMAGE_SUFFIXES - {".png"}:
        raise OutputError(f"cannot write {out}: a cutout is a PNG, which keeps transparency: give {PurePath(out).stem}.png, or a folder")
    return suffix == ".png"


def _digest(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
