"""Salient object models of the authors' code with random weights, in ONNX as published. ``needs.py`` measures them.

Called with a name of the catalog, a folder, and the file to write: ``python benchmarks/random_salient.py u2net UPSTREAM model.onnx``.
The folder has clones of the authors' repositories: ``U-2-Net`` and ``DIS`` of https://github.com/xuebinqin, and ``BiRefNet`` of
https://github.com/ZhengPeng7. BiRefNet also needs the packages einops and deform-conv2d-onnx-exporter, with which its authors exported it.
"""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MODELS: Mapping[str, tuple[str, str, str, int]] = {
    "isnet-general-use": ("DIS/IS-Net/models", "isnet", "ISNetDIS", 1024),
    "u2net": ("U-2-Net/model", "u2net", "U2NET", 320),
    "u2netp": ("U-2-Net/model", "u2net", "U2NETP", 320),
    "birefnet-general": ("BiRefNet", "swin_v1_l", "BiRefNet", 1024),
    "birefnet-general-lite": ("BiRefNet", "swin_v1_t", "BiRefNet", 1024),
}
"""Folder, module (of BiRefNet: backbone), class, and side of the model input in pixels, by name."""


def main() -> None:
    name, upstream, path = sys.argv[1:]
    warnings.simplefilter("ignore")
    import torch

    folder, module, cls, side = MODELS[name]
    sys.path.insert(0, str(Path(upstream) / folder))
    network = _birefnet(Path(upstream) / folder, module) if cls == "BiRefNet" else getattr(__import__(module), cls)()
    network.eval().requires_grad_(False)

    class Maps(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: torch.Tensor) -> Any:
            found = self.network(image)
            if cls == "BiRefNet":
                return found[-1].sigmoid()
            return tuple(found[0]) if isinstance(found[0], list) else tuple(found)

    torch.onnx.export(Maps(), (torch.zeros(1, 3, side, side),), path, opset_version=17, dynamo=False)


def _birefnet(folder: Path, backbone: str) -> Any:
    """Return a BiRefNet with a backbone. What its modules import for training alone is left out."""
    import deform_conv2d_onnx_exporter

    known = deform_conv2d_onnx_exporter.get_tensor_dim_size

    def size(tensor: Any, dim: int) -> int:
        """Return a length that the exporter may not know, by the strides of (1, C, H, W)."""
        found = known(tensor, dim)
        if found is not None or dim not in (0, 2, 3):
            return int(found)
        strides = tensor.type().strides()
        return {0: 1, 2: strides[1] // strides[2], 3: strides[2]}[dim]

    deform_conv2d_onnx_exporter.get_tensor_dim_size = size
    deform_conv2d_onnx_exporter.register_deform_conv2d_onnx_op()
    for absent, values in {"kornia.filters": {"laplacian": None}, "dataset": {"class_labels_TR_sorted": ()}}.items():
        sys.modules[absent] = types.ModuleType(absent)
        vars(sys.modules[absent]).update(values)
    source = (folder / "config.py").read_text("utf-8")
    chosen = source.replace("][3]\n        self.freeze_bb", f"].__getitem__(0) and {backbone!r}\n        self.freeze_bb")
    config = types.ModuleType("config")
    exec(compile(chosen, "config.py", "exec"), vars(config))  # The authors' configuration, with another backbone.
    sys.modules["config"] = config
    from models.birefnet import BiRefNet

    found = BiRefNet(bb_pretrained=False)
    assert found.config.bb == backbone, found.config.bb
    return found


if __name__ == "__main__":
    main()
