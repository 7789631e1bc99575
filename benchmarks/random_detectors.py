"""Models of transformers of the published sizes with random weights, in folders as on the hub. ``needs.py`` measures them.

Sizes are those of the scripts with which transformers converted the published weights. Called with a name of the catalog, an engine and
a folder: ``python benchmarks/random_detectors.py rf-detr-nano transformers FOLDER``.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SWIN: Mapping[str, Mapping[str, Any]] = {
    "tiny": {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24], "window_size": 7, "image_size": 224},
    "base": {"embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32], "window_size": 12, "image_size": 384},
    "large": {"embed_dim": 192, "depths": [2, 2, 18, 2], "num_heads": [6, 12, 24, 48], "window_size": 12, "image_size": 384},
}
"""Backbones of Grounding DINO, MM Grounding DINO, LLMDet and OmDet-Turbo."""

RF_DETR: Mapping[str, tuple[int, int, int, int]] = {
    "nano": (384, 16, 2, 2),
    "small": (512, 16, 2, 3),
    "medium": (576, 16, 2, 4),
    "base": (560, 14, 4, 3),
    "large": (704, 16, 2, 4),
    "seg-nano": (312, 12, 1, 4),
    "seg-small": (384, 12, 2, 4),
    "seg-medium": (432, 12, 2, 5),
    "seg-large": (504, 12, 2, 5),
}
"""Side of the model input, side of a patch, windows a side, and layers of the decoder, by size."""

RF_DETR_QUERIES = {"seg-nano": 100, "seg-small": 100, "seg-medium": 200}

_B0 = {"stem_channels": [3, 16, 16], "stage_in_channels": [16, 64, 256, 512], "stage_mid_channels": [16, 32, 64, 128]}
_B0 |= {
    "hidden_sizes": [128, 256, 512, 1024],
    "stage_out_channels": [64, 256, 512, 1024],
    "stage_num_blocks": [1, 1, 2, 1],
    "stage_numb_of_layers": [3] * 4,
}
_B2 = {"stem_channels": [3, 24, 32], "stage_in_channels": [32, 96, 384, 768], "stage_mid_channels": [32, 64, 128, 256]}
_B2 |= {
    "hidden_sizes": [192, 384, 768, 1536],
    "stage_out_channels": [96, 384, 768, 1536],
    "stage_num_blocks": [1, 1, 3, 1],
    "stage_numb_of_layers": [4] * 4,
}
_B4 = {"stem_channels": [3, 32, 48], "stage_in_channels": [48, 128, 512, 1024], "stage_mid_channels": [48, 96, 192, 384]}
_B4 |= {
    "hidden_sizes": [256, 512, 1024, 2048],
    "stage_out_channels": [128, 512, 1024, 2048],
    "stage_num_blocks": [1, 1, 3, 1],
    "stage_numb_of_layers": [6] * 4,
}
_B5 = {"stem_channels": [3, 32, 64], "stage_in_channels": [64, 128, 512, 1024], "stage_mid_channels": [64, 128, 256, 512]}
_B5 |= {
    "hidden_sizes": [256, 512, 1024, 2048],
    "stage_out_channels": [128, 512, 1024, 2048],
    "stage_num_blocks": [1, 2, 5, 2],
    "stage_numb_of_layers": [6] * 4,
}

D_FINE: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "n": (
        {**_B0, "out_indices": [3, 4], "use_learnable_affine_block": True},
        {
            "num_feature_levels": 2,
            "encoder_ffn_dim": 512,
            "encode_proj_layers": [1],
            "d_model": 128,
            "encoder_hidden_dim": 128,
            "decoder_ffn_dim": 512,
            "encoder_in_channels": [512, 1024],
            "decoder_n_points": [6, 6],
            "decoder_in_channels": [128, 128],
            "feat_strides": [16, 32],
            "depth_mult": 0.5,
            "decoder_layers": 3,
            "hidden_expansion": 0.34,
        },
    ),
    "s": (
        {**_B0, "use_learnable_affine_block": True},
        {"encoder_in_channels": [256, 512, 1024], "decoder_layers": 3, "hidden_expansion": 0.5, "depth_mult": 0.34},
    ),
    "m": ({**_B2, "use_learnable_affine_block": True}, {"encoder_in_channels": [384, 768, 1536], "decoder_layers": 4, "depth_mult": 0.67}),
    "l": (_B4, {"encoder_in_channels": [512, 1024, 2048]}),
    "x": (
        _B5,
        {
            "encoder_in_channels": [512, 1024, 2048],
            "encoder_hidden_dim": 384,
            "encoder_ffn_dim": 2048,
            "decoder_in_channels": [384, 384, 384],
        },
    ),
}
"""Values of the backbone and of the detector, by size."""

_D_FINE_BACKBONE = {
    "model_type": "hgnet_v2",
    "embedding_size": 32,
    "out_indices": [2, 3, 4],
    "stage_downsample": [False, True, True, True],
    "stage_light_block": [False, False, True, True],
    "stage_kernel_size": [3, 3, 5, 5],
}
_IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


def main() -> None:
    name, engine, folder = sys.argv[1:]
    warnings.simplefilter("ignore")
    write(name, engine, Path(folder))


def can_write(name: str) -> bool:
    """Return whether this module writes a model of the catalog."""
    return name.startswith(PREFIXES)


PREFIXES = ("rf-detr-", "d-fine-", "owlv2-base", "owlv2-large", "llmdet-", "mm-grounding-", "grounding-dino-", "dinov2-", "yolo1", "yolov")
PREFIXES += ("omdet-turbo-", "vitmatte-", "sam3")


def write(name: str, engine: str, folder: Path) -> None:
    """Write a model with random weights to a folder; for ``onnx``, as a file ``model.onnx`` with its configuration."""
    import torch

    if name.startswith("yolo"):
        _write_yolo(name, folder / "weights.pt")
        return
    model = _model(name).eval().requires_grad_(False)
    model.save_pretrained(folder)
    if name.startswith(("rf-detr", "d-fine")):
        side = RF_DETR[name.removeprefix("rf-detr-")][0] if name.startswith("rf") else 640
        sizes = {"size": {"height": side, "width": side}, "do_rescale": True, "rescale_factor": 1 / 255, "do_resize": True}
        values = {**sizes, "do_normalize": name.startswith("rf"), **_IMAGENET}
        (folder / "preprocessor_config.json").write_text(json.dumps(values), "utf-8")
        if engine == "onnx":
            (folder / "model.safetensors").unlink()
            with torch.no_grad():
                _export(model, side, folder / "model.onnx")
    elif name.startswith(("owlv2", "omdet", "sam3")):
        _write_clip_vocabulary(folder)
    elif engine == "onnx":
        (folder / "model.safetensors").unlink()
        _export_grounding(model, folder / "model.onnx")
        _write_bert_vocabulary(folder, model.config.text_config.vocab_size)
    else:
        _write_bert_vocabulary(folder, model.config.text_config.vocab_size if hasattr(model.config, "text_config") else 0)


def _model(name: str) -> Any:
    import transformers as tf

    from promptseg.models.coco_classes import COCO_BY_NUMBER, COCO_CLASSES

    if name.startswith("rf-detr"):
        size = name.removeprefix("rf-detr-")
        side, patch, windows, layers = RF_DETR[size]
        stages = [2, 5, 8, 11] if size == "base" else [3, 6, 9, 12]
        backbone = {"model_type": "rf_detr_dinov2", "hidden_size": 384, "num_attention_heads": 6, "image_size": side, "patch_size": patch}
        config = tf.RfDetrConfig(
            backbone_config={**backbone, "num_windows": windows, "out_features": [f"stage{stage}" for stage in stages]},
            id2label={number: COCO_BY_NUMBER.get(number) or "N/A" for number in range(91)},
            decoder_layers=layers,
            decoder_n_points=2,
            num_queries=RF_DETR_QUERIES.get(size, 300),
        )
        return (tf.RfDetrForInstanceSegmentation if "seg" in size else tf.RfDetrForObjectDetection)(config)
    if name.startswith("d-fine"):
        own, values = D_FINE[name.removeprefix("d-fine-")]
        points = {} if name.endswith("-n") else {"decoder_n_points": [3, 6, 3]}
        labels = dict(enumerate(COCO_CLASSES))
        return tf.DFineForObjectDetection(
            tf.DFineConfig(backbone_config={**_D_FINE_BACKBONE, **own}, id2label=labels, **{**points, **values})
        )
    if name.startswith("owlv2"):
        large = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16, "image_size": 1008}
        vision = {**large, "patch_size": 14} if "large" in name else {"image_size": 960, "patch_size": 16}
        wide = {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12} if "large" in name else {}
        sizes = {"projection_dim": 768} if "large" in name else {}
        return tf.Owlv2ForObjectDetection(tf.Owlv2Config(vision_config=vision, text_config=wide, **sizes))
    if name.startswith(("llmdet", "mm-grounding")):
        size = name.rpartition("-")[2]
        stages = [1, 2, 3, 4] if size == "large" else [2, 3, 4]
        swin = tf.SwinConfig(**SWIN[size], out_indices=stages)
        levels = 5 if size == "large" else 4
        return tf.MMGroundingDinoForObjectDetection(tf.MMGroundingDinoConfig(backbone_config=swin, num_feature_levels=levels))
    if name.startswith("grounding-dino"):
        size = {"swin-t": "tiny", "swin-b": "base"}[name.removeprefix("grounding-dino-")]
        swin = {"model_type": "swin", **SWIN[size], "out_indices": [2, 3, 4]}
        return tf.GroundingDinoForObjectDetection(tf.GroundingDinoConfig(backbone_config=swin))
    if name.startswith("omdet"):
        swin = {"model_type": "swin", **SWIN["tiny"], "image_size": 640, "out_indices": [2, 3, 4]}
        # The published backbone is timm's, which gives its channels last and without a norm; that of transformers does both itself.
        return tf.OmDetTurboForObjectDetection(tf.OmDetTurboConfig(backbone_config=swin, apply_layernorm_after_vision_backbone=False))
    if name.startswith("vitmatte"):
        width, heads = (384, 6) if "small" in name else (768, 12)
        blocks = {"window_block_indices": [0, 1, 3, 4, 6, 7, 9, 10], "residual_block_indices": [2, 5, 8, 11], "window_size": 14}
        sizes = {"hidden_size": width, "num_attention_heads": heads, "image_size": 512, "pretrain_image_size": 224, "num_channels": 4}
        convolutions = {"convstream_hidden_sizes": [48, 96, 192], "fusion_hidden_sizes": [256, 128, 64, 32]}
        vit = {"model_type": "vitdet", **sizes, **blocks, "use_relative_position_embeddings": True, "out_features": ["stage12"]}
        return tf.VitMatteForImageMatting(tf.VitMatteConfig(backbone_config=vit, hidden_size=width, **convolutions))
    if name.startswith("sam3"):  # Their defaults are the published sizes.
        cls = {"sam3": "Sam3", "sam3-lite-text": "Sam3LiteText", "sam3-tracker": "Sam3Tracker"}[name]
        return getattr(tf, f"{cls}Model")(getattr(tf, f"{cls}Config")())
    sizes = {"hidden_size": 384, "num_attention_heads": 6} if "small" in name else {}
    return tf.Dinov2Model(tf.Dinov2Config(image_size=518, patch_size=14, **sizes))


def _export(model: Any, side: int, path: Path) -> None:
    """Write an RF-DETR or a D-FINE in the layout of transformers.js."""
    import torch

    class Graph(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, image: Any) -> Any:
            found = self.model(pixel_values=image)
            return found.logits, found.pred_boxes

    for module in model.modules():  # Traced, it would always resize its table of positions, which ONNX cannot do.
        if hasattr(module, "interpolate_pos_encoding"):
            module.interpolate_pos_encoding = lambda *_, own=module: own.position_embeddings
    names = {"input_names": ["pixel_values"], "output_names": ["logits", "pred_boxes"]}
    torch.onnx.export(Graph().eval(), (torch.zeros(1, 3, side, side),), str(path), opset_version=17, dynamo=False, **names)
    _without_doubles(path)


def _export_grounding(model: Any, path: Path) -> None:
    """Write a Grounding DINO in transformers' layout, for images of 3 to 2."""
    sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "fixtures"))
    from detector_exports import export_grounding

    export_grounding(model, path, "transformers", (800, 1200))


def _without_doubles(path: Path) -> None:
    """Make the doubles of a file float32: tracing makes some, and ONNX Runtime does not compute with all of them."""
    import onnx
    from onnx import TensorProto, numpy_helper

    model = onnx.load(str(path))
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t") and attribute.t.data_type == TensorProto.DOUBLE:
                attribute.t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(attribute.t).astype("float32"), attribute.t.name))
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.DOUBLE:
                attribute.i = TensorProto.FLOAT
    onnx.save(model, str(path))


def _write_yolo(name: str, path: Path) -> None:
    import torch

    from promptseg.backends._ultralytics import import_tasks
    from promptseg.models.coco_classes import COCO_CLASSES

    tasks = import_tasks()
    kind = tasks.SegmentationModel if name.endswith("-seg") else tasks.DetectionModel
    model = kind(f"{name}.yaml", verbose=False)
    model.names = dict(enumerate(COCO_CLASSES))
    model.task = "segment" if name.endswith("-seg") else "detect"
    torch.save({"model": model, "ema": None, "train_args": {"imgsz": 640, "task": model.task}}, path)


def _write_bert_vocabulary(folder: Path, size: int) -> None:
    words = [f"word{index}" for index in range(size)]
    for index, word in {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 1012: ".", 1029: "?", 2452: "cup"}.items():
        if index < size:
            words[index] = word  # The numbers of bert-base-uncased.
    if words:
        (folder / "vocab.txt").write_text("\n".join(words), "utf-8")


def _write_clip_vocabulary(folder: Path) -> None:
    """Write a vocabulary of the size of CLIP's. It has all bytes, and no word."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    pieces = ["!", *(letter for letter in letters if letter != "!"), *(f"{letter}</w>" for letter in letters)]
    pieces += [f"<unused{index}>" for index in range(49406 - len(pieces))]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(pieces)}), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")


if __name__ == "__main__":
    main()
