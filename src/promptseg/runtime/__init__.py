"""The host that models run on: devices and memory, torch and ONNX Runtime, checkpoints, the cache folder, files and progress bars."""
