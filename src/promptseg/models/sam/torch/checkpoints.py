"""Checkpoints of SAM, SAM 2 and MobileSAM: recognized from their tensors, loaded strictly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from ....errors import WeightsMismatchError
from ....runtime.checkpoints import State, check_state, named, read_checkpoint

VARIANTS = {1280: "vit_h", 1024: "vit_l", 768: "vit_b"}
"""SAM's variants by the width of their encoder."""

SAM2_SIZES = {(96, 12): "t", (96, 16): "s", (112, 24): "b+", (144, 48): "l"}
"""SAM 2's sizes, as in the names of its configurations, by width and depth of their encoder."""


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
            f"{path} is not a checkpoint of SAM, SAM 2 or MobileSAM, model {model!r} needs one of {variant}; it has {named(list(state))}"
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
