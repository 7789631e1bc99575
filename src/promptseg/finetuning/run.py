"""`finetune_decoder`: train a mask decoder on images with masks, and write it to a folder."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._checks import flag
from ..datasets.core import Dataset
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
from ..runtime.files import output_errors, remove_leftovers
from ..runtime.output_paths import check_output_folder
from ..runtime.progress import ProgressOption, reports_progress
from ..weights.store import DECODER, ENCODER
from .data import Example, read_examples
from .result import FineTuned
from .result_folder import LOG, check_same_run, earlier_record, finished_record, result_of, training_record, write_result
from .split import split

if TYPE_CHECKING:
    from .decoder import TrainableDecoder
    from .devices import Devices
    from .embeddings import Embeddings
    from .lora import UncachedEmbeddings
    from .state import StateFile
    from .train import TrainingConfig


@reports_progress
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
    progress: ProgressOption = None,  # noqa: ARG001 - The decorator takes it.
) -> FineTuned:
    """Train the mask decoder of a SAM model on images with masks.

    The image encoder is not trained, and encodes each image once. The result is a folder, which `promptseg.load` and ``--model`` take
    instead of a model name. The state of the training is written to the folder twice a minute. An interrupted call continues from it when
    it is repeated; on a CPU it gives exactly the weights of an uninterrupted training, in files that are equal byte by byte. A call that is
    repeated after its end does nothing but say so: `FineTuned.was_finished`.

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
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``. Under ``accelerate launch``,
            accelerate gives each process its device.
        overwrite: Whether to write to a folder that holds files and start again. Files of an earlier training are replaced, others stay.
        progress: True for progress bars, or a function that is called with each `promptseg.runtime.progress.Progress`.

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
    paths = [] if isinstance(images, Dataset) else [images]
    overwrite = flag("overwrite", overwrite)
    _check_folder(folder, overwrite, [*paths, masks, coco, chosen.weights], devices)
    examples, findings = read_examples(dataset if only is None else dataset.only(list(only)))
    sides = split([example.group for example in examples], config.validation, config.seed)
    with torch.inference_mode(False):  # A caller may be in this mode, and tensors made in it can never have gradients.
        done = _finetune(chosen, folder, examples, sides, config, devices, overwrite)
    return replace(done, findings=tuple(findings))


def choose_trainable(model: str, weights: str | Path | None = None) -> Choice:
    """Resolve a model name to an engine whose backend offers its torch module.

    Raises:
        ConfigError: The model has no such engine; the message lists the models that have one.
    """
    return choose_by(lambda backend, _: backend.torch_module is not None, "fine-tuned", model, weights)


def _finetune(
    chosen: Choice,
    folder: Path,
    examples: Sequence[Example],
    sides: tuple[list[int], list[int]],
    config: TrainingConfig,
    devices: Devices,
    overwrite: bool,
) -> FineTuned:
    from .train import Training

    request = chosen.request(weights_of(chosen), str(devices.device))
    run = {
        "model": chosen.model.name,
        "weights": dict(request.weights.sha256),
        "images": _fingerprint(examples),
        "processes": devices.count,
        **asdict(config),
    }
    file, unfinished = _state_file(folder, run, devices, overwrite)
    record = None if overwrite else finished_record(folder)
    if record is not None and (not unfinished or record.get("run") == run):
        check_same_run(folder, record, run)
        if devices.first:
            file.remove()  # A kill between the last file of the result and this removal leaves it.
        return replace(result_of(folder, chosen.model.license, record), was_finished=True)
    earlier = earlier_record(request)
    decoder, features = _model(chosen, request, [example.image for example in examples], config, devices)
    started = time.perf_counter()
    training = Training(decoder, examples, features, *sides, config, file, devices)
    outcome = training.run()
    seconds = time.perf_counter() - started
    record = training_record(request, examples, sides, config, outcome, training.parameters, run, earlier)
    if devices.first:
        write_result(folder, request, chosen.weights, decoder.files(outcome.state), outcome.log, record)
        with output_errors(file.path):
            file.remove()
    devices.wait()
    return result_of(folder, chosen.model.license, record, seconds=seconds, encoded=features.encoded)


def _state_file(folder: Path, run: Mapping[str, Any], devices: Devices, overwrite: bool) -> tuple[StateFile, bool]:
    """Return the state file of the run, and whether it holds a state. A state that is to be overwritten is removed.

    Raises:
        ConfigError: The state is of another training, which is refused before anything is computed.
    """
    from .state import StateFile

    file = StateFile(folder, run)
    if overwrite and devices.first:
        with output_errors(file.path):
            file.remove()
    devices.wait()
    return file, file.read() is not None


def _model(
    chosen: Choice, request: LoadRequest, images: Sequence[Path], config: TrainingConfig, devices: Devices
) -> tuple[TrainableDecoder, Embeddings | UncachedEmbeddings]:
    """Return the decoder to train, and the features of the images."""
    from .decoder import TrainableDecoder
    from .embeddings import Embeddings
    from .lora import AdaptedModel, UncachedEmbeddings

    torch_module = chosen.backend.torch_module or ""
    if config.lora:
        adapted = AdaptedModel(make(torch_module, request), devices.device, config.lora, config.seed)
        return adapted, UncachedEmbeddings(adapted, images)
    features = Embeddings(
        images,
        Provenance(chosen.model.name, chosen.engine.backend, "", request.weights.sha256),
        lambda cache: make(chosen.backend.factory, replace(request, options={**request.options, "cache": cache})),
        devices,
    )
    return TrainableDecoder(make(torch_module, request), devices.device), features


def _fingerprint(examples: Sequence[Example]) -> str:
    """Return one digest of all images and masks."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(example.content.encode())
        for masks in (example.objects, example.ignored):
            digest.update(f" {len(masks)} ".encode())
            for mask in masks:
                digest.update(mask.counts)
    return digest.hexdigest()[:16]


def _check_safetensors() -> None:
    import importlib.util

    if importlib.util.find_spec("safetensors") is None:
        raise MissingDependencyError("fine-tuning needs safetensors, which is not installed: pip install safetensors")


def _check_folder(folder: Path, overwrite: bool, inputs: Iterable[str | os.PathLike[str] | None], devices: Devices) -> None:
    """Check the folder before anything is computed, and remove what a killed training left half-written in it.

    Raises:
        ConfigError: The folder holds files, but no training.
        OutputError: The folder cannot be written to, or is an input.
    """
    from .state import NAME

    if devices.first:
        check_output_folder(folder, names=(DECODER, ENCODER, manifest.NAME, RECORD, LOG, NAME), inputs=inputs)
        remove_leftovers(folder.parent, folder.name)
        remove_leftovers(folder)
    devices.wait()
    if folder.is_dir() and not overwrite and any(folder.iterdir()) and not (folder / NAME).is_file() and finished_record(folder) is None:
        raise ConfigError(f"{folder} holds files: give another folder, or overwrite=True (--overwrite)")
