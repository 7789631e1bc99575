"""Checkpoints of SAM, SAM 2 and MobileSAM: read without running anything in them, recognised from their tensors, loaded strictly.

A checkpoint is a pickle, and a pickle is a program. Only tensors and plain containers are let through (torch's ``weights_only``), whatever
file the user was given.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import MissingDependencyError, WeightsMismatchError

State = Mapping[str, Tensor]

VARIANTS = {1280: "vit_h", 1024: "vit_l", 768: "vit_b"}
"""SAM's variants by the width of their encoder."""

SAM2_SIZES = {(96, 12): "t", (96, 16): "s", (112, 24): "b+", (144, 48): "l"}
"""SAM 2's sizes, as in the names of its configurations, by width and depth of their encoder."""

_NAMED = 4
"""How many tensors a message names."""


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint on the CPU, by name. Nothing in the file is executed.

    Raises:
        WeightsMismatchError: It is damaged, holds something other than tensors, or is no checkpoint at all.
        MissingDependencyError: It is a safetensors file, and that package is not installed.
    """
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of TorchScript archives and old formats; what matters is raised.
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises UnpicklingError, RuntimeError, EOFError and others, by where the file stops making sense.
        first_line = (str(error) or type(error).__name__).partition("\n")[0]
        raise WeightsMismatchError(
            f"{path} is not a checkpoint that can be loaded safely: it is damaged, or holds more than tensors ({first_line})"
        ) from error
    for wrapper in ("model", "state_dict"):  # As training scripts save them.
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items()):
        raise WeightsMismatchError(f"{path} is not a checkpoint: it should hold tensors by name, it holds {_described(content)}")
    return dict(content)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingDependencyError(f"{path} can be read where safetensors is installed: pip install safetensors") from error
    try:
        return load_file(path)
    except Exception as error:  # SafetensorError, which derives from nothing but Exception, or an OSError.
        raise WeightsMismatchError(f"{path} is not a safetensors file, or is damaged: {error}") from error


def variant_of(state: State) -> str | None:
    """``"vit_h"``, ``"vit_l"``, ``"vit_b"``, ``"vit_t"``, or such as ``"sam2_hiera_t"`` or ``"sam2.1_hiera_b+"``; None for something else.

    Told from names and shapes alone.
    """
    if "sam_mask_decoder.iou_token.weight" in state:
        return _sam2_variant_of(state)
    if "mask_decoder.iou_token.weight" not in state:
        return None
    positions = state.get("image_encoder.pos_embed")
    if positions is not None:
        return VARIANTS.get(positions.shape[-1])
    return "vit_t" if "image_encoder.patch_embed.seq.0.c.weight" in state else None


def _sam2_variant_of(state: State) -> str | None:
    positions = state.get("image_encoder.trunk.pos_embed")
    depth = len({name.split(".")[3] for name in state if name.startswith("image_encoder.trunk.blocks.")})
    size = None if positions is None else SAM2_SIZES.get((positions.shape[1], depth))
    generation = "sam2.1" if "no_obj_embed_spatial" in state else "sam2"
    return size and f"{generation}_hiera_{size}"


def load_checkpoint(path: Path, build: Callable[[], Any], variant: str, model: str) -> Any:
    """A model with the weights of a checkpoint, in evaluation mode on the CPU.

    Args:
        path: The checkpoint.
        build: Makes the module, with any weights; its parameters may be without memory (device ``meta``).
        variant: Which variant that is.
        model: The model's name, for the messages.

    Raises:
        WeightsMismatchError: The checkpoint is damaged, unsafe, or of something else.
    """
    state = read_checkpoint(path)
    found = variant_of(state)
    if found is None:
        raise WeightsMismatchError(
            f"{path} is not a checkpoint of SAM, SAM 2 or MobileSAM, model {model!r} needs one of {variant}; it has {_some(list(state))}"
        )
    if found != variant:
        raise WeightsMismatchError(f"{path}: these are the weights of {found}, model {model!r} needs {variant}")
    module = build()
    check_state(path, state, module.state_dict(), model)
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    module.load_state_dict(state, strict=True, assign=True)
    # Again after loading: MobileSAM keeps a copy of its attention biases from the last time that it was called.
    return module.eval().requires_grad_(False)


def decoder_state(module: Any) -> dict[str, Tensor]:
    """The tensors of a model's prompt encoder and mask decoder, by name, of the packages of SAM and MobileSAM or of SAM 2.

    Without those through which SAM 2 encodes images, although they are part of its mask decoder: embeddings depend on them.
    """
    return {
        name: tensor
        for name, tensor in module.state_dict().items()
        if name.removeprefix("sam_").startswith(("prompt_encoder.", "mask_decoder.")) and ".conv_s" not in name
    }


def encoder_state(module: Any) -> dict[str, Tensor]:
    """The tensors of a model's image encoder, by name, without those that `decoder_state` leaves to it in SAM 2's mask decoder."""
    return {name: tensor for name, tensor in module.state_dict().items() if name.startswith("image_encoder.")}


def load_part(path: Path, module: Any, part: State, model: str) -> Any:
    """A model with a part of its tensors from a file that `promptseg.finetune_decoder` wrote.

    Args:
        path: The file.
        module: The model that the file builds on, in evaluation mode on the CPU. It is changed.
        part: The tensors of that part, as `decoder_state` or `encoder_state` gives them.
        model: The model's name, for the messages.

    Raises:
        WeightsMismatchError: The file is damaged, or holds other tensors.
    """
    state = read_checkpoint(path)
    check_state(path, state, part, model)
    module.load_state_dict(state, strict=False, assign=True)
    return module.eval().requires_grad_(False)


def check_state(path: Path, state: State, expected: State, model: str) -> None:
    """Checks that the tensors of a file are exactly those of a model, by name and shape.

    Args:
        path: The file, for the message.
        state: Its tensors.
        expected: The model's.
        model: The model's name, for the message.

    Raises:
        WeightsMismatchError: They are not; the message says which are missing, too many or of another shape.
    """
    faults = []
    missing = [name for name in expected if name not in state]
    unexpected = [name for name in state if name not in expected]
    misshapen = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in state and state[name].shape != tensor.shape
    ]
    for fault, names in (("lacks", missing), ("also has", unexpected), ("has", misshapen)):
        if names:
            faults.append(f"{fault} {_some(names)}")
    if faults:
        raise WeightsMismatchError(f"{path} does not fit model {model!r}: it {'; it '.join(faults)}")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (", ".join(names[:_NAMED]) or "no tensors") + more


def _described(content: Any) -> str:
    if isinstance(content, Mapping):
        others = [f"{name!r} ({type(value).__name__})" for name, value in content.items() if not isinstance(value, Tensor)]
        return f"a dictionary with {_some(others)}"
    return f"a {type(content).__name__}"
