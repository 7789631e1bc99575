"""`Sam3`: the concept model of SAM 3 on transformers, from an image to an embedding, and from a question to an answer."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....errors import BackendError
from ....masks import Size
from ....results import Provenance
from ....runtime.memory import MemoryRequirement
from ....runtime.torch import to_host, unless_out_of_memory
from ...sam.device_features import where_it_is
from ...sam.geometry import InputGeometry, StretchToSquare
from ...sam.mask_batch import HostMaskBatch, MaskBatch
from ...sam.model import Embedding
from ...sam.torch.encoding import TorchEncoder, TorchSettings
from ..sam.naming import LEVELS
from .inputs import model_input
from .phrases import VISUAL, LatestPhrases, Tokenizer

_ASK_BATCH = {"cpu": 1, "cuda": 4, "mps": 1}
"""Number of questions that are asked at once, by device. On a CPU one is as fast, and its answer never depends on others."""

_NAMES = tuple(f"level_{index}" for index in range(LEVELS))
"""Names in `Embedding.features`: the levels of the feature pyramid, the finest first."""


@dataclass(frozen=True, eq=False)
class Question:
    """What to find in an image.

    Attributes:
        phrase: A phrase, or None for what the boxes show.
        boxes: (N, 4) float32 boxes of examples ``xyxy``, in parts of the model input from 0 to 1. N may be 0.
        positive: (N,) whether each box shows what is looked for, or what is not.
    """

    phrase: str | None
    boxes: NDArray[np.float32]
    positive: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Answer:
    """What the model finds for a question, before anything is sorted out.

    Attributes:
        presence: Probability that the image shows any instance.
        scores: (Q,) float32 scores of the queries: their own probability times the presence.
        boxes: (Q, 4) float32 boxes ``xyxy`` in parts of the model input. They may reach beyond it.
        logits: (Q, low_res, low_res) logits of the masks, on the device.
    """

    presence: float
    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    logits: Tensor


class Sam3(TorchEncoder):
    """``Sam3Model`` or ``Sam3LiteTextModel`` of transformers.

    Args:
        module: The model, with its weights, in the dtype of the settings and in evaluation mode. It is moved to the device, and must not be
            used elsewhere afterwards.
        tokenizer: The model's tokenizer.
        provenance: Provenance of the model.
        settings: Device and dtype.
        need: Memory requirements of the model; None if unknown.

    Raises:
        OutOfMemoryError: The model does not fit on the device.
    """

    def __init__(
        self, module: Any, tokenizer: Tokenizer, provenance: Provenance, settings: TorchSettings, need: MemoryRequirement | None = None
    ) -> None:
        backbone = module.vision_encoder.config.backbone_config
        self.side = int(backbone.image_size)
        self.low_res = 4 * (self.side // int(backbone.patch_size))
        self.ask_batch = _ASK_BATCH[settings.device.type]
        self._tokenizer = tokenizer
        self._phrases = LatestPhrases(self._phrase)
        self._levels: WeakKeyDictionary[Embedding, list[Tensor]] = WeakKeyDictionary()
        self._lock = threading.Lock()
        super().__init__(module, provenance, settings, need)

    def geometry(self, size: Size) -> InputGeometry:
        """Return the geometry of images of a size: they are stretched to the whole model input."""
        return StretchToSquare(size, self.side, self.low_res)

    def ask(self, embedding: Embedding, questions: Sequence[Question]) -> list[Answer]:
        """Return the answers to questions about one image. Questions that do not fit into memory together are asked in parts.

        Args:
            embedding: The encoded image.
            questions: Questions with the same number of boxes: a padded box is not the same as none.

        Raises:
            OutOfMemoryError: Not even one question fits.
            BackendError: The model failed, or returned NaN or infinity.
        """
        phrases = [self._phrases[question.phrase or VISUAL] for question in questions]

        def ask(start: int, stop: int) -> list[Answer]:
            return self._ask(embedding, questions[start:stop], phrases[start:stop])

        parts = self._in_parts("a question does not fit beside the model", one_thread=False)(len(questions), len(questions), ask)
        if len(parts) > 1:
            self.ask_batch = min(self.ask_batch, max(map(len, parts)))
        return [answer for part in parts for answer in part]

    def masks(self, answer: Answer, queries: Sequence[int], geometry: InputGeometry) -> MaskBatch:
        """Return the masks of some queries of an answer.

        Upstream interpolates probabilities and cuts them at .5. The masks have these less .5 in place of logits, which is the same.

        Args:
            answer: The answer.
            queries: Indices of the queries.
            geometry: Position of the image inside the model input.
        """

        def centered(start: int, stop: int) -> Tensor:
            chosen = torch.tensor(list(queries[start:stop]), dtype=torch.long, device="cpu").to(answer.logits.device)
            height, width = geometry.low_res_used()
            return torch.sigmoid(answer.logits[chosen, :height, :width].float()) - 0.5

        parts = self._in_parts("a mask does not fit beside the model", one_thread=False)(len(queries), len(queries), centered)
        with self._computing():
            values = torch.cat(parts)
        return self.masks_on_device(values, geometry) if self.keeps_masks else HostMaskBatch(to_host(values), geometry)

    def _place(self, module: Any) -> None:
        self._module = module.to(self.settings.device)

    def _model_input(self, images: Sequence[NDArray[np.uint8]], geometries: Sequence[InputGeometry]) -> Tensor:  # noqa: ARG002 - All are one size.
        return model_input(images, self.side, self.settings.device, self.settings.dtype)

    def _features(self, batch: Tensor) -> Mapping[str, Tensor]:
        return dict(zip(_NAMES, self._module.get_vision_features(batch).fpn_hidden_states, strict=False))  # The coarsest is not used.

    def _phrase(self, phrase: str) -> tuple[Tensor, Tensor]:
        """Return the embedding of a phrase (1, tokens, width), and (1, tokens) which of its tokens are not padding."""
        tokens = self._tokenizer(phrase)
        with self._computing():
            ids, used = (torch.tensor(row[None], device="cpu").to(self.settings.device) for row in tokens)
            found = unless_out_of_memory(lambda: self._module.get_text_features(input_ids=ids, attention_mask=used).pooler_output)
        if isinstance(found, Exception):
            raise self._too_large("a phrase does not fit beside the model") from found
        return found, used

    def _ask(self, embedding: Embedding, questions: Sequence[Question], phrases: Sequence[tuple[Tensor, Tensor]]) -> list[Answer]:
        count, device, dtype = len(questions), self.settings.device, self.settings.dtype
        levels = self._levels_of(embedding)
        positions = self._module.vision_encoder.neck.position_encoding(levels[-1].shape, device, dtype)
        prompts: dict[str, Tensor] = {}
        if len(questions[0].boxes):
            boxes = np.stack([_as_centers(question.boxes) for question in questions])
            labels = np.stack([question.positive for question in questions]).astype(np.int64)
            prompts = {
                "input_boxes": torch.tensor(boxes, device="cpu").to(device, dtype),
                "input_boxes_labels": torch.tensor(labels, device="cpu").to(device),
            }
        found = self._module(
            # The coarsest level is cut off. The positions of the others are not used.
            vision_embeds=SimpleNamespace(
                fpn_hidden_states=[*(level.expand(count, -1, -1, -1) for level in levels), None],
                fpn_position_encoding=[None] * (LEVELS - 1) + [positions.expand(count, -1, -1, -1), None],
                hidden_states=None,
                attentions=None,
            ),
            text_embeds=SimpleNamespace(pooler_output=torch.cat([embedded for embedded, _ in phrases])),
            attention_mask=torch.cat([used for _, used in phrases]),
            **prompts,
        )
        presence = found.presence_logits.float().sigmoid()
        scores = found.pred_logits.float().sigmoid() * presence
        every = presence[:, :, None].expand(-1, scores.shape[1], 1)
        numbers = to_host(torch.cat([every, scores[..., None], found.pred_boxes.float()], dim=2))
        if not np.isfinite(numbers).all():
            raise BackendError(f"SAM 3 returned NaN or infinity in {self.settings.dtype_name}: use dtype='float32'")
        return [Answer(float(own[0, 0]), own[:, 1], own[:, 2:], masks) for own, masks in zip(numbers, found.pred_masks, strict=True)]

    def _levels_of(self, embedding: Embedding) -> list[Tensor]:
        """Return the levels of the feature pyramid of an image, on the device."""
        with self._lock:
            levels = self._levels.get(embedding)
        if levels is None:
            there = (where_it_is(embedding.features, name) for name in _NAMES)
            tensors = (value if isinstance(value, Tensor) else torch.tensor(value, device="cpu") for value in there)
            levels = [tensor.to(self.settings.device, self.settings.dtype) for tensor in tensors]
            with self._lock:
                self._levels[embedding] = levels
        return levels


def _as_centers(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return boxes ``xyxy`` as centers and sizes, ``(x, y, width, height)``."""
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1).astype(np.float32)
