"""Salient object models of the authors' code with random weights, in ONNX as published. ``needs.py`` measures them.

Called with a name of the catalog, a folder, and the file to write: ``python benchmarks/random_salient.py u2net UPSTREAM model.onnx``.
The folder has clones of the authors' repositories ``U-2-Net`` and ``DIS`` of https://github.com/xuebinqin.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

MODELS: Mapping[str, tuple[str, str, str, int]] = {
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
    network = getattr(__import__(module), cls)().eval().requires_grad_(False)

    class Maps(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
            found = self.network(image)
            return tuple(found[0]) if isinstance(found[0], list) else tuple(found)

    torch.onnx.export(Maps(), (torch.zeros(1, 3, side, side),), path, opset_version=17, dynamo=False)


if __name__ == "__main__":
    main()
