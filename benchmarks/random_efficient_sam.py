"""EfficientSAM of the authors' code with random weights, as a pair of ONNX files as published. ``needs.py`` measures it.

Called with a name of the catalog, a folder with a clone of https://github.com/yformer/EfficientSAM, and the folder to write:
``python benchmarks/random_efficient_sam.py efficient-sam-vitt UPSTREAM FOLDER``.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

SIZES: Mapping[str, tuple[int, int]] = {"efficient-sam-vitt": (192, 3), "efficient-sam-vits": (384, 6)}
"""Width of the encoder and its number of heads, by name."""


def main() -> None:
    name, upstream, folder = sys.argv[1:]
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(Path(upstream) / "EfficientSAM"))
    import onnx_models
    import torch
    from efficient_sam.efficient_sam import build_efficient_sam

    torch.tile = lambda tensor, _: tensor  # Of one prompt, as published: an exporter of today makes branches of it.
    width, heads = SIZES[name]
    model = build_efficient_sam(encoder_patch_embed_dim=width, encoder_num_heads=heads).eval().requires_grad_(False)
    points = {2: "num_points"}
    graphs = {
        "encoder": (
            onnx_models.OnnxEfficientSamEncoder(model),
            {"batched_images": torch.zeros(1, 3, 1080, 1920)},
            ["image_embeddings"],
            {"batched_images": {0: "batch", 2: "height", 3: "width"}},
        ),
        "decoder": (
            onnx_models.OnnxEfficientSamDecoder(model),
            {
                "image_embeddings": torch.zeros(1, 256, 64, 64),
                "batched_point_coords": torch.zeros(1, 1, 5, 2),
                "batched_point_labels": torch.ones(1, 1, 5),
                "orig_im_size": torch.tensor([1080, 1920]),
            },
            ["output_masks", "iou_predictions"],
            {"batched_point_coords": points, "batched_point_labels": points},
        ),
    }
    for part, (graph, inputs, outputs, free) in graphs.items():
        path, names = str(Path(folder) / f"{part}.onnx"), {"input_names": list(inputs), "output_names": outputs, "dynamic_axes": free}
        torch.onnx.export(graph, tuple(inputs.values()), path, opset_version=17, dynamo=False, **names)


if __name__ == "__main__":
    main()
