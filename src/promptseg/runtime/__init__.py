"""The machine that code runs on: devices, memory, files, progress."""
