"""Backends that come with promptseg, as `BackendSpec` objects. Add the `BackendSpec` of a new backend to `BUILT_IN`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..prompts import PromptKind
from .spec import BackendSpec

DEFAULT_MODEL = "mini-sam"

DEFAULT_CONCEPT_MODEL = "exemplar"
"""Finds what is like an example with the features of any segmenter."""

_SPATIAL: frozenset[PromptKind] = frozenset({"point", "box", "mask", "everything"})

_TORCH: Mapping[str, Any] = {"dtype": "float32", "allow_slow": False}
_TORCH_SAM: Mapping[str, Any] = {**_TORCH, "cache": "memory", "decode_batch": None, "selection": "published", "compile": False}
_YOLO: Mapping[str, Any] = {"threshold": 0.05, "iou": 0.7, "max_detections": 300, "imgsz": None, "masks": True}
_GROUNDING_DINO: Mapping[str, Any] = {**_TORCH, "threshold": 0.05, "thresholds": None, "phrases_per_pass": None}

_INSTALL_TRANSFORMERS = "pip install torch && pip install 'promptseg[transformers]' (torch first)"
_FIND_FOLDER = "promptseg.backends._transformers:find_weights"

_INSTALL_SAM3 = "pip install torch torchvision && pip install 'promptseg[transformers]' (the two together and first)"

_INSTALL_SAM2 = "pip install torch torchvision 'setuptools>=77' && SAM2_BUILD_CUDA=0 pip install --no-build-isolation 'sam2>=1.1'"

BUILT_IN = (
    BackendSpec(
        name="onnx_sam",
        kind="segmenter",
        factory="promptseg.backends.onnx_sam:load",
        accepts=_SPATIAL,
        options={"threads": None, "cache": "memory", "decode_batch": 4, "selection": "published", "quantize": None},
        variants=frozenset({"sam", "sam-int8", "sam2", "efficient-sam", "any"}),
        requires=("onnxruntime", "onnx"),
        install="pip install promptseg",
        prepare="promptseg.backends.onnx_sam:prepare",
        recognizes=(".onnx", ".onnx"),
    ),
    BackendSpec(
        name="sam",
        kind="segmenter",
        factory="promptseg.backends.sam:load",
        accepts=_SPATIAL,
        options=_TORCH_SAM,
        requires=("torch", "torchvision", "segment_anything"),
        install="pip install torch torchvision && pip install 'promptseg[sam]' (the two together and first)",
        torch_module="promptseg.backends.sam:torch_module",
        export_layout="promptseg.export.sam:SamLayout",
    ),
    BackendSpec(
        name="mobile_sam",
        kind="segmenter",
        factory="promptseg.backends.mobile_sam:load",
        accepts=_SPATIAL,
        options=_TORCH_SAM,
        requires=("torch", "torchvision", "timm", "mobile_sam"),
        install="pip install torch torchvision && pip install 'promptseg[mobile-sam]' (the two together and first)",
        torch_module="promptseg.backends.mobile_sam:torch_module",
        export_layout="promptseg.export.sam:SamLayout",
    ),
    BackendSpec(
        name="sam2",
        kind="segmenter",
        factory="promptseg.backends.sam2:load",
        accepts=_SPATIAL,
        options=_TORCH_SAM,
        requires=("torch", "torchvision", "sam2"),
        install=_INSTALL_SAM2,
        video="sam2_video",
        torch_module="promptseg.backends.sam2:torch_module",
        export_layout="promptseg.export.sam2:Sam2Layout",
    ),
    BackendSpec(
        name="sam2_video",
        kind="video",
        factory="promptseg.backends.sam2_video:load",
        accepts=frozenset({"point", "box", "mask"}),
        options={**_TORCH, "memory": 512, "prompted_frames": 16, "fill_holes": 8, "logits": False},
        requires=("torch", "torchvision", "sam2"),
        install=_INSTALL_SAM2,
    ),
    BackendSpec(
        name="yolo",
        kind="detector",
        factory="promptseg.backends.yolo:load",
        accepts=frozenset({"text"}),
        options={**_YOLO, **_TORCH},
        requires=("torch", "torchvision", "ultralytics"),
        install="pip install torch torchvision && pip install --no-deps 'ultralytics>=8.3.253' (AGPL-3.0)",
    ),
    BackendSpec(
        name="onnx_yolo",
        kind="detector",
        factory="promptseg.backends.onnx_yolo:load",
        accepts=frozenset({"text"}),
        options={**_YOLO, "threads": None},
        requires=("onnxruntime",),
        install="pip install promptseg",
    ),
    BackendSpec(
        name="grounding_dino",
        kind="detector",
        factory="promptseg.backends.grounding_dino:load",
        accepts=frozenset({"text"}),
        options=_GROUNDING_DINO,
        variants=frozenset({"swin-t", "swin-b"}),
        requires=("torch", "transformers"),
        install="pip install torch && pip install 'promptseg[grounding-dino]' (torch first)",
        find_weights="promptseg.backends._grounding_dino:find_weights",
    ),
    BackendSpec(
        name="grounding_dino_original",
        kind="detector",
        factory="promptseg.backends.grounding_dino:load_original",
        accepts=frozenset({"text"}),
        options=_GROUNDING_DINO,
        variants=frozenset({"swin-t", "swin-b"}),
        requires=("torch", "torchvision", "transformers", "timm", "addict", "yapf", "matplotlib", "groundingdino"),
        install="pip install torch torchvision && pip install 'promptseg[grounding-dino-original]' "
        "&& pip install --no-deps groundingdino-py (in this order)",
        find_weights="promptseg.backends._grounding_dino:find_weights",
    ),
    BackendSpec(
        name="mm_grounding_dino",
        kind="detector",
        factory="promptseg.backends.mm_grounding_dino:load",
        accepts=frozenset({"text"}),
        options=_GROUNDING_DINO,
        requires=("torch", "transformers"),
        install=_INSTALL_TRANSFORMERS,
        find_weights=_FIND_FOLDER,
    ),
    BackendSpec(
        name="owlv2",
        kind="detector",
        factory="promptseg.backends.owlv2:load",
        accepts=frozenset({"text"}),
        options={**_TORCH, "threshold": 0.05, "thresholds": None},
        requires=("torch", "transformers"),
        install=_INSTALL_TRANSFORMERS,
        find_weights=_FIND_FOLDER,
    ),
    BackendSpec(
        name="owlv2_concepts",
        kind="concept",
        factory="promptseg.backends.owlv2:load_concepts",
        accepts=frozenset({"text", "example"}),
        options={**_TORCH, "segmenter": DEFAULT_MODEL, "cache": "memory", "threshold": 0.1, "nms": 0.5, "max_instances": 300},
        forwards_options=True,
        requires=("torch", "transformers"),
        install=_INSTALL_TRANSFORMERS,
        find_weights=_FIND_FOLDER,
    ),
    BackendSpec(
        name="omdet_turbo",
        kind="detector",
        factory="promptseg.backends.omdet_turbo:load",
        accepts=frozenset({"text"}),
        options=_GROUNDING_DINO,
        requires=("torch", "transformers"),
        install=_INSTALL_TRANSFORMERS,
        find_weights=_FIND_FOLDER,
    ),
    BackendSpec(
        name="dinov2",
        kind="features",
        factory="promptseg.backends.dinov2:load",
        options={**_TORCH, "size": 518},
        requires=("torch", "transformers"),
        install=_INSTALL_TRANSFORMERS,
        find_weights=_FIND_FOLDER,
    ),
    BackendSpec(
        name="timm_vit",
        kind="features",
        factory="promptseg.backends.dinov2:load_timm",
        options={**_TORCH, "size": 518},
        requires=("torch", "torchvision", "timm"),
        install="pip install torch torchvision timm (the first two together)",
        find_weights=_FIND_FOLDER,
    ),
    BackendSpec(
        name="sam3",
        kind="concept",
        factory="promptseg.backends.sam3:load",
        accepts=frozenset({"text", "example"}),
        options={
            **_TORCH,
            "cache": "memory",
            "threshold": 0.5,
            "nms": 0.5,
            "nms_by": "mask",
            "max_instances": 200,
            "segmenter": DEFAULT_MODEL,
        },
        variants=frozenset({"sam3", "lite-text"}),
        requires=("torch", "torchvision", "transformers"),
        install=_INSTALL_SAM3,
        find_weights=_FIND_FOLDER,
        video="sam3_video",
    ),
    BackendSpec(
        name="sam3_tracker",
        kind="segmenter",
        factory="promptseg.backends.sam3_tracker:load",
        accepts=_SPATIAL,
        options=_TORCH_SAM,
        requires=("torch", "torchvision", "transformers"),
        install=_INSTALL_SAM3,
        find_weights=_FIND_FOLDER,
        video="sam3_tracker_video",
    ),
    BackendSpec(
        name="sam3_tracker_video",
        kind="video",
        factory="promptseg.backends.sam3_tracker_video:load",
        accepts=frozenset({"point", "box", "mask"}),
        options={**_TORCH, "memory": 512, "prompted_frames": 16, "logits": False},
        requires=("torch", "torchvision", "transformers"),
        install=_INSTALL_SAM3,
        find_weights=_FIND_FOLDER,
    ),
    BackendSpec(
        name="sam3_video",
        kind="video",
        factory="promptseg.backends.sam3_video:load",
        accepts=frozenset({"text"}),
        options={**_TORCH, "memory": 1024, "prompted_frames": 8, "hot_start": True},
        requires=("torch", "torchvision", "transformers"),
        install=_INSTALL_SAM3,
        find_weights=_FIND_FOLDER,
    ),
    BackendSpec(
        name="hf_sam",
        kind="segmenter",
        factory="promptseg.backends.hf_sam:load",
        accepts=_SPATIAL,
        options={**_TORCH_SAM, "hq_token_only": False},
        variants=frozenset({"sam", "sam_hq", "sam2", "edgetam"}),
        requires=("torch", "transformers"),
        install=_INSTALL_TRANSFORMERS,
        find_weights=_FIND_FOLDER,
        video="hf_video",
    ),
    BackendSpec(
        name="hf_video",
        kind="video",
        factory="promptseg.backends.hf_video:load",
        accepts=frozenset({"point", "box", "mask"}),
        options={**_TORCH, "memory": 512, "prompted_frames": 16, "fill_holes": 8, "logits": False},
        variants=frozenset({"sam2", "edgetam"}),
        requires=("torch", "transformers"),
        install=_INSTALL_TRANSFORMERS,
        find_weights=_FIND_FOLDER,
    ),
    BackendSpec(
        name="superpixel",
        kind="segmenter",
        factory="promptseg.backends.superpixel:load",
        accepts=frozenset({"point", "box", "everything"}),
        score="contrast",
        options={"n_segments": 300, "compactness": 10.0},
        requires=("skimage",),
        install="pip install 'promptseg[superpixel]'",
    ),
    BackendSpec(
        name="exemplar",
        kind="concept",
        factory="promptseg.backends.exemplar:load",
        accepts=frozenset({"example"}),
        options={"segmenter": DEFAULT_MODEL, "features": None, "threshold": 0.2, "max_instances": 1000},
        forwards_options=True,
        install="pip install promptseg",
    ),
    BackendSpec(
        name="propagate",
        kind="video",
        factory="promptseg.backends.propagate:load",
        accepts=frozenset({"point", "box", "mask"}),
        options={"segmenter": DEFAULT_MODEL, "every": 1},
        forwards_options=True,
        install="pip install promptseg",
    ),
)
