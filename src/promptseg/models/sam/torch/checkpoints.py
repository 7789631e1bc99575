"""Loading of checkpoints of SAM, SAM-HQ, SAM 2 and MobileSAM. The variant is recognized from the tensors; loading is strict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from ....errors import WeightsMismatchError
from ....runtime.checkpoints import State, check_state, named, read_checkpoint

VARIANTS = {1280: "vit_h", 1024: "vit_l", 768: "vit_b"}
"""Variants of SAM by the width of their image encoder."""

SAM2_SIZES = {(96, 12): "t", (96, 16): "s", (112, 24): "b+", (144, 48): "l"}
"""Sizes of SAM 2, as in the names of its configurations, by width and depth of the image encoder."""


def variant_of(state: State) -> str | None:
    """Return the variant of a checkpoint, from names and shapes of its tensors, or None if it is of another model.

    Variants are ``"vit_h"``, ``"vit_l"``, ``"vit_b"``, ``"vit_t"``, for SAM-HQ such as ``"sam_hq_vit_b"`` or ``"sam_hq_vit_tiny"``, and for
    SAM 2 such as ``"sam2_hiera_t"`` or ``"sam2.1_hiera_b+"``.
    """
    if "sam_mask_decoder.iou_token.weight" in state:
        return _sam2_variant_of(state)
    if "mask_decoder.iou_token.weight" not in state:
        return None
    positions = state.get("image_encoder.pos_embed")
    if positions is not None:
        encoder = VARIANTS.get(positions.shape[-1])
    else:
        encoder = "vit_t" if "image_encoder.patch_embed.seq.0.c.weight" in state else None
    if encoder is None or "mask_decoder.hf_token.weight" not in state:
        return encoder
    return f"sam_hq_{'vit_tiny' if encoder == 'vit_t' else encoder}"  # By the names of the authors' files.


def _sam2_variant_of(state: State) -> str | None:
    positions = state.get("image_encoder.trunk.pos_embed")
    depth = len({name.split(".")[3] for name in state if name.startswith("image_encoder.trunk.blocks.")})
    size = None if positions is None else SAM2_SIZES.get((positions.shape[1], depth))
    generation = "sam2.1" if "no_obj_embed_spatial" in state else "sam2"
    return size and f"{generation}_hiera_{size}"


def load_checkpoint(path: Path, build: Callable[[], Any], variant: str, model: str) -> Any:
    """Return a model with the weights of a checkpoint, in evaluation mode on the CPU.

    Args:
        path: The checkpoint.
        build: Function that makes the module with any weights. Its parameters may be on device ``meta``, without memory.
        variant: Variant of the module, as `variant_of` names it.
        model: Name of the model, for error messages.

    Raises:
        WeightsMismatchError: The checkpoint is damaged, cannot be loaded safely, or is of another model or variant.
    """
    state = read_checkpoint(path)
    found = variant_of(state)
    if found is None:
        raise WeightsMismatchError(
            f"{path} is not a checkpoint of SAM, SAM-HQ, SAM 2 or MobileSAM, model {model!r} needs one of {variant}; "
            f"it has {named(list(state))}"
        )
    if found != variant:
        raise WeightsMismatchError(f"{path}: these are the weights of {found}, model {model!r} needs {variant}")
    module = build()
    check_state(path, state, module.state_dict(), model)
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    module.load_state_dict(state, strict=True, assign=True)
    # eval() is called after loading because it makes MobileSAM renew its copy of the attention biases.
    return module.eval().requires_grad_(False)


def decoder_state(module: Any) -> dict[str, Tensor]:
    """Return the tensors of a model's prompt encoder and mask decoder, by name, for modules of SAM, MobileSAM or SAM 2.

    SAM 2's mask decoder also holds the convolutions ``conv_s0`` and ``conv_s1``, which encode images. They are left out, because
    embeddings depend on them.
    """
    return {
        name: tensor
        for name, tensor in module.state_dict().items()
        if name.removeprefix("sam_").startswith(("prompt_encoder.", "mask_decoder.")) and ".conv_s" not in name
    }


def encoder_state(module: Any) -> dict[str, Tensor]:
    """Return the tensors of a model's image encoder, by name, without the convolutions for images in SAM 2's mask decoder."""
    return {name: tensor for name, tensor in module.state_dict().items() if name.startswith("image_encoder.")}


def load_part(path: Path, module: Any, part: State, model: str) -> Any:
    """Return a model after loading a part of its tensors from a file that `promptseg.finetune_decoder` wrote.

    Args:
        path: The file.
        module: The base model, in evaluation mode on the CPU. It is changed.
        part: The present tensors of that part, from `decoder_state` or `encoder_state`.
        model: Name of the model, for error messages.

    Raises:
        WeightsMismatchError: The file is damaged, or its tensors are not exactly those of the part.
    """
    state = read_checkpoint(path)
    check_state(path, state, part, model)
    module.load_state_dict(state, strict=False, assign=True)
    return module.eval().requires_grad_(False)
