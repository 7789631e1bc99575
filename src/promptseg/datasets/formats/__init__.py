"""Dataset formats, one per module. Each reads into the classes of `promptseg.datasets.core` and writes from them."""
