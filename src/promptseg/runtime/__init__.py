"""Access to the host: devices, memory, files, progress bars and runtimes of models."""
