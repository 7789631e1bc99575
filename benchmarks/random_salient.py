"""Salient object models of the authors' code with random weights, in ONNX as published. ``needs.py`` measures them.

Called with a name of the catalog, a folder, and the file to write: ``python benchmarks/random_salient.py u2net UPSTREAM model.onnx``.
The folder has clones of the authors' repositories ``U-2-Net`` and ``DIS`` of https://github.com/xuebinqin and ``BiRefNet`` of
https://github.com/ZhengPeng7, which needs the packages einops and timm.
"""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MODELS: Mapping[str, tuple[str, str, str, int]] = {
    "birefnet-general": ("BiRefNet", "models.birefnet", "BiRefNet", 1024),
    "birefnet-general-lite": ("BiRefNet", "models.birefnet", "BiRefNet", 1024),
    "isnet-general-use": ("DIS/IS-Net/models", "isnet", "ISNetDIS", 1024),
    "u2net": ("U-2-Net/model", "u2net", "U2NET", 320),
    "u2netp": ("U-2-Net/model", "u2net", "U2NETP", 320),
}
"""Folder, module, class, and side of the model input in pixels, by name."""


def main() -> None:
    name, upstream, path = sys.argv[1:]
    warnings.simplefilter("ignore")
    import torch

    folder, module, cls, side = MODELS[name]
    sys.path.insert(0, str(Path(upstream) / folder))
    if cls == "BiRefNet":
        network = _birefnet(Path(upstream) / folder, "swin_v1_t" if name.endswith("lite") else "swin_v1_l")
    else:
        network = getattr(__import__(module), cls)()
    network = network.eval().requires_grad_(False)

    class Maps(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
            found = self.network(image)
            return tuple(found[0]) if isinstance(found[0], list) else tuple(found)

    torch.onnx.export(Maps(), (torch.zeros(1, 3, side, side),), path, opset_version=17, dynamo=False)


def _birefnet(folder: Path, backbone: str) -> Any:
    """Return a BiRefNet with a backbone, whose deformable convolutions can be exported."""
    text = (folder / "config.py").read_text("utf-8")
    before, chosen = "][3]\n        self.freeze_bb", f"][0]\n        self.bb = {backbone!r}\n        self.freeze_bb"
    if before not in text:
        raise SystemExit(f"{folder / 'config.py'} does not choose the backbone as expected")
    config = sys.modules["config"] = types.ModuleType("config")
    exec(compile(text.replace(before, chosen), "config.py", "exec"), config.__dict__)
    # Training alone uses these, and they bring further packages.
    for name, members in (("dataset", ("class_labels_TR_sorted",)), ("kornia", ()), ("kornia.filters", ("laplacian",))):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__dict__.update(dict.fromkeys(members))
    from models.birefnet import BiRefNet
    from models.modules import deform_conv

    deform_conv.deform_conv2d = deformed
    return BiRefNet(bb_pretrained=False)


def deformed(input: Any, offset: Any, weight: Any, bias: Any, padding: Any, mask: Any, stride: Any) -> Any:  # noqa: A002
    """Return ``torchvision.ops.deform_conv2d`` of one image with a stride of 1, by gathering the four neighbors of each place.

    The published files have it so: they are of a time when ONNX had no operation for it.
    """
    import torch

    assert tuple(stride) == (1, 1)
    above, left = (padding, padding) if isinstance(padding, int) else padding
    rows, columns = weight.shape[2:]
    width, height, count = input.shape[3], input.shape[2], rows * columns
    dy, dx = offset.reshape(count, 2, *offset.shape[2:]).unbind(1)
    ys, xs = torch.arange(dy.shape[1]).float()[:, None], torch.arange(dy.shape[2]).float()
    kernel = torch.arange(count)
    y = ys + (kernel // columns).float()[:, None, None] - above + dy
    x = xs + (kernel % columns).float()[:, None, None] - left + dx
    pixels, found = input.flatten(2), 0
    for bottom in (0, 1):
        for right in (0, 1):
            row, column = y.floor() + bottom, x.floor() + right
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            index = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).long()
            share = (1 - (y - row).abs()) * (1 - (x - column).abs()) * inside
            index = index.reshape(1, 1, -1).expand(1, pixels.shape[1], -1)
            found = found + torch.gather(pixels, 2, index).reshape(1, pixels.shape[1], *y.shape) * share
    sampled = (found * mask[:, None]).reshape(1, -1, *y.shape[1:])
    return torch.nn.functional.conv2d(sampled, weight.reshape(weight.shape[0], -1, 1, 1), bias)


if __name__ == "__main__":
    main()
