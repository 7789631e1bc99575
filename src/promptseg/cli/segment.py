"""``promptseg segment``: segment images by prompts."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image

from ..errors import OutputError, PromptSegError
from ..models.sam.cache import embedding_cache
from ..pipeline import BuiltPipeline, Pipeline
from ..prompts import Prompt
from ..results import Result
from ..runtime import progress
from ..runtime.output_files import check_image_format, image_format, write_image, write_json
from ..runtime.output_paths import check_output_file, check_output_folder
from .output import FAILED, distinct_names, errors_as_messages, model_paths, seconds, usage_error
from .prompts import (
    ConfigOption,
    DeviceOption,
    FallbackOption,
    ModelOption,
    PointsPerSideOption,
    TextOption,
    pipeline_of,
    prompts_of,
)


def segment(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Images to segment.")],
    point: Annotated[
        list[str] | None, typer.Option(metavar="X,Y[,0]", help="A click on the object; with 0, a background click. Repeatable.")
    ] = None,
    box: Annotated[list[str] | None, typer.Option(metavar="X0,Y0,X1,Y1", help="A box around one object. Repeatable.")] = None,
    text: TextOption = None,
    everything: Annotated[bool, typer.Option("--everything", help="Segment every object of the image.")] = False,
    points_per_side: PointsPerSideOption = None,
    model: ModelOption = None,
    fallback: FallbackOption = None,
    detector: Annotated[str | None, typer.Option(metavar="NAME[=WEIGHTS]", help="The detector, for --text.")] = None,
    config: ConfigOption = None,
    device: DeviceOption = None,
    candidates: Annotated[
        bool, typer.Option("--candidates", help="Return all candidate masks of a prompt, not only the selected one.")
    ] = False,
    out: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Folder for the overlays and masks, or the name of one overlay, such as a.png."),
    ] = None,
    masks: Annotated[bool, typer.Option("--masks", help="Also write each mask as a black and white PNG.")] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not cache image embeddings on the disk.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object; files are written only with --out.")] = False,
) -> None:
    """Segment images: by point, by box, by text, or everything.

    Writes an overlay and a JSON file with the masks (COCO RLE) for each image.
    """
    prompts = prompts_of(point, box, text, everything, points_per_side)
    pipeline = pipeline_of(config, model, fallback, detector, text)
    if pipeline.config.detect is None and not prompts:
        raise usage_error("nothing to segment: give --point, --box, --text or --everything")
    folder = Path("promptseg-out" if out is None else out) if out is not None or not as_json else None
    if folder is not None:
        inputs = [*images, config, *model_paths(model, detector, *(fallback or ()))]
        with errors_as_messages():
            _check_out(folder, str(out or ""), images, masks, inputs)
    with errors_as_messages():
        built = _build(pipeline, device, no_cache, cache_by_default=config is None)
    results, failed = _run(images, built, prompts, candidates, folder, masks, as_json)
    if as_json:
        if len(images) == 1 and results:
            typer.echo(json.dumps(results[0], indent=1))
        else:
            typer.echo(json.dumps({"results": results, "failed": failed}, indent=1))
    if failed:
        raise typer.Exit(FAILED)


def _check_out(out: Path, given: str, images: Sequence[Path], masks: bool, inputs: Iterable[Path | None]) -> None:
    """Check the output folder or file before any model is loaded.

    Raises:
        OutputError: The outputs cannot be written there, or one would replace an input.
    """
    if _is_folder(out, given):
        names = [name for image in distinct_names(images) for name in (f"{image}-overlay.png", f"{image}-masks.json")]
        if masks and out.is_dir():  # The number of masks is not known yet, but an input that one would replace is there already.
            names += [path.name for image in distinct_names(images) for path in out.iterdir() if _is_mask_of(image, path.name)]
        check_output_folder(out, names=names, inputs=[path for path in inputs if path is not None and path.is_file()])
        return
    if image_format(out) is None:
        raise OutputError(
            f"cannot write {out}: {out.suffix!r} is not an image format that Pillow writes. Give the name of an overlay, such as "
            f"{out.stem}.png, or a folder; end the name of a new folder that has a dot with {os.sep}"
        )
    if masks or len(images) > 1:
        raise usage_error(f"--out {out} names one image file, but several files would be written: give a folder")
    check_image_format(out)
    check_output_file(out, inputs=inputs)


def _is_folder(out: Path, given: str) -> bool:
    """Return whether the outputs go to a folder: it is one, its name ends with a slash, or it has no suffix such as ``.png``."""
    if os.path.isdir(out) or given.endswith(("/", os.sep)):  # noqa: PTH112 - A name that is too long is no error here.
        return True
    return image_format(out) is None and _SUFFIX.fullmatch(out.suffix) is None


def _is_mask_of(image: str, name: str) -> bool:
    return re.fullmatch(re.escape(image) + r"-mask-\d{3,}\.png", name) is not None


def _build(pipeline: Pipeline, device: str | None, no_cache: bool, *, cache_by_default: bool) -> BuiltPipeline:
    """Load the models, with an embedding cache on the disk unless a pipeline file configures the cache."""
    built = pipeline.build(device)
    if no_cache or cache_by_default:
        return built.with_cache(None if no_cache else embedding_cache("disk"))
    return built


def _run(
    images: Sequence[Path],
    pipeline: BuiltPipeline,
    prompts: Sequence[Prompt],
    candidates: bool,
    folder: Path | None,
    masks: bool,
    quiet: bool,
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    from tqdm import tqdm

    results: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    names = distinct_names(images)
    for path, name in zip(tqdm(images, unit="image", disable=True if len(images) == 1 else None), names, strict=True):
        try:
            with progress.shown():
                result = pipeline(path, *prompts, candidates=candidates)
            results.append(result.to_dict())  # Also if it cannot be written: with --json it is printed.
            written = [] if folder is None else _write(result, name, folder, masks)
        except PromptSegError as error:
            failed.append({"source": str(path), "error": str(error)})
            typer.echo(f"promptseg: {error}", err=True)
            continue
        if not quiet:
            typer.echo(f"{path}: {_count(result)} ({seconds(dict(result.timings))})")
            for file in written:
                typer.echo(f"  {file}")
    return results, failed


def _write(result: Result, name: str, out: Path, masks: bool) -> list[Path]:
    if image_format(out) and not out.is_dir():
        write_image(result.overlay(), out)
        return [out]
    written = [out / f"{name}-overlay.png", out / f"{name}-masks.json"]
    write_image(result.overlay(), written[0])
    write_json(result.to_dict(), written[1])
    for index, mask in enumerate(result.masks if masks else []):
        written.append(out / f"{name}-mask-{index:03}.png")
        write_image(Image.fromarray(mask.array), written[-1])
    return written


def _count(result: Result) -> str:
    count, boxes = len(result.masks), sum(mask.from_box for mask in result.masks)
    masks = f"{count} mask" + ("" if count == 1 else "s")
    return f"{masks}, of which {boxes} {'is only a filled box' if boxes == 1 else 'are only filled boxes'}" if boxes else masks


_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,5}")
"""Suffix that names a format. A folder such as ``run-0.5`` has none."""
