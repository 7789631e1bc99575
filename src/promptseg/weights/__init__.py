"""Storage and download of model weights."""
