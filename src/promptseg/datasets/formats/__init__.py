"""Dataset formats, one a module. Each reads into the classes of `promptseg.datasets.core` and writes from them."""
