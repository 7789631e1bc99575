"""`finetune_decoder`: train a mask decoder on images with masks, and write it to a folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets.core import Dataset, Finding
from ..datasets.reading import open_dataset
from ..errors import ConfigError, MissingDependencyError
from ..registry import manifest
from ..registry.builtin_backends import DEFAULT_MODEL
from ..registry.choice import choose_by
from ..registry.loading import make
from ..registry.manifest import RECORD
from ..registry.spec import Choice, LoadRequest
from ..registry.weight_files import weights_of
from ..results import Provenance
from ..runtime.files import output_errors, write_folder
from ..runtime.structured import read_json
from ..weights.store import DECODER, ENCODER, file_sha256
from .data import Example, read_examples
from .split import split

if TYPE_CHECKING:
    from torch import Tensor

    from .devices import Devices
    from .train import Outcome, TrainingConfig


@dataclass(frozen=True)
class FineTuned:
    """Result of fine-tuning: a decoder in a folder, with figures of its training.

    Attributes:
        model: Name of the base model.
        folder: Folder of the decoder; ``promptseg.load(folder)`` loads it.
        license: SPDX identifier of the license of the base model's weights.
        images: Number of training images and number of validation images.
        parameters: Number of trained parameters.
        epochs: Number of epochs that ran.
        best_epoch: Epoch whose decoder was kept; 0 if none was better than the base model.
        validation: Mean IoU on the validation images by ``"box"`` and ``"point"``: of the base model, and of the decoder that was kept.
            Empty without validation. The decoder was selected by these figures, so they are too high: evaluate it on other images.
        stopped: Reason why training ended before its last epoch, or None.
        seconds: Seconds of training in this call, without encoding.
        encoded: Number of images that were encoded in this call and not found in the cache.
        findings: Images and masks that could not be used, or that were changed to be used.
    """

    model: str
    folder: Path
    license: str
    images: tuple[int, int]
    parameters: int
    epochs: int
    best_epoch: int
    validation: Mapping[str, tuple[float, float]]
    stopped: str | None
    seconds: float
    encoded: int
    findings: tuple[Finding, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values for JSON."""
        return {
            **asdict(self),
            "folder": str(self.folder),
            "images": {"train": self.images[0], "validation": self.images[1]},
            "validation": {kind: {"before": before, "after": after} for kind, (before, after) in self.validation.items()},
        }


def finetune_decoder(
    images: Dataset | str | os.PathLike[str],
    masks: str | os.PathLike[str] | None,
    out: str | os.PathLike[str],
    *,
    coco: str | os.PathLike[str] | None = None,
    model: str = DEFAULT_MODEL,
    weights: str | Path | None = None,
    only: Collection[str] | None = None,
    seed: int = 0,
    epochs: int = 12,
    learning_rate: float = 1e-4,
    weight_decay: float = 0.01,
    validation: float = 0.2,
    patience: int = 4,
    objects: int = 8,
    prompts: int = 1,
    tokens: int = 784,
    prompt_encoder: bool = False,
    precision: str = "float32",
    lora: int = 0,
    device: str = "auto",
    overwrite: bool = False,
) -> FineTuned:
    """Train the mask decoder of a SAM model on images with masks.

    The image encoder is not trained, and encodes each image once. The result is a folder, which `promptseg.load` and ``--model`` take
    instead of a model name. The state of the training is written to the folder twice a minute. An interrupted call continues from it when
    it is repeated; on a CPU it gives exactly the weights of an uninterrupted training.

    Images and masks that cannot be used are findings of the result. The others are trained on.

    Args:
        images: A dataset of `promptseg.datasets`, or a folder of images.
        masks: Folder of masks with the same file names; None if `images` is a dataset, or with `coco`.
        out: Folder of the result.
        coco: COCO file of instances, instead of `masks`.
        model: Name of a model that runs in torch: SAM, MobileSAM, mini-sam or SAM 2; ``"name=path/to/weights"``; or the path of a folder
            with a fine-tuned decoder, to continue from it.
        weights: Your own weights, instead of the published ones.
        only: Names of the images to use, as in the dataset; default: all.
        seed: Random seed of the split, of the order of images and of the prompts.
        epochs: Largest number of epochs.
        learning_rate: Peak learning rate of AdamW.
        weight_decay: Weight decay of AdamW.
        validation: Share of the images for validation, which are never trained on; 0 for none.
        patience: Number of epochs without a better validation after which training stops.
        objects: Largest number of objects of an image in one step.
        prompts: Number of prompts for each object in one step, boxes and points in turn.
        tokens: Largest number of image tokens, of 4 x 4 logits each, that the loss of a prompt is computed on. They are sampled again in
            each step.
        prompt_encoder: Whether to train the prompt encoder as well.
        precision: ``"float32"``; or ``"bfloat16"`` or ``"float16"`` for products on a GPU, through accelerate.
        lora: Rank of adapters that train the image encoder as well, through peft; 0 for none. With adapters, each image is encoded in
            each step.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``. Under ``accelerate launch``, accelerate gives each process its device.
        overwrite: Whether to write to a folder that holds files and start again. Files of an earlier training are replaced, others stay.

    Raises:
        UnknownModelError: There is no such model.
        ConfigError: The model cannot be fine-tuned, a setting is out of its range, or the folder holds files or another training.
        MissingDependencyError: torch, safetensors, accelerate, peft or the model's package is missing.
        InputError: No image with masks can be used, or there are too few independent ones.
        WeightsError: The weights cannot be fetched, or are wrong.
        OutputError: The state or the result cannot be written, or there is no space for the embeddings.
        OutOfMemoryError: The model or a step of the training does not fit into memory.
        BackendError: The loss is not a number, or torch failed.
    """
    dataset = images if isinstance(images, Dataset) else open_dataset(images, masks=masks, coco=coco)
    if isinstance(images, Dataset) and (masks is not None or coco is not None):
        raise ConfigError("masks and coco cannot be given with a Dataset, which has its own masks: leave them out")
    chosen = choose_trainable(model, weights)
    chosen.backend.check_installed()
    _check_safetensors()
    import torch

    from ..runtime.torch import chosen_device
    from .devices import Devices
    from .train import TrainingConfig

    config = TrainingConfig(
        epochs, learning_rate, weight_decay, patience, validation, objects, prompts, tokens, prompt_encoder, precision, lora, seed
    )
    config.check()
    devices = Devices(chosen_device(device), precision)
    folder = Path(out)
    _check_folder(folder, overwrite)
    examples, findings = read_examples(dataset if only is None else dataset.only(list(only)))
    sides = split([example.group for example in examples], validation, seed)
    with torch.inference_mode(False):  # A caller may be in this mode, and tensors made in it can never have gradients.
        done = _finetune(chosen, folder, examples, sides, config, devices, overwrite)
    return replace(done, findings=tuple(findings))


def choose_trainable(model: str, weights: str | Path | None = None) -> Choice:
    """Resolve a model name to an engine whose backend offers its torch module.

    Raises:
        ConfigError: The model has no such engine; the message lists the models that have one.
    """
    return choose_by(lambda backend: backend.torch_module is not None, "fine-tuned", model, weights)


def _finetune(
    chosen: Choice,
    folder: Path,
    examples: Sequence[Example],
    sides: tuple[list[int], list[int]],
    config: TrainingConfig,
    devices: Devices,
    overwrite: bool,
) -> FineTuned:
    from .decoder import TrainableDecoder
    from .embeddings import Embeddings
    from .lora import AdaptedModel, UncachedEmbeddings
    from .state import StateFile
    from .train import Training

    spec, engine, torch_module = chosen.model, chosen.engine, chosen.backend.torch_module or ""
    request = chosen.request(weights_of(chosen), devices.device.type)
    run = {
        "model": spec.name,
        "weights": dict(request.weights.sha256),
        "images": _fingerprint(examples),
        "processes": devices.count,
        **asdict(config),
    }
    file = StateFile(folder, run)
    if overwrite and devices.first:
        with output_errors(file.path):
            file.remove()
    devices.wait()
    file.read()  # The state of another training is refused before anything is computed.
    images = [example.image for example in examples]
    features: Embeddings | UncachedEmbeddings
    if config.lora:
        adapted = AdaptedModel(make(torch_module, request), devices.device, config.lora, config.seed)
        features = UncachedEmbeddings(adapted, images)
        decoder: TrainableDecoder = adapted
    else:
        features = Embeddings(
            images,
            Provenance(spec.name, engine.backend, "", request.weights.sha256),
            lambda cache: make(chosen.backend.factory, replace(request, options={**request.options, "cache": cache})),
            devices,
        )
        decoder = TrainableDecoder(make(torch_module, request), devices.device)
    started = time.perf_counter()
    training = Training(decoder, examples, features, *sides, config, file, devices)
    outcome = training.run()
    seconds = time.perf_counter() - started
    if devices.first:
        record = _record(request, examples, sides, config, outcome, training.parameters)
        _write(folder, request, chosen.weights, decoder.files(outcome.state), outcome.log, record)
        with output_errors(file.path):
            file.remove()
    devices.wait()
    return FineTuned(
        spec.name,
        folder,
        spec.license,
        (len(sides[0]), len(sides[1])),
        training.parameters,
        int(outcome.log[-1]["epoch"]),
        outcome.best_epoch,
        _validation(outcome),
        outcome.stopped,
        seconds,
        features.encoded,
    )


def _write(
    folder: Path,
    request: LoadRequest,
    own: Path | None,
    files: Mapping[str, Mapping[str, Tensor]],
    log: Sequence[Mapping[str, Any]],
    record: Mapping[str, Any],
) -> None:
    """Write the tensors of each file, the record and the log. An image encoder in the base model's folder is copied."""
    from safetensors.torch import save_file

    from .train import LOG, log_text

    base = {name: sha256 for name, sha256 in request.weights.sha256.items() if name not in (DECODER, ENCODER)}
    paths = {} if own is None else {name: str(request.weights.files[name].resolve()) for name in base}
    with output_errors(folder), write_folder(folder, last=manifest.NAME) as place:
        try:
            for name, tensors in files.items():
                save_file(dict(tensors), place / name, {"format": "pt", "license": request.model.license})
        except Exception as error:  # SafetensorError, which derives from nothing but Exception.
            raise OSError(str(error)) from error
        if ENCODER in request.weights.files and ENCODER not in files:
            shutil.copyfile(request.weights.files[ENCODER], place / ENCODER)
        (place / RECORD).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        (place / LOG).write_text(log_text(log), "utf-8")
        digests = {name: file_sha256(place / name) for name in (DECODER, ENCODER) if (place / name).is_file()}
        manifest.Manifest(
            request.model.name, request.engine.backend, request.engine.variant, digests, request.engine.name, base, paths
        ).write(place)


def _record(
    request: LoadRequest,
    examples: Sequence[Example],
    sides: tuple[list[int], list[int]],
    config: TrainingConfig,
    outcome: Outcome,
    parameters: int,
) -> dict[str, Any]:
    """Return the training record, with images, settings and figures, as plain values."""
    import torch

    def images(indices: Sequence[int]) -> list[dict[str, str]]:
        return [{"image": examples[index].name, "sha256": examples[index].content} for index in indices]

    return {
        "model": request.model.name,
        "license": request.model.license,
        "weights": dict(request.weights.sha256),
        "torch": torch.__version__,
        "settings": asdict(config),
        "parameters": parameters,
        "train": images(sides[0]),
        "validation": images(sides[1]),
        "best_epoch": outcome.best_epoch,
        "stopped": outcome.stopped,
        "epochs": list(outcome.log),
        "earlier": _earlier(request),
    }


def _earlier(request: LoadRequest) -> dict[str, Any] | None:
    """Return the record of the training that this one continued from, or None."""
    decoder = request.weights.files.get(DECODER)
    if decoder is None or not decoder.with_name(RECORD).is_file():
        return None
    found: dict[str, Any] = read_json(decoder.with_name(RECORD))
    return found


def _validation(outcome: Outcome) -> dict[str, tuple[float, float]]:
    before, after = outcome.log[0], outcome.log[outcome.best_epoch]
    return {name.removeprefix("iou_"): (before[name], after[name]) for name in before if name.startswith("iou_")}


def _fingerprint(examples: Sequence[Example]) -> str:
    """Return one digest of all images and masks."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(example.content.encode())
        for mask in example.objects:
            digest.update(mask.counts)
    return digest.hexdigest()[:16]


def _check_safetensors() -> None:
    import importlib.util

    if importlib.util.find_spec("safetensors") is None:
        raise MissingDependencyError("fine-tuning needs safetensors, which is not installed: pip install safetensors")


def _check_folder(folder: Path, overwrite: bool) -> None:
    """Raise `ConfigError` for a folder that holds anything but an unfinished training."""
    from .state import NAME

    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"the decoder is written to a folder, and {folder} is a file")
    if folder.is_dir() and not overwrite and any(folder.iterdir()) and not (folder / NAME).is_file():
        raise ConfigError(f"{folder} holds files: give another folder, or overwrite=True (--overwrite)")
