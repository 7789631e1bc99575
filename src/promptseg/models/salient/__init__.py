"""Salient object models: the object that a viewer looks at first, without a prompt. U²-Net, IS-Net and BiRefNet in ONNX."""
