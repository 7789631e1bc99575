"""Exports: from a model in torch to an encoder and a decoder in ONNX that need no torch, checked against the model that they came from."""
