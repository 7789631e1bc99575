"""Predictions of Label Studio's tasks: from what an annotator has drawn, or by what a model finds by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import InputError, PromptError
from ...masks import Mask
from ...prompts import Prompt
from ...vocabulary import Vocabulary, vocabulary_of
from ..images import StoredImage
from ..operations import ServedModel
from ..service import Service
from ._label_studio_bodies import TaskIn
from ._label_studio_config import Configuration, Output
from ._label_studio_connections import Connection, Connections
from ._label_studio_images import TaskImages
from ._label_studio_prompts import Asked, asked_of
from ._label_studio_regions import Place, regions_of_masks


class Studio:
    """What this server remembers of Label Studio: its connected projects and the images of its tasks.

    Args:
        service: The service of the server.

    Attributes:
        service: The same.
        images: The images.
        connections: The projects.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.images = TaskImages(service)
        self.connections = Connections(service.settings)


class Prediction:
    """The prediction of one task.

    Args:
        studio: What is remembered of Label Studio.
        connection: The connection of the project.
        model: The model.
        config: The labeling configuration.
        task: The task.
    """

    def __init__(self, studio: Studio, connection: Connection, model: ServedModel, config: Configuration, task: TaskIn) -> None:
        self._studio, self._service, self._connection = studio, studio.service, connection
        self._model, self._config, self._task = model, config, task

    async def drawn(self, results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the regions for what an annotator has drawn or written; none if they have removed all of it."""
        if not results:
            return []
        name = next((each for result in results if isinstance(each := result.get("to_name"), str) and each in self._config.images), None)
        name = name or next(each for each in self._config.images if self._config.output(each))
        addresses = self._config.addresses(name, self._task.data)
        items = {each for result in results if isinstance(each := result.get("item_index"), int)}
        item = next(iter(items), 0)
        if len(items) > 1 or not 0 <= item < len(addresses):
            raise InputError(f"what was drawn lies on one of {len(addresses)} images, got the numbers {sorted(items)[:10]}")
        image = await self._image(addresses[item])
        asked = await self._service.compute(asked_of, results, image.size)
        if not asked:
            return []
        masks = await self._masks(image, [each.prompt for each in asked])
        words = [_word(mask, asked) for mask in masks]
        rotation = next((each for result in results if (each := result.get("image_rotation")) in (90, 180, 270)), 0)
        place = Place(name, item if len(addresses) > 1 else None, rotation, self._connection.options.tolerance)
        return await self._regions(masks, words, place)

    async def found(self) -> list[dict[str, Any]]:
        """Return the regions that a model finds by itself: what the labels of the configuration name, or what stands out."""
        regions: list[dict[str, Any]] = []
        for name in self._config.images:
            output = self._config.output(name, shape=self._connection.options.answer)
            if output is None:
                continue
            prompts = self._prompts(output)
            addresses = self._config.addresses(name, self._task.data)
            for item, address in enumerate(addresses[:MAX_ITEMS] if prompts is not None else ()):
                masks = await self._masks(await self._image(address), prompts or [])
                place = Place(name, item if len(addresses) > 1 else None, tolerance=self._connection.options.tolerance)
                regions += await self._regions(masks[:MAX_MASKS], [mask.label for mask in masks[:MAX_MASKS]], place)
        return regions

    def _prompts(self, output: Output) -> list[Prompt] | None:
        """Return what to ask for without a prompt of an annotator; None for nothing."""
        if not self._model.detects:
            grid = self._connection.options.everything
            return [Prompt.everything(grid)] if grid else None
        phrases = [phrase for label in (output.labels.labels if output.labels else ()) for phrase in label.phrases]
        if self._model.classes:
            vocabulary = vocabulary_of(self._model.classes)
            phrases = [phrase for phrase in phrases if _names_a_class(vocabulary, phrase)]
        return [Prompt.text(*dict.fromkeys(phrases))] if phrases else None

    async def _image(self, address: str) -> StoredImage:
        return await self._studio.images.image(address, self._connection.source)

    async def _masks(self, image: StoredImage, prompts: Sequence[Prompt]) -> Sequence[Mask]:
        return (await self._service.segment(image, prompts, model=self._model.name)).masks

    async def _regions(self, masks: Sequence[Mask], words: Sequence[str | None], place: Place) -> list[dict[str, Any]]:
        wanted = [word for word in dict.fromkeys(words) if word is not None]
        answer = self._connection.options.answer
        output = self._config.output(place.image, wanted, answer)
        if output is None:
            raise InputError(f"the labeling configuration has no control for masks of the image {place.image[:80]!r}, or none for {answer}")
        known = output.labels
        only = known.labels[0].value if known is not None and len(known.labels) == 1 else None
        labels = [(known.label(word) if known else None) or only for word in words]
        return await self._service.compute(regions_of_masks, masks, labels, output, place)


def _word(mask: Mask, asked: Sequence[Asked]) -> str | None:
    """Return the word for a mask: the label of its prompt, or the phrase that found it."""
    index = mask.prompt_index
    chosen = asked[index].label if index is not None and index < len(asked) else None
    return chosen or mask.label or next((each.label for each in asked if each.label), None)


def _names_a_class(vocabulary: Vocabulary, phrase: str) -> bool:
    try:
        return bool(vocabulary.labels([phrase]))
    except PromptError:
        return False


MAX_ITEMS = 100
"""Maximum number of images of a task that are predicted."""
MAX_MASKS = 300
"""Maximum number of masks that are predicted for an image, the first ones."""
