"""Digests of the code that makes prepared files: graphs from a published decoder, and encoders in int8.

They are read from the source files, so that nothing that runs a model is imported.
"""

from __future__ import annotations

from pathlib import Path

from ....runtime import prepared

_GRAPHS = ("context", "decoder", "folding", "graph", "image_block", "stages", "tokens", "upscaling", "weights")
"""Modules of this package that build graphs."""


def graphs_code() -> str:
    """Return the digest of the code that builds graphs from a decoder."""
    return prepared.code_digest([Path(__file__).with_name(f"{module}.py") for module in _GRAPHS])


def int8_code() -> str:
    """Return the digest of the code that quantizes encoders."""
    return prepared.code_digest([Path(prepared.__file__).with_name("onnx_quantize.py")])


def current_codes() -> frozenset[str]:
    """Return the digests of all code of this version that makes prepared files."""
    return frozenset({graphs_code(), int8_code()})
