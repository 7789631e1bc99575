"""Checkpoints of segment-anything and MobileSAM: read without running anything in them, recognised from their tensors, loaded strictly.

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

from ..errors import WeightsMismatchError

State = Mapping[str, Tensor]

VARIANTS = {1280: "vit_h", 1024: "vit_l", 768: "vit_b"}
"""SAM's variants by the width of their encoder."""

_NAMED = 4
"""How many tensors a message names."""


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint on the CPU, by name. Nothing in the file is executed.

    Raises:
        WeightsMismatchError: It is damaged, holds something other than tensors, or is no checkpoint at all.
    """
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


def variant_of(state: State) -> str | None:
    """``"vit_h"``, ``"vit_l"``, ``"vit_b"`` or ``"vit_t"``, told from names and shapes; None for something else."""
    if "mask_decoder.iou_token.weight" not in state:
        return None
    positions = state.get("image_encoder.pos_embed")
    if positions is not None:
        return VARIANTS.get(positions.shape[-1])
    return "vit_t" if "image_encoder.patch_embed.seq.0.c.weight" in state else None


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
            f"{path} is not a checkpoint of SAM or MobileSAM, model {model!r} needs one of {variant}; it has {_some(list(state))}"
        )
    if found != variant:
        raise WeightsMismatchError(f"{path}: these are the weights of {found}, model {model!r} needs {variant}")
    module = build()
    check_state(path, state, module.state_dict(), model)
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    module.load_state_dict(state, strict=True, assign=True)
    # Again after loading: MobileSAM keeps a copy of its attention biases from the last time that it was called.
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
