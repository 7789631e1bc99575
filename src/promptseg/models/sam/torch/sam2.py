"""`TorchSam2`: SAM 2 and 2.1 on single images, in torch.

It differs from SAM in the encoder, which gives features at three resolutions, and in the decoder configuration, which is that of
``SAM2ImagePredictor`` and ``SAM2AutomaticMaskGenerator`` in sam2 (Ravi et al., "SAM 2", 2024). Memory modules, which only video needs, are
dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ....masks import Size
from ....results import Provenance
from ....runtime.memory import MemoryRequirement
from ..geometry import InputGeometry, StretchToSquare
from ..mask_batch import Stability
from ..model import DecoderConfig
from .encoding import TorchSettings
from .hiera import HieraEncoder
from .model import EMBEDDING, HIGH_RES, TorchSam

PRED_IOU_THRESH = 0.8
"""Default threshold of the predicted IoU in ``SAM2AutomaticMaskGenerator``."""

LOGIT_LIMIT = 32.0
"""``SAM2ImagePredictor`` clips logits to plus and minus this value."""


class StretchedSam(TorchSam):
    """A model with SAM 2's decoder on images, which are stretched to the whole model input; a `promptseg.models.sam.model.SamModel`.

    Args:
        sam: The model under segment-anything's names: ``image_encoder``, which returns the embedding and the two finer features,
            ``prompt_encoder`` and ``mask_decoder``. It is moved to the device and converted, and must not be used elsewhere afterwards.
        provenance: Provenance of the model.
        settings: Device, dtype and further settings.
        need: Memory requirements of the model; None if unknown.

    Raises:
        OutOfMemoryError: The model does not fit on the device.
    """

    def __init__(self, sam: Any, provenance: Provenance, settings: TorchSettings, need: MemoryRequirement | None = None) -> None:
        self.decoder_config = decoder_config_of(sam.mask_decoder)
        super().__init__(sam, provenance, settings, need)

    def geometry(self, size: Size) -> InputGeometry:
        """Return the geometry of images of a size: they are stretched to the whole model input."""
        return StretchToSquare(size, self._input_size, self._low_res)

    def _features(self, batch: Tensor) -> Mapping[str, Tensor]:
        return dict(zip((EMBEDDING, *HIGH_RES), self._encoder(batch), strict=True))


class TorchSam2(StretchedSam):
    """A model of package sam2 on images; a `promptseg.models.sam.model.SamModel`.

    Args:
        sam2: ``SAM2Base``, with its weights, in evaluation mode. It is moved to the device and converted, and must not be used elsewhere
            afterwards.
        provenance: Provenance of the model.
        settings: Device, dtype and further settings.
        need: Memory requirements of the model; None if unknown.

    Raises:
        OutOfMemoryError: The model does not fit on the device.
    """

    def __init__(self, sam2: Any, provenance: Provenance, settings: TorchSettings, need: MemoryRequirement | None = None) -> None:
        super().__init__(_ImageModel(sam2), provenance, settings, need)


class _ImageModel(nn.Module):
    """The parts of a ``SAM2Base`` that images need, under segment-anything's names."""

    def __init__(self, sam2: Any) -> None:
        super().__init__()
        self.image_encoder = HieraEncoder(sam2)
        self.prompt_encoder = sam2.sam_prompt_encoder
        self.mask_decoder = sam2.sam_mask_decoder


class ImageEncoder(nn.Module):
    """Image encoder of SAM 2: ``SAM2Base.forward_image`` plus ``no_mem_embed``, the embedding for an image without memory.

    It is upstream's own code, which can be trained. `HieraEncoder` gives the same features faster.
    """

    def __init__(self, sam2: Any) -> None:
        super().__init__()
        self.img_size = int(sam2.image_size)
        self.backbone = sam2.image_encoder
        self.backbone.neck.position_encoding = nn.Identity()  # Only memory uses positions; without them 85 MB are saved.
        self.conv_s0, self.conv_s1 = sam2.sam_mask_decoder.conv_s0, sam2.sam_mask_decoder.conv_s1
        self.no_memory = sam2.no_mem_embed if sam2.directly_add_no_mem_embed else None

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the image embedding, and the features at four and at two times its grid."""
        finest, finer, embedding = self.backbone(batch)["backbone_fpn"]
        if self.no_memory is not None:
            embedding = embedding + self.no_memory.view(1, -1, 1, 1)
        return embedding, self.conv_s0(finest), self.conv_s1(finer)


def decoder_config_of(mask_decoder: Any) -> DecoderConfig:
    """Return the decoder configuration of an image model with this ``MaskDecoder`` of sam2."""
    stability = None
    if mask_decoder.dynamic_multimask_via_stability:
        stability = Stability(mask_decoder.dynamic_multimask_stability_delta, mask_decoder.dynamic_multimask_stability_thresh)
    return DecoderConfig(stability=stability, pads_boxes=True, pred_iou_thresh=PRED_IOU_THRESH, logit_limit=LOGIT_LIMIT)
