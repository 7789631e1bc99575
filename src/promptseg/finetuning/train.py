"""Training loop: one image per step, validated after each epoch on images that are never trained on.

Random numbers depend on the seed, the epoch and the image alone, so that a training that continues from its state gives the weights of an
uninterrupted one.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._checks import between, flag, positive, whole_number
from ..errors import BackendError, OutOfMemoryError, PromptSegError
from ..evaluation.simulation import Box, CenterPoint, OnePromptPerObject, RandomPoint
from ..models.sam import selection
from ..models.sam.mask_batch import DecodedMasks
from ..models.sam.model import PointPrompts
from ..models.sam.prompt_batches import batch_prompts
from ..prompts import SpatialPrompt
from ..runtime import progress
from ..runtime.files import output_errors, write_atomically
from ..runtime.torch import is_out_of_memory, to_host
from .data import Example
from .decoder import Features, TrainableDecoder
from .devices import Devices
from .losses import iou, loss
from .result_folder import LOG, log_text
from .state import StateFile
from .targets import SampledTokens, Target, target

_logger = logging.getLogger(__name__)

SAVE_EVERY = 30.0
"""Seconds between writes of the state."""
BOXES: Sequence[OnePromptPerObject] = (Box(), Box(0.1))
POINTS: Sequence[OnePromptPerObject] = (CenterPoint(), RandomPoint())
"""Evaluation protocols that prompts are drawn by, with equal probability."""
VALIDATION_PROMPTS: Mapping[str, OnePromptPerObject] = {"box": Box(), "point": CenterPoint()}
"""Evaluation protocols of validation."""
_WARM_UP = 20
"""Divisor of the number of steps: the learning rate rises over that share, and then falls along a cosine."""
_LARGEST_GRADIENT = 1.0
_VALIDATION = 1 << 32
"""Replaces the epoch in the random seed of the objects for validation."""
_TARGETS = 256
"""Number of objects whose targets are kept in memory: half a megabyte each."""


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of a training.

    Attributes:
        epochs: Largest number of epochs.
        learning_rate: Peak learning rate of AdamW.
        weight_decay: Weight decay of AdamW.
        patience: Number of epochs without a better validation after which training stops.
        validation: Share of the groups of images for validation. With 0 there is none, and training ends after the last epoch.
        objects: Largest number of objects of an image in one step.
        prompts: Number of prompts for each object in one step, boxes and points in turn.
        tokens: Largest number of image tokens, of 16 logits each, that the loss of a prompt is computed on.
        prompt_encoder: Whether the prompt encoder is trained as well.
        precision: Number type of products, one of `promptseg.finetuning.devices.PRECISIONS`.
        lora: Rank of the adapters that train the image encoder as well; 0 for none.
        seed: Random seed of the split, the order of images and the prompts.
    """

    epochs: int = 12
    learning_rate: float = 1e-4
    weight_decay: float = 0.01
    patience: int = 4
    validation: float = 0.2
    objects: int = 8
    prompts: int = 1
    tokens: int = 784
    prompt_encoder: bool = False
    precision: str = "float32"
    lora: int = 0
    seed: int = 0

    def check(self) -> None:
        """Raise `ConfigError` for a value out of its range."""
        for name, least in (("epochs", 1), ("patience", 1), ("objects", 1), ("prompts", 1), ("tokens", 1), ("lora", 0), ("seed", 0)):
            object.__setattr__(self, name, whole_number(name, getattr(self, name), least))  # As a plain int.
        for name in ("weight_decay", "validation"):
            object.__setattr__(self, name, between(name, getattr(self, name), below=True))
        object.__setattr__(self, "learning_rate", positive("learning_rate", self.learning_rate))
        object.__setattr__(self, "prompt_encoder", flag("prompt_encoder", self.prompt_encoder))


@dataclass(frozen=True)
class Outcome:
    """Result of a training.

    Attributes:
        state: Tensors of the decoder of the best epoch.
        best_epoch: Number of that epoch; 0 if the base model was best.
        log: One entry per epoch, as in the log file.
        stopped: Reason why training ended before its last epoch, or None.
    """

    state: Mapping[str, Tensor]
    best_epoch: int
    log: Sequence[Mapping[str, Any]]
    stopped: str | None


class _NotFiniteError(Exception):
    """The loss or its gradient is not a number."""


class Training:
    """Training of a decoder, which continues from the state in its file.

    Args:
        decoder: The decoder, which is trained in place.
        examples: Training and validation images with their objects.
        features: Features of each image from the image encoder.
        train: Indices of the training images.
        validation: Indices of the validation images.
        config: Settings of the training.
        file: State file; the log is written beside it.
        devices: Devices of the training; default: the device of the decoder alone.

    Raises:
        ConfigError: The file holds the state of another run.
    """

    def __init__(
        self,
        decoder: TrainableDecoder,
        examples: Sequence[Example],
        features: Sequence[Features],
        train: Sequence[int],
        validation: Sequence[int],
        config: TrainingConfig,
        file: StateFile,
        devices: Devices | None = None,
    ) -> None:
        self._decoder, self._examples, self._features = decoder, examples, features
        self._train, self._validation = train, validation
        self._config, self._file = config, file
        self._devices = devices or Devices(decoder.device)
        self._steps = -(-len(train) // self._devices.count)
        self._total = config.epochs * self._steps
        self._parameters = decoder.parameters(prompt_encoder=config.prompt_encoder)
        fused = decoder.device.type in ("cpu", "cuda")
        self._optimizer = self._devices.prepared(
            torch.optim.AdamW(self._parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=fused)
        )
        self._target = lru_cache(_TARGETS)(self._new_target)
        self._fixed_prompt = lru_cache(_TARGETS)(self._new_prompt)
        self._step = 0
        self._losses = 0.0
        self._log: list[dict[str, Any]] = []
        self._best: dict[str, Any] = {}
        self._restore()

    @property
    def parameters(self) -> int:
        """Number of trained parameters."""
        return sum(parameter.numel() for parameter in self._parameters)

    def run(self) -> Outcome:
        """Train to the end.

        Raises:
            BackendError: The loss is not finite before any epoch made the decoder better, or torch failed.
            OutOfMemoryError: A step does not fit into memory.
            OutputError: The state or the log cannot be written.
        """
        with _computing(self._decoder.device):
            stopped = self._stopped()
            if not self._log:
                self._end_epoch(0.0)
                self._save()
                self._write_log()
            try:
                if stopped is None:
                    self._learn()
            except _NotFiniteError as error:
                if not self._best["epoch"]:
                    (self._file.folder / LOG).unlink(missing_ok=True)
                    self._file.remove()  # Continuing from it would fail in the same way.
                    raise BackendError(f"{error}: try a learning rate below {self._config.learning_rate:g}") from None
                stopped = str(error)
            return Outcome(self._best["decoder"], self._best["epoch"], self._log, stopped or self._stopped())

    def _learn(self) -> None:
        saved = started = time.monotonic()
        for step in progress.track(range(self._step, self._total), stage="train", done=self._step, total=self._total, unit="step"):
            epoch, position = divmod(step, self._steps)
            order = np.random.default_rng([self._config.seed, epoch]).permutation(len(self._train))
            own = position * self._devices.count + self._devices.rank
            self._losses += self._learn_from(self._train[order[own % len(order)]], epoch, step)
            self._step = step + 1
            ended = position + 1 == self._steps
            if ended:
                self._end_epoch(time.monotonic() - started)
                started = time.monotonic()
            finished = step + 1 == self._total or (ended and self._stopped() is not None)
            if finished or time.monotonic() - saved > SAVE_EVERY:
                self._save()
                saved = time.monotonic()
            if ended:
                self._write_log()
            if finished:
                return

    def _learn_from(self, index: int, epoch: int, step: int) -> float:
        """Take one step of the optimizer on one image, and return the loss."""
        random = np.random.default_rng([self._config.seed, epoch, index])
        for group in self._optimizer.param_groups:
            group["lr"] = self._config.learning_rate * _rate(step, self._total)
        self._optimizer.zero_grad(set_to_none=True)
        on_device = self._loss(index, random)
        norm_on_device = self._devices.clip(self._parameters, _LARGEST_GRADIENT)
        total, norm = map(float, to_host(torch.stack([on_device, norm_on_device.to(on_device.dtype)])))  # The only wait of a step.
        if not (math.isfinite(total) and math.isfinite(norm)):
            what = f"the loss became {total}" if not math.isfinite(total) else f"the gradient of the loss became {norm}"
            raise _NotFiniteError(f"{what} in epoch {epoch + 1} on {self._examples[index].image}")
        self._optimizer.step()
        return total

    def _loss(self, index: int, random: np.random.Generator) -> Tensor:
        """Return the loss of prompts drawn for one image, on the device, and add its gradients to those of the parameters."""
        asked = [
            (number, self._drawn(index, number, (first + turn) % 2 == 0, random))
            for number in self._objects(index, random)
            for first in (int(random.integers(2)),)
            for turn in range(self._config.prompts)
        ]
        sampled = [self._target(index, number).sample(self._config.tokens, random) for number, _ in asked]
        total = torch.zeros((), device=self._decoder.device)
        for rows, batch in self._batches(index, [prompt for _, prompt in asked]):
            decoded = self._decoded(index, [asked[row][0] for row in rows], [sampled[row] for row in rows], batch)
            part = loss(*decoded, self._decoder.decoder_config.multimask_indices) * (len(rows) / len(asked))
            self._devices.backward(part)
            total += part.detach()
        return self._devices.mean(total)

    def _objects(self, index: int, random: np.random.Generator) -> list[int]:
        """Return the numbers of the objects of an image that one step trains on, in order."""
        count, max_objects = len(self._examples[index].objects), self._config.objects
        return list(range(count)) if count <= max_objects else sorted(random.choice(count, max_objects, replace=False).tolist())

    def _drawn(self, index: int, number: int, box: bool, random: np.random.Generator) -> SpatialPrompt:
        kinds = BOXES if box else POINTS
        kind = kinds[int(random.integers(len(kinds)))]
        if kind in VALIDATION_PROMPTS.values():
            return self._fixed_prompt(kind, index, number)
        return kind.prompt(self._examples[index].objects[number], random)

    def _new_prompt(self, kind: OnePromptPerObject, index: int, number: int) -> SpatialPrompt:
        return kind.prompt(self._examples[index].objects[number], np.random.default_rng(0))

    def _new_target(self, index: int, number: int) -> Target:
        example = self._examples[index]
        return target(example.objects[number], example.ignored, self._decoder.geometry(example.size))

    def _batches(self, index: int, prompts: Sequence[SpatialPrompt]) -> Iterator[tuple[list[int], PointPrompts]]:
        geometry = self._decoder.geometry(self._examples[index].size)
        return batch_prompts(prompts, geometry, len(prompts), pad_boxes=self._decoder.decoder_config.pads_boxes)

    def _decoded(
        self, index: int, objects: Sequence[int], sampled: Sequence[SampledTokens], batch: PointPrompts
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return logits (N, C, P) and scores (N, C) of prompts, with ground truth and weights of the logits, both (N, P)."""
        places, weights = (np.stack(parts) for parts in zip(*sampled, strict=True))
        truth = np.stack([self._target(index, number).share[at] for number, (at, _) in zip(objects, sampled, strict=True)])
        with self._devices.computing():
            logits, scores = self._decoder.decode(self._features[index], batch, places)
        flat_truth, flat_weights = (torch.from_numpy(array).to(logits.device).flatten(1) for array in (truth, weights))
        return logits.float().flatten(2), scores.float(), flat_truth, flat_weights

    def _end_epoch(self, seconds: float) -> None:
        """End an epoch: validate the decoder, and keep it if it is the best so far."""
        epoch = self._step // self._steps
        entry: dict[str, Any] = {"epoch": epoch, "loss": self._losses / self._steps if epoch else None, "seconds": round(seconds, 2)}
        with torch.no_grad():
            found = [self._validated(index) for index in self._validation]
        entry |= {f"iou_{kind}": float(np.mean([value for one in found for value in one[kind]])) for kind in (found[0] if found else ())}
        self._log.append(entry)
        if self._devices.first:
            _logger.info("epoch %d: %s", epoch, ", ".join(f"{name} {value:.4g}" for name, value in entry.items() if value is not None))
        score = _score(entry) if found else epoch  # Without validation the last epoch is the best.
        if not self._best or score > self._best["score"]:
            self._best = {"epoch": epoch, "score": score, "decoder": self._decoder.state()}
        self._losses = 0.0

    def _write_log(self) -> None:
        """Write the log. It follows the state, because a folder with a log alone would not be that of a training."""
        if self._devices.first:
            with output_errors(self._file.folder / LOG), write_atomically(self._file.folder / LOG, text=True) as file:
                file.write(log_text(self._log))

    def _validated(self, index: int) -> dict[str, list[float]]:
        """Return the IoU of each object of an image with its mask by box, and with its mask by center point."""
        decoder_config = self._decoder.decoder_config
        geometry = self._decoder.geometry(self._examples[index].size)
        objects = self._objects(index, np.random.default_rng([self._config.seed, _VALIDATION, index]))
        found = {}
        for name, kind in VALIDATION_PROMPTS.items():
            prompts = [self._fixed_prompt(kind, index, number) for number in objects]
            ious: dict[int, float] = {}
            for rows, batch in self._batches(index, prompts):
                sampled = [self._target(index, objects[row]).all_tokens() for row in rows]
                logits, scores, truth, weights = self._decoded(index, [objects[row] for row in rows], sampled, batch)
                # The logits are in another order than those of a mask, which changes no stability.
                decoded = DecodedMasks(to_host(scores), to_host(logits.reshape(*scores.shape, geometry.low_res, -1)))
                selected = selection.select_candidates(decoded, [prompts[row] for row in rows], geometry, decoder_config)
                answers = dict(pair for pairs, _ in selected for pair in pairs)
                chosen = logits[torch.arange(len(rows)), [answers[at] for at in range(len(rows))]][:, None]
                ious |= dict(zip(rows, to_host(iou(chosen, truth[:, None], weights[:, None])[:, 0]).tolist(), strict=True))
            found[name] = [ious[row] for row in range(len(prompts))]
        return found

    def _stopped(self) -> str | None:
        """Return the reason why training ends before its last epoch, or None."""
        epoch = self._step // self._steps
        if not self._validation or not self._log or epoch >= self._config.epochs or self._step % self._steps:
            return None
        if epoch - self._best["epoch"] < self._config.patience:
            return None
        return f"no better validation in {self._config.patience} epochs"

    def _save(self) -> None:
        if not self._devices.first:
            return
        self._file.write(
            {
                "step": self._step,
                "losses": self._losses,
                "log": self._log,
                "best": self._best,
                "decoder": self._decoder.state(),
                "optimizer": self._optimizer.state_dict(),
            }
        )

    def _restore(self) -> None:
        values = self._file.read()
        if values is not None:
            self._step, self._losses, self._log, self._best = (values[name] for name in ("step", "losses", "log", "best"))
            self._decoder.load(values["decoder"])
            self._optimizer.load_state_dict(values["optimizer"])


def _score(entry: Mapping[str, Any]) -> float:
    return float(np.mean([value for name, value in entry.items() if name.startswith("iou_")]))


def _rate(step: int, total: int) -> float:
    """Return the learning rate of a step as a share of its peak."""
    warm = max(1, total // _WARM_UP)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


@contextmanager
def _computing(device: torch.device) -> Iterator[None]:
    """Enable gradients in float32, independent of the caller's settings, and convert errors of torch to promptseg's."""
    with torch.enable_grad(), torch.autocast(device.type, enabled=False):
        try:
            yield
        except (PromptSegError, _NotFiniteError):
            raise
        except Exception as error:  # Errors of torch have no common base class.
            if is_out_of_memory(error):
                raise OutOfMemoryError("out of memory in training: try fewer objects per image (objects), or a smaller model") from error
            raise BackendError(f"torch failed: {error}") from error
