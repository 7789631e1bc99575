"""Both sides of `gpu.py`: upstream's code and promptseg's torch engine, with the same parameters, on one device.

With the weights of mini-sam, all models have its prompt encoder and mask decoder, and on both sides the output of the image encoder is
replaced by mini-sam's embedding of the image. Encoders have random weights, which take as long to multiply. So the masks are real, and
filters drop as many as on a real image. SAM 2's decoder has a token and features more; they are zero. Its sigmoid of the predicted IoU is
undone by the threshold.
"""

from __future__ import annotations

import contextlib
import copy
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

VITS = {"sam-vit-h": "vit_h", "sam-vit-l": "vit_l", "sam-vit-b": "vit_b"}
SAM2 = {"sam2.1-hiera-tiny": "t", "sam2.1-hiera-small": "s", "sam2.1-hiera-base-plus": "b+", "sam2.1-hiera-large": "l"}
MODELS = ("sam-vit-h", "mini-sam", "sam2.1-hiera-tiny", "sam-vit-b", "sam2.1-hiera-large", "sam-vit-l", *list(SAM2)[1:3])
"""By importance: the first are measured first."""

QUICK_MODELS = ("sam-vit-h", "mini-sam", "sam2.1-hiera-tiny")
QUICK_SAM2 = (
    "++model.image_size=128",
    "++model.image_encoder.trunk.embed_dim=16",
    "++model.image_encoder.trunk.stages=[1,1,2,1]",
    "++model.image_encoder.trunk.global_att_blocks=[3]",
    "++model.image_encoder.neck.backbone_channel_list=[128,64,32,16]",
)


class Replacing(nn.Module):
    """Image encoder that runs, and then returns a given embedding, if there is one, in place of its own."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.embedding: torch.Tensor | None = None

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("encoder"), name)

    def forward(self, images: torch.Tensor) -> Any:
        found = self.encoder(images)
        if self.embedding is None:
            return found
        if isinstance(found, tuple):  # promptseg's encoder of SAM 2.
            return self.embedding.to(found[0]), *found[1:]
        if isinstance(found, dict):  # Upstream's.
            found["backbone_fpn"][-1] = self.embedding.to(found["backbone_fpn"][-1])
            return found
        return self.embedding.to(found)


@dataclass
class Model:
    """One model on both sides.

    Attributes:
        name: Its name in promptseg.
        module: Upstream's model on the device, with a `Replacing` encoder. promptseg's engines are made of copies.
        is_real: Whether its decoder has the weights of mini-sam.
        weight_bytes: Bytes of its parameters in float32.
        engines: promptseg's segmenters, by device type and dtype.
        embeddings: mini-sam's embeddings of images, by size.
    """

    name: str
    module: Any
    is_real: bool
    device: torch.device
    weight_bytes: int = 0
    engines: dict[tuple[str, torch.dtype], Any] = field(default_factory=dict)
    embeddings: dict[tuple[int, int], torch.Tensor] = field(default_factory=dict)

    @property
    def is_sam2(self) -> bool:
        return self.name in SAM2

    def thresholds(self) -> dict[str, float]:
        """Return settings of everything mode that drop as many candidates as on a real image; of a random decoder, none."""
        if not self.is_real:
            return {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0}
        return {"pred_iou_thresh": 1 / (1 + math.exp(-0.88)) if self.is_sam2 else 0.88, "stability_score_thresh": 0.95}

    def show(self, size: tuple[int, int] | None) -> None:
        """Replace the embeddings on both sides by that of the image of a size; None for what the encoders give."""
        known = None if size is None else self.embeddings.get(size)
        self.module.image_encoder.embedding = known
        for segmenter in self.engines.values():
            segmenter.model._encoder.embedding = known  # noqa: SLF001 - Both sides get the same.

    def engine(self, device: torch.device, dtype: torch.dtype) -> Any:
        """Return promptseg's segmenter on a device, without a cache."""
        key = (device.type, dtype)
        if key not in self.engines:
            self.engines[key] = ours(self.name, self.module, device, dtype)
            self.engines[key].model._encoder.embedding = self.module.image_encoder.embedding  # noqa: SLF001
        return self.engines[key]

    def predictor(self) -> Any:
        """Return upstream's predictor."""
        if self.is_sam2:
            from sam2.sam2_image_predictor import SAM2ImagePredictor

            return with_sizes(SAM2ImagePredictor(self.module))
        if self.name == "mini-sam":
            from mobile_sam import SamPredictor
        else:
            from segment_anything import SamPredictor
        return SamPredictor(self.module)

    def generator(self, points_per_side: int) -> Any:
        """Return upstream's generator of everything mode."""
        settings = {"points_per_side": points_per_side, "output_mode": "uncompressed_rle", **self.thresholds()}
        if self.is_sam2:
            from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

            made = SAM2AutomaticMaskGenerator(self.module, **settings)
            with_sizes(made.predictor)
            return made
        if self.name == "mini-sam":
            from mobile_sam import SamAutomaticMaskGenerator
        else:
            from segment_anything import SamAutomaticMaskGenerator
        return SamAutomaticMaskGenerator(self.module, **settings)


def with_sizes(predictor: Any) -> Any:
    """Let SAM 2's predictor know its input size. By itself it knows that of 1024 pixels alone."""
    grid = predictor.model.image_size // 16
    predictor._bb_feat_sizes = [(4 * grid, 4 * grid), (2 * grid, 2 * grid), (grid, grid)]  # noqa: SLF001
    return predictor


def ours(name: str, module: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """Return promptseg's segmenter of a copy of upstream's model, as the backends make it."""
    from promptseg.models.sam.session import SamSegmenter
    from promptseg.models.sam.torch.model import TorchSam, TorchSettings
    from promptseg.models.sam.torch.sam2 import TorchSam2
    from promptseg.models.sam.torch.tinyvit import TinyVitEncoder
    from promptseg.models.sam.torch.vit import VitEncoder
    from promptseg.results import Provenance

    own = copy.deepcopy(module)
    own.image_encoder = own.image_encoder.encoder
    if name == "mini-sam":
        own.image_encoder = TinyVitEncoder(own.image_encoder)
    elif name in VITS:
        own.image_encoder = VitEncoder(own.image_encoder)
    kind = TorchSam2 if name in SAM2 else TorchSam
    made = kind(own, Provenance(name, "benchmark", "1"), TorchSettings(device, dtype))
    made._encoder = Replacing(made._encoder)  # noqa: SLF001 - The same replacement as upstream's.
    return SamSegmenter(made)


def build(name: str, device: torch.device, weights: Path | None, quick: bool) -> Model:
    """Return a model on the device, with the decoder of mini-sam if its weights are given."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of timm's registry.
        if name == "mini-sam":
            module = quick_tiny_vit() if quick else mini_sam(weights)
        elif name in VITS:
            module = quick_vit() if quick else vit(VITS[name], device)
        else:
            module = sam2(SAM2[name], quick)
    small = None if quick or weights is None or name == "mini-sam" else mini_sam(weights)
    if small is not None:
        put_decoder(module, small)
    module = module.to(device).eval().requires_grad_(False)
    module.image_encoder = Replacing(module.image_encoder)
    is_real = not quick and weights is not None
    return Model(name, module, is_real, device, sum(parameter.nbytes for parameter in module.parameters()))


def mini_sam(weights: Path | None) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mobile_sam import sam_model_registry

        model = sam_model_registry["vit_t"](None if weights is None else str(weights))
    return model.eval()  # Once more: it caches attention biases when it is called, and the registry calls it before loading.


def vit(variant: str, device: torch.device) -> Any:
    from segment_anything import sam_model_registry

    with device:  # Random numbers for 600 million parameters take long on a CPU.
        return sam_model_registry[variant]()


def sam2(size: str, quick: bool, video: bool = False) -> Any:
    """Return SAM 2.1 of package sam2 on the CPU, with random weights."""
    import hydra
    from sam2 import build_sam

    hydra.core.global_hydra.GlobalHydra.instance().clear()
    make = build_sam.build_sam2_video_predictor if video else build_sam.build_sam2
    with hydra.initialize_config_module("sam2", version_base="1.2"):
        changes = list(QUICK_SAM2) if quick else []
        model = make(f"configs/sam2.1/sam2.1_hiera_{size}.yaml", device="cpu", hydra_overrides_extra=changes)
    return model.requires_grad_(False)


def put_decoder(module: Any, small: Any) -> None:
    """Give a model the prompt encoder and mask decoder of mini-sam."""
    if not hasattr(module, "sam_mask_decoder"):
        module.prompt_encoder, module.mask_decoder = small.prompt_encoder, small.mask_decoder
        return
    decoder, encoder = module.sam_mask_decoder, module.sam_prompt_encoder
    decoder.load_state_dict(small.mask_decoder.state_dict(), strict=False)
    encoder.load_state_dict(small.prompt_encoder.state_dict(), strict=False)
    with torch.no_grad():
        for value in (decoder.obj_score_token.weight, module.no_mem_embed, *decoder.conv_s0.parameters(), *decoder.conv_s1.parameters()):
            value.zero_()


def quick_tiny_vit() -> Any:
    from mobile_sam import modeling

    widths = {"embed_dims": [8, 8, 16, 320], "depths": [2, 1, 1, 1], "num_heads": [1, 2, 2, 5], "window_sizes": [7, 7, 14, 7]}
    encoder = modeling.TinyViT(img_size=1024, num_classes=0, mlp_ratio=1.0, **widths)
    return _quick(modeling, encoder, 256, 1024, 64)


def quick_vit() -> Any:
    from segment_anything import modeling

    encoder = modeling.ImageEncoderViT(
        img_size=64,
        patch_size=16,
        embed_dim=32,
        depth=2,
        num_heads=2,
        out_chans=32,
        use_rel_pos=True,
        window_size=3,
        global_attn_indexes=(1,),
    )
    return _quick(modeling, encoder, 32, 64, 4)


def _quick(modeling: Any, encoder: Any, width: int, side: int, grid: int) -> Any:
    prompts = modeling.PromptEncoder(width, (grid, grid), (side, side), mask_in_chans=16)
    transformer = modeling.TwoWayTransformer(1, width, 4, mlp_dim=64)
    decoder = modeling.MaskDecoder(transformer_dim=width, transformer=transformer, iou_head_hidden_dim=32)
    return modeling.Sam(encoder, prompts, decoder)


def add_embeddings(model: Model, small: Any, images: dict[tuple[int, int], np.ndarray]) -> None:
    """Compute mini-sam's embeddings of images in the geometry of a model, which for SAM 2 is a square."""
    import cv2
    from mobile_sam import SamPredictor

    predictor = SamPredictor(small)
    for size, image in images.items():
        predictor.set_image(cv2.resize(image, (1024, 1024), interpolation=cv2.INTER_AREA) if model.is_sam2 else image)
        model.embeddings[size] = predictor.get_image_embedding()


@contextlib.contextmanager
def upstream_dtype(model_is_sam2: bool, device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Compute upstream's code in inference mode: SAM in float32, SAM 2 in a 16-bit dtype under autocast, as its authors advise."""
    low = model_is_sam2 and dtype != torch.float32
    with torch.inference_mode(), torch.autocast(device.type, dtype if low else torch.bfloat16, enabled=low):
        yield


def decoded_boxes(model: Model, predictor: Any, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return upstream's masks (N, H, W) of boxes, in one call."""
    if model.is_sam2:
        masks = predictor.predict(box=boxes, multimask_output=False)[0]
        return np.asarray(masks).reshape(len(boxes), *size) > 0
    given = predictor.transform.apply_boxes_torch(torch.as_tensor(boxes, device=model.device), size)
    masks, _, _ = predictor.predict_torch(None, None, boxes=given, multimask_output=False)
    array: np.ndarray = masks[:, 0].cpu().numpy()
    return array
