"""int8: a smaller encoder, by ONNX Runtime's dynamic quantization.

The weights of the matrix products become uint8, with a scale and a zero point for each column. Convolutions stay as they are, and so does
the decoder: what they would save is small, and quantizing them is what costs masks their outlines (docs/how-to/export.md has the figures).
"""

from __future__ import annotations

import logging
from pathlib import Path

from ..errors import BackendError


def quantize(path: Path, target: Path) -> None:
    """Writes the graph at `path` to `target` with the weights of its matrix products in uint8.

    Raises:
        BackendError: ONNX Runtime cannot quantize it.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # It advises through the logging module's own functions, which set logging up for the whole process where nobody has.
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
