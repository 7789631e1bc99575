"""The SAM family on ONNX Runtime."""
