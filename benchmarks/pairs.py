"""Upstream's code and promptseg's with the same weights, by model name.

mini-sam has real weights. SAM and SAM 2 have random weights, which take as long to multiply. For SAM both sides then replace the output of
the random encoder by mini-sam's embedding of the image, and use mini-sam's decoder, which has SAM's architecture. So the decoded masks are
real, and filters drop as many as on a real image. SAM 2's decoder is random.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import upstream_model

SAM = {"sam-vit-b": "vit_b", "sam-vit-l": "vit_l", "sam-vit-h": "vit_h"}
SAM2 = tuple(f"sam2.1-hiera-{size}" for size in ("tiny", "small", "base-plus", "large"))
MODELS = ("mini-sam", *SAM, *SAM2)


@dataclass(frozen=True)
class Pair:
    """One model on both sides.

    Attributes:
        predictor: Upstream's predictor, with ``set_image`` and ``predict``.
        generator: Upstream's class for everything mode, called with the model.
        model: Upstream's model.
        ours: promptseg's segmenter, without a cache.
    """

    predictor: Any
    generator: Any
    model: Any
    ours: Any


def pair_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add ``--model``, ``--engine``, ``--device`` and ``--dtype``."""
    arguments.add_argument("--model", choices=MODELS, default="mini-sam")
    arguments.add_argument("--engine", choices=("onnx", "torch"), default="onnx", help="which of promptseg's engines runs mini-sam")
    arguments.add_argument("--device", default="cpu", help="device of both sides; promptseg needs its torch engine for another than cpu")
    arguments.add_argument("--dtype", default="float32", help="number type of promptseg's torch engine; upstream stays in float32")


def pair(options: argparse.Namespace, image: np.ndarray) -> Pair:
    """Return the chosen model on both sides, for the given image."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Warnings of timm's registry, and deprecations in torch.
        if options.model == "mini-sam":
            return _mini_sam(options)
        return _sam(options, image) if options.model in SAM else _sam2(options)


def _mini_sam(options: argparse.Namespace) -> Pair:
    from mobile_sam import SamAutomaticMaskGenerator, SamPredictor

    import promptseg

    model = upstream_model(options).to(options.device)
    if options.engine == "torch":
        ours = promptseg.load("mini-sam", engine="torch", device=options.device, dtype=options.dtype, allow_slow=True, cache=None)
    else:
        ours = promptseg.load("mini-sam", cache=None)
    return Pair(SamPredictor(model), SamAutomaticMaskGenerator, model, ours)


def _sam(options: argparse.Namespace, image: np.ndarray) -> Pair:
    import torch
    from segment_anything import SamAutomaticMaskGenerator, SamPredictor, sam_model_registry

    from promptseg.models.sam.session import SamSegmenter
    from promptseg.models.sam.torch.model import TorchSam, TorchSettings
    from promptseg.models.sam.torch.vit import VitEncoder
    from promptseg.results import Provenance

    class Replacing(torch.nn.Module):
        """Encoder that runs, and then returns a given embedding."""

        def __init__(self, encoder: Any, embedding: torch.Tensor) -> None:
            super().__init__()
            self.encoder, self.img_size = encoder, encoder.img_size
            self.register_buffer("embedding", embedding)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.encoder(images) * 0 + self.embedding

    small = upstream_model(options)
    known = _embedding(small, image)
    torch.manual_seed(0)
    model = sam_model_registry[SAM[options.model]]().eval().requires_grad_(False)
    model.prompt_encoder, model.mask_decoder = small.prompt_encoder, small.mask_decoder
    own = copy.deepcopy(model)
    own.image_encoder = Replacing(VitEncoder(own.image_encoder), known)
    model.image_encoder = Replacing(model.image_encoder, known)
    model.to(options.device)
    settings = TorchSettings.checked(options.device, {"dtype": options.dtype, "allow_slow": True, "decode_batch": None, "compile": False})
    ours = SamSegmenter(TorchSam(own, Provenance(options.model, "sam", "torch"), settings))
    return Pair(SamPredictor(model), SamAutomaticMaskGenerator, model, ours)


def _embedding(model: Any, image: np.ndarray) -> Any:
    from mobile_sam import SamPredictor

    predictor = SamPredictor(model)
    predictor.set_image(image)
    return predictor.get_image_embedding()


def _sam2(options: argparse.Namespace) -> Pair:
    import torch
    from common import THREADS
    from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator
    from sam2.build_sam import build_sam2
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    import promptseg

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    config = promptseg.list_models()[options.model].engine("torch").variant
    model = build_sam2(config, None, device=options.device)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.pt"
        torch.save({"model": model.state_dict()}, path)
        ours = promptseg.load(
            options.model, engine="torch", weights=path, device=options.device, dtype=options.dtype, allow_slow=True, cache=None
        )
    return Pair(SAM2ImagePredictor(model), SAM2AutomaticMaskGenerator, model, ours)
