"""What an assistant can do: open images, segment them, look at the masks, count them and write them. It knows no protocol."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from PIL import Image

from .._counting import number_of
from ..datasets.core import AnnotatedImage, AnnotatedObject
from ..datasets.embedded_images import decode_base64
from ..datasets.safe_names import safe_name
from ..datasets.writing import check_output, write
from ..errors import IncompatibleStagesError, InputError, OutputError, PromptError
from ..images import load_image
from ..masks import Mask, Masks
from ..pipeline import BuiltPipeline
from ..prompts import Concept, Prompt, SpatialPrompt
from .allowed_folders import AllowedFolders
from .answers import Box, Counts, Example, Exported, ImageList, MaskEntry, Opened, Point, Segmentation, Shown
from .opened_images import OpenedImage, OpenedImages
from .shown_images import encode_within, reduced

MAX_LISTED = 200
"""Maximum number of masks, images or folders that one answer describes."""

NO_LABEL = "object"
"""What masks without a label are counted as."""


class Workbench:
    """The opened images and results of one assistant. It is for one thread at a time.

    Args:
        build: Function that loads the models. It is called when they are first needed, because programs wait only briefly for a server to
            start. The pipeline should have an embedding cache, so that an image is encoded once.
        folders: Folders below which images are read and masks are written.
    """

    def __init__(self, build: Callable[[], BuiltPipeline], folders: AllowedFolders) -> None:
        self._build, self.folders = build, folders
        self._opened = OpenedImages()
        self._written: set[Path] = set()

    @cached_property
    def pipeline(self) -> BuiltPipeline:
        """The pipeline with its loaded models."""
        return self._build()

    def list_images(self, folder: str | None = None) -> ImageList:
        """List the images and subfolders of one allowed folder, or of all.

        Raises:
            InputError: The folder is not allowed, or cannot be read.
        """
        images, subfolders, rest = self.folders.images_in(folder, MAX_LISTED)
        return ImageList(images=list(map(str, images)), folders=list(map(str, subfolders)), not_listed=rest)

    def open_image(self, path: str | None = None, content_base64: str | None = None, name: str | None = None) -> Opened:
        """Open an image file below the allowed folders, or the bytes of one in base64.

        Raises:
            InputError: Neither or both are given, the path is not allowed, or there is no usable image.
        """
        if (path is None) == (content_base64 is None):
            raise InputError("open_image takes either path or content_base64: give one of them")
        if path is not None:
            with self.folders.open_file(path) as file:
                pixels, real = load_image(file), Path(file.name)
            image = self._opened.add(pixels, self.folders.name_of(real), real)
        else:
            content = decode_base64(content_base64)
            pixels = load_image(content)
            plain = safe_name(Path(name or "").name or "image.png")
            image = self._opened.add(pixels, plain, self.folders.roots[0] / plain, content)
        height, width = image.size
        return Opened(image_id=image.id, name=image.name, width=width, height=height)

    def segment_object(
        self, image_id: str, points: Sequence[Point] = (), box: Box | None = None, *, candidates: bool = False, with_rle: bool = False
    ) -> Segmentation:
        """Segment one object by clicks, a box, or both.

        Raises:
            PromptError: There is neither a click nor a box, or they do not fit the image.
        """
        if not points and box is None:
            raise PromptError("segment_object needs points, a box, or both")
        prompt = SpatialPrompt()
        if points:
            prompt = prompt + Prompt.points([(each.x, each.y) for each in points], [each.label == 1 for each in points])
        if box is not None:
            prompt = prompt + _box(box)
        return self._segment(image_id, prompt, candidates=candidates, with_rle=with_rle)

    def segment_text(self, image_id: str, phrases: Sequence[str], *, with_rle: bool = False) -> Segmentation:
        """Segment every object that phrases name.

        Raises:
            IncompatibleStagesError: No model of the pipeline reads words.
        """
        if self.pipeline.detector is None and "text" not in self.pipeline.concept_kinds:
            raise IncompatibleStagesError(
                "this server was started without a model that reads words: the user can add --detector NAME to its command, such as "
                "--detector grounding-dino-swin-t. Segment by points, a box or an example instead"
            )
        return self._segment(image_id, Prompt.text(*phrases), with_rle=with_rle)

    def segment_like(self, image_id: str, examples: Sequence[Example], label: str | None = None, *, with_rle: bool = False) -> Segmentation:
        """Segment every object that is like examples, which may lie in other opened images.

        Raises:
            PromptError: There is no positive example, or one does not fit its image.
        """
        if not any(each.positive for each in examples):
            raise PromptError("segment_like needs at least one positive example")
        concepts: list[Concept] = []
        for each in examples:
            source = None if each.image_id in (None, image_id) else self._opened.image(each.image_id or "").pixels
            concepts.append(Prompt.example(source, _box(each.box), positive=each.positive, label=label))
        concept: Prompt = concepts[0]
        for other in concepts[1:]:
            concept = concept + other
        return self._segment(image_id, concept, with_rle=with_rle)

    def segment_everything(self, image_id: str, points_per_side: int = 32, *, with_rle: bool = False) -> Segmentation:
        """Segment every object that the segmenter finds from a grid of points."""
        return self._segment(image_id, Prompt.everything(points_per_side), with_rle=with_rle)

    def show_image(self, image_id: str, max_side: int) -> tuple[bytes, Shown]:
        """Return an opened image as JPEG, and what is shown."""
        image = self._opened.image(image_id)
        return _shown(Image.fromarray(image.pixels), max_side, image)

    def show_overlay(self, result_id: str, max_side: int, masks: Sequence[int] | None = None) -> tuple[bytes, Shown]:
        """Return an image with masks of a result drawn on it as JPEG, and what is shown.

        Args:
            result_id: The result.
            max_side: Maximum width and height.
            masks: Indices of the masks. None: all.

        Raises:
            InputError: There is no such result, or no such mask.
        """
        image, result = self._opened.result(result_id)
        if masks is not None:
            wrong = next((index for index in masks if not 0 <= index < len(result.masks)), None)
            if wrong is not None:
                raise InputError(f"{result_id} has no mask {wrong}: it has {number_of(len(result.masks), 'mask')}, counted from 0")
            chosen = Masks([result.masks[index] for index in masks], result.size)
            result = replace(result, masks=chosen)
        return _shown(reduced(result, max_side).overlay(), max_side, image, result_id)

    def count_objects(self, result_id: str, min_score: float = 0.0) -> Counts:
        """Count the masks of a result by label. Empty masks do not count."""
        _, result = self._opened.result(result_id)
        counts = Counter({phrase.phrase: 0 for phrase in result.phrases})
        counts.update(mask.label or NO_LABEL for mask in result.masks if mask.area and (mask.score is None or mask.score >= min_score))
        return Counts(result_id=result_id, counts=dict(counts), total=counts.total())

    def export_masks(self, result_ids: Sequence[str], name: str, folder: str) -> Exported:
        """Write the masks of results in a dataset format.

        Args:
            result_ids: The results. Those of one image become one annotation.
            name: Name of the format, one of `promptseg.datasets.catalog.WRITABLE`.
            folder: Folder below the allowed ones: a new or empty one, or one that was written here since the server started.

        Raises:
            InputError: There is no such result.
            ConfigError: There is no such format.
            OutputError: The folder is not allowed, has other files, or cannot be written.
        """
        out = self.folders.output_folder(folder)
        if out not in self._written and out.exists() and any(out.iterdir()):
            raise OutputError(f"{out} has files that were not exported here, and is kept as it is: give the name of a new folder")
        images = self._annotated(result_ids)
        check_output(name, out, inputs=[image.path for image in images])
        self._written.add(out)
        report = write(name, images, out)
        return Exported(
            format=name,
            path=str(report.path),
            files=report.files,
            images=report.images,
            masks=report.masks,
            notes=str(report).splitlines()[1:],
        )

    def _annotated(self, result_ids: Sequence[str]) -> list[AnnotatedImage]:
        """Return the images of results with their masks, each image once and by a name of its own."""
        found: dict[str, tuple[OpenedImage, list[Mask]]] = {}
        for result_id in dict.fromkeys(result_ids):
            image, result = self._opened.result(result_id)
            found.setdefault(image.id, (image, []))[1].extend(mask for mask in result.masks if mask.area)
        names = Counter(image.name for image, _ in found.values())
        annotated = []
        for image, masks in found.values():
            name = image.name if names[image.name] == 1 else f"{image.id}-{image.name}"
            objects = tuple(AnnotatedObject(f"{name}#{index}", mask) for index, mask in enumerate(masks))
            annotated.append(AnnotatedImage(name, image.path, image.size, objects, content=image.content))
        return annotated

    def _segment(self, image_id: str, prompt: Prompt, *, candidates: bool = False, with_rle: bool = False) -> Segmentation:
        image = self._opened.image(image_id)
        result = self.pipeline(image.pixels, prompt, candidates=candidates)
        models = dict.fromkeys(f"{model.model} ({model.license})" for model in result.provenance)
        height, width = image.size
        return Segmentation(
            result_id=self._opened.add_result(image, result),
            image_id=image_id,
            width=width,
            height=height,
            masks=[_entry(index, mask, with_rle) for index, mask in enumerate(result.masks[:MAX_LISTED])],
            masks_total=len(result.masks),
            notes=[
                *map(str, result.phrases),
                *(f"{number_of(count, 'detection')} dropped: {why}" for why, count in result.dropped.items()),
            ],
            models=list(map(self.folders.without_outside_paths, models)),  # A model in a folder may have its path for a name.
        )


def _box(box: Box) -> SpatialPrompt:
    return Prompt.box(box.x0, box.y0, box.x1, box.y1)


def _entry(index: int, mask: Mask, with_rle: bool) -> MaskEntry:
    score = mask.score if mask.score is not None and math.isfinite(mask.score) else None
    box = [int(value) for value in mask.box.tolist()]
    return MaskEntry(index=index, label=mask.label, score=score, box=box, area=mask.area, rle=mask.to_coco_rle() if with_rle else None)


def _shown(drawn: Image.Image, max_side: int, image: OpenedImage, result_id: str | None = None) -> tuple[bytes, Shown]:
    content, (width, height) = encode_within(drawn, max_side)
    rows, columns = image.size
    scale = max(image.size) / max(width, height)
    return content, Shown(
        image_id=image.id, result_id=result_id, width=width, height=height, full_width=columns, full_height=rows, scale=scale
    )
