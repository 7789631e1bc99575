"""Export of torch models to an ONNX encoder and decoder, checked against the torch model."""
