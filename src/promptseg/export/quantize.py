"""Quantization of the encoder to int8, with ONNX Runtime's dynamic quantization.

The weights of matrix products become uint8, with a scale and a zero point for each column. Convolutions and the decoder stay in float32:
quantizing them would save little and damage the outlines of masks (docs/how-to/export.md has the figures).
"""

from __future__ import annotations

import logging
from pathlib import Path

from ..errors import BackendError


def quantize(path: Path, target: Path) -> None:
    """Write the graph at `path` to `target` with the weights of its matrix products in uint8.

    Raises:
        BackendError: ONNX Runtime cannot quantize it.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # ONNX Runtime logs with the functions of the logging module, which configure the root logger if it has no handler.
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    try:
        quantize_dynamic(path, target, op_types_to_quantize=["MatMul"], per_channel=True, weight_type=QuantType.QUInt8)
    except OSError:
        raise
    except Exception as error:  # ONNX's and ONNX Runtime's exceptions share no base but Exception.
        raise BackendError(f"ONNX Runtime could not quantize {path.name}: {error}") from error
    finally:
        logging.getLogger().removeHandler(handler)
